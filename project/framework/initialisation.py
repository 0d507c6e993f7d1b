"""Initialisations of weights that keep the variance of a layer's input.

A unit sums `fan_in` products, so the variance of its output is fan_in * Var(weight) times the mean
square of its inputs: Var(weight) = 1 / fan_in keeps it (He et al. 2015, arXiv 1502.01852, without
the factor 2 that they add for ReLU).

Each function fills, in place, a weight (fan_out, ...) and the bias (fan_out,) if it is not None.
fan_in is the number of elements of weight[o]. `generator` None stands for torch's default one.
"""

from collections.abc import Callable
from math import sqrt

from project.framework.state import require
from project.framework.torch_types import Generator, Tensor


def normal(weight: Tensor, bias: Tensor | None, generator: Generator | None) -> None:
    """Fill the weight from N(0, 1) * sqrt(1 / fan_in), the bias with 0 (the EPFL report's rule)."""
    weight.normal_(generator=generator).mul_(sqrt(1 / weight[0].numel()))
    if bias is not None:
        bias.zero_()


def uniform(weight: Tensor, bias: Tensor | None, generator: Generator | None) -> None:
    """Fill the weight from U(-a, a), a = sqrt(3 / fan_in), the bias with 0: variance 1 / fan_in."""
    bound = sqrt(3 / weight[0].numel())
    weight.uniform_(-bound, bound, generator=generator)
    if bias is not None:
        bias.zero_()


def kaiming_uniform(weight: Tensor, bias: Tensor | None, generator: Generator | None) -> None:
    """Fill weight and bias from U(-a, a), a = 1 / sqrt(fan_in), as torch's layers do.

    The weight's bound is computed in the same steps as in torch (a gain of sqrt(2 / (1 + 5)), then
    a std), so that the numbers agree to the last bit.
    """
    fan_in = weight[0].numel()
    std = sqrt(2 / (1 + sqrt(5) ** 2)) / sqrt(fan_in)
    bound = sqrt(3) * std
    weight.uniform_(-bound, bound, generator=generator)
    if bias is not None:
        bias.uniform_(-1 / sqrt(fan_in), 1 / sqrt(fan_in), generator=generator)


INITIALISATIONS = {"normal": normal, "uniform": uniform, "kaiming_uniform": kaiming_uniform}


def initialisation_named(name: str) -> Callable[..., None]:
    """Return a function of INITIALISATIONS; raise ValueError if it has no such name."""
    rule = f"initialisation must be one of {', '.join(INITIALISATIONS)}"
    require(name in INITIALISATIONS, rule, repr(name))
    return INITIALISATIONS[name]
