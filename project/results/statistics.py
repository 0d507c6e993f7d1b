"""Statistics over seeds: a mean with its 95 % CI, and two variants compared seed by seed.

At one seed, all variants of a study see the same examples in the same order, so their difference at
each seed is free of what a lucky or unlucky seed does to both.

Sources: Student 1908 (intervals); Fisher 1935, The Design of Experiments (pairs, sign-flip test);
Cohen 1988 (d_z, power); Holm 1979; Colas, Sigaud and Oudeyer 2018, arXiv 1806.08295 (number of
seeds); Bouthillier et al. 2021, arXiv 2103.03098 (probability of being better).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import special  # scipy.stats would take most of a second to import

CONFIDENCE = 0.95
SIGNIFICANCE = 0.05
POWER = 0.80
# With 5 pairs no sign-flip p-value can be below 2/32 = 0.0625: nothing can be significant.
MIN_PAIRS = 6
# Metrics are float32: values closer than this are treated as equal. Error rates that differ by a
# single example are further apart on any test set of fewer than ten million examples.
EPS = 1e-7
# The sign-flip test recognises multiples of 1/m, the error rates on m test examples, up to this m.
MAX_TEST_SET = 10_000
# Other values are rounded to the largest difference divided by this.
PARTS = 10_000

Interval = tuple[float, float]


@dataclass(frozen=True)
class Summary:
    """The statistics of one variant's values over its n seeds.

    Attributes:
        std: How far single seeds lie from the mean (ddof 1), not how precisely the mean is known.
            None for one seed. 0 if all values are equal, by chance with few seeds on a small test
            set.
        ci: The 95 % CI of the mean (Student's t), which shrinks with n. None for one seed.
    """

    n: int
    mean: float
    std: float | None
    ci: Interval | None
    median: float
    lowest: float
    highest: float


def summarise(values: ArrayLike) -> Summary:
    """Return the statistics of `values` (n,), one for each seed.

    The CI assumes roughly normal values. With 10 seeds it tolerates a moderate skew, but not a net
    that sometimes fails to learn, so look at the single values too.

    Raises:
        ValueError: There are no values, or some are not finite.
    """
    array = _finite(values)
    n, mean, std, ci = len(array), float(array.mean()), None, None
    if n > 1:
        # Equal values have a std of exactly 0; numpy's may be a rounding error.
        std = float(array.std(ddof=1)) if np.ptp(array) > EPS else 0.0
        half = special.stdtrit(n - 1, (1 + CONFIDENCE) / 2) * std / np.sqrt(n)
        ci = float(mean - half), float(mean + half)
    ends = float(array.min()), float(array.max())
    return Summary(n, mean, std, ci, float(np.median(array)), *ends)


def _finite(values: ArrayLike) -> np.ndarray:
    array = np.asarray(values, dtype=float)
    if array.ndim != 1 or len(array) == 0:
        raise ValueError(f"values must be (n,) with n >= 1, got shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"values must be finite, got {array[~np.isfinite(array)].tolist()}")
    return array


@dataclass(frozen=True)
class Paired:
    """The comparison of variant a with variant b over n common seeds.

    Attributes:
        mean: The mean of the differences a - b.
        std: Their std (ddof 1); None for one seed.
        ci: The 95 % CI of `mean`; None for one seed.
        p_value: The exact sign-flip test's. None for fewer than 6 seeds.
        t_p_value: Student's paired t-test's, which assumes normal differences; where the two
            disagree, trust `p_value`. None for fewer than 6 seeds or a std of 0.
        d_z: `mean / std` (Cohen), how clearly a and b differ at a single seed: 0.2 is small, 0.8 is
            large. None if the std is None or 0.
        p_better: The share of seeds at which a is better, ties counting half: an estimate of the
            probability that it is at a new seed.
        detectable: As `smallest_detectable`. None for fewer than 6 seeds or a std of 0.
    """

    n: int
    mean: float
    std: float | None
    ci: Interval | None
    p_value: float | None
    t_p_value: float | None
    d_z: float | None
    p_better: float
    detectable: float | None

    @property
    def exploratory(self) -> bool:
        """Whether there are fewer than 6 seeds, too few for a p-value."""
        return self.n < MIN_PAIRS


def compare_paired(a: ArrayLike, b: ArrayLike, direction: Literal["min", "max"] = "min") -> Paired:
    """Compare the values `a` (n,) and `b` (n,), where a[i] and b[i] belong to the same seed.

    Raises:
        ValueError: There are no values, the lengths differ, or some values are not finite.
    """
    first, second = _finite(a), _finite(b)
    if len(first) != len(second):
        raise ValueError(f"pairs need as many a as b, got {len(first)} and {len(second)}")
    differences = first - second
    summary = summarise(differences)
    n, std = summary.n, summary.std
    d_z = summary.mean / std if std else None
    p_value = t_p_value = detectable = None
    if n >= MIN_PAIRS:
        p_value = sign_flip_p_value(differences)
        if std and d_z is not None:
            t_p_value = float(2 * special.stdtr(n - 1, -abs(d_z) * np.sqrt(n)))
            detectable = smallest_detectable(n, std)
    worse = differences if direction == "min" else -differences
    better = float(np.mean(worse < -EPS) + np.mean(np.abs(worse) <= EPS) / 2)
    return Paired(n, summary.mean, std, summary.ci, p_value, t_p_value, d_z, better, detectable)


def sign_flip_p_value(differences: ArrayLike) -> float:
    """Return the two-sided p-value of Fisher's sign-flip test for finite `differences` (n,).

    If the variants were alike, each difference could equally have the opposite sign. p is the share
    of the 2^n choices of signs whose sum is at least as far from zero as the observed one: at least
    2 / 2^n, 0.03 with 6 seeds. No distribution is assumed, and a difference of zero changes
    nothing.

    Error rates on m test examples are multiples of 1/m, so all choices can be counted exactly for
    any n (Pagano and Tritchler 1983). Other values are first rounded to 10,000ths of the largest.
    """
    differences = _finite(differences)
    differences = differences[np.abs(differences) > EPS]
    if len(differences) < 2:
        return 1.0
    per_one = _smallest_test_set(differences) or PARTS / np.abs(differences).max()
    return _count_sign_flips(np.rint(differences * per_one).astype(int))


def _smallest_test_set(differences: np.ndarray) -> int | None:
    """Return the smallest m <= MAX_TEST_SET so that all differences are multiples of 1/m."""
    sizes = np.arange(1, MAX_TEST_SET + 1)
    for difference in differences:
        off = np.abs(np.rint(difference * sizes) / sizes - difference)
        sizes = sizes[off < EPS]
    return int(sizes[0]) if len(sizes) else None


def _count_sign_flips(differences: np.ndarray) -> float:
    """Return the p-value for integer differences (n,), not all of them zero.

    With F the sum of the |differences| whose sign is minus, the signed sum is total - 2F: as far
    from zero as observed if F <= cut or, equally likely, F >= total - cut. `chances[f]` is P(F =
    f).
    """
    sizes = np.abs(differences)
    cut = (int(sizes.sum()) - abs(int(differences.sum()))) // 2
    chances = np.zeros(cut + 1)
    chances[0] = 1.0
    for size in sizes:
        flipped = chances[: max(0, cut + 1 - size)] / 2
        chances /= 2
        chances[size:] += flipped
    return min(1.0, 2 * float(chances.sum()))


def smallest_detectable(n: int, std: float) -> float:
    """Return the smallest true mean difference that a paired t-test detects with 80 % power.

    Detected means p < 0.05, two-sided, in the right direction, of this comparison alone: Holm's
    correction needs a larger difference. "Not significant" says little about smaller ones. For a
    true difference d, t has noncentrality d sqrt(n) / std; the function solves for d.

    Args:
        n: The number of seeds, at least 2.
        std: That of the differences, which is treated as known although it is estimated.
    """
    threshold = special.stdtrit(n - 1, 1 - SIGNIFICANCE / 2)
    noncentrality = special.nctdtrinc(n - 1, 1 - POWER, threshold)
    return float(noncentrality * std / np.sqrt(n))


def smallest_possible_p_value(n: int, family: int) -> float:
    """Return the least Holm-corrected p-value of `family` sign-flip tests with n seeds each."""
    return min(1.0, family * 2 / 2**n)


def holm(p_values: Sequence[float], family: int | None = None) -> list[float]:
    """Return Holm's adjusted p-values for a family of comparisons, in the given order.

    Among 20 comparisons of equal variants, one has p < 0.05 by chance. An adjusted value below 0.05
    occurs for some equal pair in at most 5 % of studies, however the comparisons depend on each
    other. With m comparisons, n seeds can give a significant result only if m * 2 / 2^n < 0.05: 10
    seeds suffice for 25 comparisons, 20 seeds for 26,000.

    Args:
        p_values: The p-values (m,) of the comparisons.
        family: The number of comparisons that could have been made, if the data decided which were:
            all pairs of variants if the baseline is the best variant. None: m.

    Raises:
        ValueError: `p_values` is not one-dimensional, or has values outside [0, 1].
    """
    p = np.asarray(p_values, dtype=float)
    if p.ndim != 1 or not ((p >= 0) & (p <= 1)).all():
        raise ValueError(f"p-values must be (m,) within [0, 1], got {p.tolist()}")
    order = np.argsort(p)
    factors = (family or len(p)) - np.arange(len(p))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(factors * p[order]))
    return adjusted.tolist()


def correct(paired: Sequence[Paired | None], family: int | None = None) -> list[float | None]:
    """Return the Holm-adjusted p-value of each comparison; None without a comparison or p-value.

    `family` is as for `holm`; None: the number of those that have a p-value.
    """
    tested = [each.p_value for each in paired if each is not None and each.p_value is not None]
    adjusted = iter(holm(tested, family))
    return [next(adjusted) if each and each.p_value is not None else None for each in paired]
