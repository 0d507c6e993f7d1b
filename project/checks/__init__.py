"""Checks of an experiment's net, task and data; each module is a group, `run.py` makes all."""
