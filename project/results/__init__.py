"""Read runs from disk as records, variants, statistics and DataFrames; never imports torch.

pandas and scipy are imported only when `runs`, `history` or `compare` is called.
"""

from project.results.frames import compare, history, runs

__all__ = ["compare", "history", "runs"]
