"""The sweeper `hydra/sweeper=optuna`: a search of values instead of all combinations."""
