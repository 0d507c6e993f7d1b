"""How weights start: random, and scaled so that a layer keeps the variance of what passes through.

A unit sums `fan_in` products, so the variance of its output is fan_in * Var(weight) times the mean
square of its inputs: Var(weight) = 1 / fan_in keeps it (He et al. 2015, arXiv 1502.01852, without
the factor 2 that they add for ReLU).
"""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Generator, Tensor


def normal(weight: Tensor, generator: Generator | None = None) -> Tensor:
    """Fill a weight (fan_out, fan_in) from N(0, 1) * sqrt(1 / fan_in)."""
    return weight.normal_(generator=generator).mul_(sqrt(1 / weight.shape[1]))


def uniform(weight: Tensor, generator: Generator | None = None) -> Tensor:
    """Fill a weight (fan_out, fan_in) from U(-a, a), a = sqrt(3 / fan_in): variance 1 / fan_in."""
    bound = sqrt(3 / weight.shape[1])
    return weight.uniform_(-bound, bound, generator=generator)


INITIALISATIONS = {"normal": normal, "uniform": uniform}
