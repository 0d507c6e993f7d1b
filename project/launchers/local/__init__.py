"""`hydra/launcher=local`: the jobs of a sweep as processes of this machine, the default."""
