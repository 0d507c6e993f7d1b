"""The launchers `hydra/launcher=slurm` and `submitit_local`: jobs as elements of a job array."""
