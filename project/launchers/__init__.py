"""Launchers, which carry out the jobs of a sweep, and sweepers, which choose its jobs.

Launchers: `local` (processes on this machine), `slurm` (a Slurm job array) and `ray` (a Ray
cluster). Sweepers: `grid` (all combinations of the swept values) and `optuna` (a search). All are
Hydra plugins. They read and write run directories, but import neither torch nor Lightning.
"""
