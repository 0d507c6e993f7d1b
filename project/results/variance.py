"""The variance between runs by its source: the data drawn, the initial weights, the order.

A study varies one source at a time and holds the others at a fixed seed, and varies all together
(Bouthillier et al. 2021, arXiv 2103.03098).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from project.results.statistics import CONFIDENCE, Interval, summarise


@dataclass(frozen=True)
class VarianceEstimate:
    """The variance of n runs (ddof 1) with its 95 % CI (chi-square), too narrow for heavy tails.

    A variance is known less precisely than a mean: with 10 runs the CI spans 0.47 to 3.3 times the
    estimate, with 50 runs 0.70 to 1.6 times.
    """

    n: int
    variance: float
    ci: Interval


@dataclass(frozen=True)
class Decomposition:
    """The variance that each source of chance causes alone, and that all cause together.

    Each source's depends on the seed at which the others were held. Their sum is that of all
    together only if their effects add up; interactions count in each of their sources.
    """

    sources: dict[str, VarianceEstimate]
    shares: dict[str, float] | None  # of the sum; None if that is 0
    sum_of_sources: float
    together: VarianceEstimate | None  # None if that variant was not run


def estimate_variance(values: ArrayLike) -> VarianceEstimate:
    """Return the variance of `values` (n,), one for each run; ValueError for fewer than two."""
    summary = summarise(values)
    if summary.std is None:
        raise ValueError("a variance needs at least 2 runs, got 1")
    variance, freedom = summary.std**2, summary.n - 1
    tail = (1 - CONFIDENCE) / 2
    low, high = freedom * variance / special.chdtri(freedom, [tail, 1 - tail])
    return VarianceEstimate(summary.n, variance, (float(low), float(high)))


def decompose(varied: Mapping[str, ArrayLike], together: ArrayLike | None) -> Decomposition:
    """Return the variances of runs by the one source that varied, and of those in which all varied.

    Raises:
        ValueError: `varied` is empty, or some values are not finite or fewer than two.
    """
    if not varied:
        raise ValueError("a decomposition needs at least one source")
    sources = {name: estimate_variance(values) for name, values in varied.items()}
    total = float(np.sum([source.variance for source in sources.values()]))
    shares = {name: source.variance / total for name, source in sources.items()} if total else None
    whole = None if together is None else estimate_variance(together)
    return Decomposition(sources, shares, total, whole)
