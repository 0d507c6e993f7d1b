"""Is an experiment fit to be believed? Checks of net, task and data before hours are spent.

Each file is a group of checks; `run.py` carries them out in their order, cheapest first.
"""
