"""How layers start: weights random, and scaled so that a layer keeps the variance of its input.

A unit sums `fan_in` products, so the variance of its output is fan_in * Var(weight) times the mean
square of its inputs: Var(weight) = 1 / fan_in keeps it (He et al. 2015, arXiv 1502.01852, without
the factor 2 that they add for ReLU).

Each of these fills a weight (fan_out, ...), whose unit o sums the fan_in products of weight[o], and
the bias (fan_out,) if there is one.
"""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Generator, Tensor


def normal(weight: Tensor, bias: Tensor | None, generator: Generator | None = None) -> None:
    """Weights from N(0, 1) * sqrt(1 / fan_in), biases 0: the EPFL report's rule."""
    weight.normal_(generator=generator).mul_(sqrt(1 / weight[0].numel()))
    if bias is not None:
        bias.zero_()


def uniform(weight: Tensor, bias: Tensor | None, generator: Generator | None = None) -> None:
    """Weights from U(-a, a), a = sqrt(3 / fan_in): variance 1 / fan_in; biases 0."""
    bound = sqrt(3 / weight[0].numel())
    weight.uniform_(-bound, bound, generator=generator)
    if bias is not None:
        bias.zero_()


def kaiming_uniform(
    weight: Tensor, bias: Tensor | None, generator: Generator | None = None
) -> None:
    """Weights and biases from U(-a, a), a = 1 / sqrt(fan_in), as torch's layers draw theirs.

    The weight's variance is 1 / (3 fan_in). Its bound is computed in torch's own steps (a gain of
    sqrt(2 / (1 + 5)) and a std from it), so that the numbers agree to the last bit.
    """
    fan_in = weight[0].numel()
    std = sqrt(2 / (1 + sqrt(5) ** 2)) / sqrt(fan_in)
    bound = sqrt(3) * std
    weight.uniform_(-bound, bound, generator=generator)
    if bias is not None:
        bias.uniform_(-1 / sqrt(fan_in), 1 / sqrt(fan_in), generator=generator)


INITIALISATIONS = {"normal": normal, "uniform": uniform, "kaiming_uniform": kaiming_uniform}


def check_initialisation(name: str) -> None:
    """Refuse a name that is not in INITIALISATIONS."""
    if name not in INITIALISATIONS:
        known = ", ".join(INITIALISATIONS)
        raise ValueError(f"initialisation must be one of {known}, got {name!r}")
