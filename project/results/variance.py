"""Where the spread between runs comes from: the data drawn, the first weights, or the order.

A study varies one source of chance at a time, the others held at one seed, and also all of them
together (Bouthillier et al. 2021, arXiv 2103.03098). Here are the variances of its variants.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from project.results.statistics import CONFIDENCE, Interval, summarise


@dataclass(frozen=True)
class VarianceEstimate:
    """The variance of n runs (ddof 1) and where the true one lies with 95 % confidence.

    A variance is known far worse than a mean: with 10 runs the CI goes from 0.47 to 3.3 times the
    estimate, with 50 from 0.70 to 1.6 times. It is chi-square's, which trusts that the runs are
    normal; with tails heavier than normal it is too narrow.
    """

    n: int
    variance: float
    ci: Interval


@dataclass(frozen=True)
class Decomposition:
    """The variance from each source alone, and from all together where that variant exists.

    The sum equals the variance of all together only if the sources add up. Where they interact it
    is larger on the average, since each interaction is in the variance of each of its sources; and
    a source's variance depends on the seed at which the others were held. Shares are of the sum;
    None where no source made a difference.
    """

    sources: dict[str, VarianceEstimate]
    shares: dict[str, float] | None
    sum_of_sources: float
    together: VarianceEstimate | None


def estimate_variance(values: ArrayLike) -> VarianceEstimate:
    """Return the variance of values of shape (n,).

    Raises:
        ValueError: There are fewer than two values, or some are not finite.
    """
    summary = summarise(values)
    if summary.std is None:
        raise ValueError("a variance needs at least 2 runs, got 1")
    variance, freedom = summary.std**2, summary.n - 1
    tail = (1 - CONFIDENCE) / 2
    low, high = freedom * variance / stats.chi2.ppf([1 - tail, tail], freedom)
    return VarianceEstimate(summary.n, variance, (float(low), float(high)))


def decompose(varied: Mapping[str, ArrayLike], together: ArrayLike | None) -> Decomposition:
    """Return the variances of values (n,) by the source that varies, and of all `together`.

    Raises:
        ValueError: There is no source, or as `estimate_variance`.
    """
    if not varied:
        raise ValueError("a decomposition needs at least one source")
    sources = {name: estimate_variance(values) for name, values in varied.items()}
    total = float(np.sum([source.variance for source in sources.values()]))
    return Decomposition(
        sources=sources,
        shares={name: source.variance / total for name, source in sources.items()}
        if total
        else None,
        sum_of_sources=total,
        together=None if together is None else estimate_variance(together),
    )
