"""How the jobs of a sweep are carried out, and in what order they are chosen.

Launchers: `local`, as processes here; `slurm`, as a job array; `ray`, on a cluster. Sweepers: the
whole grid, or a search (`tuning`). Hydra meets these as its plugins; they know runs on disk, but
neither torch nor Lightning.
"""
