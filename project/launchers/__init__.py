"""How the jobs of a sweep are carried out: `local`, processes on this machine; `slurm`, a job array.

Hydra meets these as its plugins; they know runs on disk, but neither torch nor Lightning.
"""
