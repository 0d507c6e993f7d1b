"""Read runs from disk as records, variants, statistics and DataFrames; never imports torch.

    from project.results import compare, history, runs

    table = runs("outputs")                      # a pandas DataFrame, one row per run
    curve = history(table.iloc[0])               # its history.csv
    print(compare("outputs/runs/ws_al-0123abcd", "outputs/runs/basic-4567cdef"))

pandas and scipy are imported only when one of the three functions is called.
"""

from project.results.frames import compare, history, runs

__all__ = ["compare", "history", "runs"]
