"""What runs have left on disk: records, variants and the statistics over them; no torch.

    from project.results import compare, history, runs

    table = runs("outputs")                      # a pandas DataFrame, one row per run
    curve = history(table.iloc[0])               # its history.csv
    print(compare("outputs/runs/ws_al-0123abcd", "outputs/runs/basic-4567cdef"))

pandas and scipy are imported when one of the three is called, and not before.
"""

from project.results.frames import compare, history, runs

__all__ = ["compare", "history", "runs"]
