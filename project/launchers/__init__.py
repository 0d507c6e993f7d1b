"""Hydra plugins: launchers, which carry out the jobs of a sweep, and sweepers, which choose."""
