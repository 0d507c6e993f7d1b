"""Checks of an experiment's net, task and data, before hours are spent on training.

Each module is a group of checks; `run.py` carries all of them out.
"""
