"""How the jobs of a sweep are carried out: `local`, as processes here; `slurm`, as a job array.

Hydra meets these as its plugins; they know runs on disk, but neither torch nor Lightning.
"""
