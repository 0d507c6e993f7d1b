"""`hydra/sweeper=optuna`: values are searched instead of being tried out one and all."""
