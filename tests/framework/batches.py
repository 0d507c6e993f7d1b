"""Hypothesis strategies for what goes into modules: matrices (N, C) of float64, and their sizes."""

import torch
from hypothesis import strategies as st
from torch import Tensor

sizes = st.integers(1, 5)
seeds = st.integers(0, 2**32 - 1)

# Hypothesis favours the special ones among these: 0, 1, whole numbers, the bounds.
moderate = st.floats(-8, 8, allow_subnormal=False)
extreme = st.sampled_from([0.0, 1.0, -1.0, 20.0, -20.0, 1000.0, -1000.0])


@st.composite
def matrices(
    draw: st.DrawFn, rows: int, columns: int, elements: st.SearchStrategy[float] = moderate
) -> Tensor:
    """A matrix (rows, columns) whose elements hypothesis chooses."""
    count = rows * columns
    values = draw(st.lists(elements, min_size=count, max_size=count))
    return torch.tensor(values, dtype=torch.float64).reshape(rows, columns)


def gaussian(rows: int, columns: int, seed: int) -> Tensor:
    """A matrix (rows, columns) from N(0, 1)."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, columns, dtype=torch.float64, generator=generator)
