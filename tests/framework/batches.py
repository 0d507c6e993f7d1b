"""Hypothesis strategies for what goes into modules: float64 values, their sizes and layouts."""

from collections.abc import Callable

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


@st.composite
def maps(draw: st.DrawFn, *shape: int) -> Tensor:
    """Maps of a shape, in any layout: a few values that hypothesis chooses, each in many places.

    So equal values, which matter to a maximum, are common.
    """
    values = torch.tensor(draw(st.lists(moderate, min_size=1, max_size=9)), dtype=torch.float64)
    generator = torch.Generator().manual_seed(draw(seeds))
    places = torch.randint(len(values), shape, generator=generator)
    return draw(layouts)(values[places])


def gaussian(*shape: int, seed: int) -> Tensor:
    """A tensor from N(0, 1)."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, dtype=torch.float64, generator=generator)


def _channels_last(x: Tensor) -> Tensor:
    return x.movedim(1, -1).contiguous().movedim(-1, 1)


def _reversed_dimensions(x: Tensor) -> Tensor:
    order = tuple(reversed(range(x.dim())))
    return x.permute(order).contiguous().permute(order)


def _every_second(x: Tensor) -> Tensor:
    wide = torch.full((*x.shape[:-1], 2 * x.shape[-1]), torch.nan, dtype=x.dtype)
    wide[..., ::2] = x
    return wide[..., ::2]


def _part_of_more(x: Tensor) -> Tensor:
    more = torch.full([size + 2 for size in x.shape], torch.nan, dtype=x.dtype)
    part = more[tuple(slice(1, -1) for _ in x.shape)]
    part.copy_(x)
    return part


# The same values otherwise in memory; where there are gaps, they hold NaN.
LAYOUTS: dict[str, Callable[[Tensor], Tensor]] = {
    "contiguous": Tensor.contiguous,
    "channels last": _channels_last,
    "reversed dimensions": _reversed_dimensions,
    "every second number": _every_second,
    "part of a larger tensor": _part_of_more,
}
layouts = st.sampled_from(list(LAYOUTS.values()))
