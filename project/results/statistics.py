"""Statistics over seeds: a mean with its 95 % CI, and two variants compared seed by seed.

At one seed, all variants of a study see the same examples in the same order. They are compared by
their difference at each seed, which removes the effect that a lucky or unlucky seed has on both
(Fisher 1935, The Design of Experiments).

Sources: Student 1908 for the intervals; Fisher 1935 for the sign-flip test; Cohen 1988, Statistical
Power Analysis, for d_z and power; Holm 1979, A Simple Sequentially Rejective Multiple Test
Procedure; Colas, Sigaud and Oudeyer 2018 (arXiv 1806.08295) for the number of seeds; Bouthillier et
al. 2021 (arXiv 2103.03098) for the probability of being better at one more seed.
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
        n: The number of seeds.
        mean: The mean.
        std: The std between seeds (ddof 1): how far single runs lie from the mean, not how
            precisely the mean is known. None for one seed. 0 if all values are equal, which can
            happen by chance with few seeds on a small test set.
        ci: The 95 % CI of the mean (Student's t), which shrinks with n while std does not. None for
            one seed.
        median: The median.
        lowest: The lowest value.
        highest: The highest value.
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

    The CI assumes that the values are roughly normal. With 10 seeds it tolerates a moderate skew,
    but not a net that sometimes fails to learn, so look at the single values too.

    Raises:
        ValueError: There are no values, or some are not finite.
    """
    array = _finite(values)
    mean, std = float(array.mean()), _std(array)
    return Summary(
        n=len(array),
        mean=mean,
        std=std,
        ci=_ci(mean, std, len(array)),
        median=float(np.median(array)),
        lowest=float(array.min()),
        highest=float(array.max()),
    )


def _finite(values: ArrayLike) -> np.ndarray:
    array = np.asarray(values, dtype=float)
    if array.ndim != 1 or len(array) == 0:
        raise ValueError(f"values must be (n,) with n >= 1, got shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"values must be finite, got {array[~np.isfinite(array)].tolist()}")
    return array


def _std(array: np.ndarray) -> float | None:
    if len(array) == 1:
        return None
    # Equal values have a std of exactly 0; numpy's may be a rounding error.
    return float(array.std(ddof=1)) if np.ptp(array) > EPS else 0.0


def _ci(mean: float, std: float | None, n: int) -> Interval | None:
    if std is None:
        return None
    half = special.stdtrit(n - 1, (1 + CONFIDENCE) / 2) * std / np.sqrt(n)
    return float(mean - half), float(mean + half)


@dataclass(frozen=True)
class Paired:
    """The comparison of variant a with variant b over n common seeds.

    Attributes:
        n: The number of seeds.
        mean: The mean of the differences a - b.
        std: The std of the differences (ddof 1); None for one seed.
        ci: The 95 % CI of `mean`; None for one seed.
        p_value: The p-value of the exact sign-flip test: the probability of a mean difference at
            least this large, in either direction, if a and b were alike. None for fewer than 6
            seeds.
        t_p_value: The p-value of Student's paired t-test, which assumes normal differences. It is a
            check: if the two p-values disagree, trust `p_value`. None for fewer than 6 seeds or a
            std of 0.
        d_z: `mean` divided by `std` (Cohen): how clearly a and b differ at a single seed; 0.2 is
            small, 0.8 is large. None if the std is None or 0.
        p_better: The share of seeds at which a is better; ties count half. It estimates the
            probability that a beats b at a new seed; 0.5 means that neither does.
        detectable: The result of `smallest_detectable`. None for fewer than 6 seeds or a std of 0.
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

    Args:
        a: The values of the first variant.
        b: The values of the second variant.
        direction: `min` if lower values are better, `max` if higher ones are.

    Raises:
        ValueError: There are no values, the lengths differ, or some values are not finite.
    """
    first, second = _finite(a), _finite(b)
    if len(first) != len(second):
        raise ValueError(f"pairs need as many a as b, got {len(first)} and {len(second)}")
    differences = first - second
    n, mean, std = len(differences), float(differences.mean()), _std(differences)
    enough = n >= MIN_PAIRS
    worse = differences if direction == "min" else -differences
    better = np.mean(worse < -EPS) + np.mean(np.abs(worse) <= EPS) / 2
    return Paired(
        n=n,
        mean=mean,
        std=std,
        ci=_ci(mean, std, n),
        p_value=sign_flip_p_value(differences) if enough else None,
        t_p_value=_t_p_value(mean / std, n) if enough and std else None,
        d_z=mean / std if std else None,
        p_better=float(better),
        detectable=smallest_detectable(n, std) if enough and std else None,
    )


def _t_p_value(d_z: float, n: int) -> float:
    return float(2 * special.stdtr(n - 1, -abs(d_z) * np.sqrt(n)))


def sign_flip_p_value(differences: ArrayLike) -> float:
    """Return the two-sided p-value of Fisher's sign-flip test for `differences` (n,).

    If the two variants were alike, each difference could equally have the opposite sign, so all 2^n
    choices of signs would be equally likely. p is the share of choices whose sum is at least as far
    from zero as the observed sum. The observed choice and its opposite are among them, so p is at
    least 2 / 2^n: 0.03 with 6 seeds, 0.002 with 10. The test assumes no distribution of the values.
    A difference of zero does not change p.

    Error rates on m test examples differ by multiples of 1/m, so their sums are whole numbers and
    all choices can be counted exactly for any n (Pagano and Tritchler 1983). Other values are first
    rounded to 10,000ths of the largest difference.

    Raises:
        ValueError: There are no differences, or some are not finite.
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

    Let total be the sum of all |difference|, and F the sum over the pairs whose sign is set to
    minus. The signed sum is total - 2F, which is as far from zero as the observed sum if F <= cut
    or F >= total - cut; these two cases are equally likely. `chances[f]` is the probability that
    F = f, computed pair by pair.
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

    Detected means p < 0.05, two-sided, in the right direction. The value helps to interpret "no
    significant difference": true differences far below it would usually be missed. It applies to a
    single comparison; Holm's correction needs a larger difference. For a true difference d, t
    follows Student's t with noncentrality d sqrt(n) / std; the function solves for d.

    Args:
        n: The number of seeds, at least 2.
        std: The std of the differences, which is treated as known although it is estimated.
    """
    threshold = special.stdtrit(n - 1, 1 - SIGNIFICANCE / 2)
    noncentrality = special.nctdtrinc(n - 1, 1 - POWER, threshold)
    return float(noncentrality * std / np.sqrt(n))


def smallest_possible_p_value(n: int, family: int) -> float:
    """Return the smallest Holm-corrected p-value that the sign-flip test can give.

    Args:
        n: The number of seeds.
        family: The number of comparisons that Holm's correction covers.
    """
    return min(1.0, family * 2 / 2**n)


def holm(p_values: Sequence[float], family: int | None = None) -> list[float]:
    """Return Holm's adjusted p-values for a family of comparisons, in the given order.

    Among 20 comparisons of equal variants, one has p < 0.05 by chance. An adjusted value below 0.05
    occurs for some equal pair in at most 5 % of studies, however the comparisons depend on each
    other. The smallest of m p-values is multiplied by m, the next one by m - 1 and so on, and no
    adjusted value is below the one before. With m comparisons, n seeds can give a significant
    result only if m * 2 / 2^n < 0.05: 10 seeds suffice for 25 comparisons, 20 seeds for 26,000.

    Set `family` if the data also decided which comparisons are made. The first false alarm needs a
    p-value of at most 0.05 divided by the number of equal pairs in the family, so its probability
    is bounded however the comparisons were selected.

    Args:
        p_values: The p-values (m,) of the comparisons.
        family: The number of comparisons that could have been made: all pairs of variants if the
            baseline is the best variant. None: m.

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
    """Return the Holm-adjusted p-value of each comparison, in the given order.

    Args:
        paired: The comparisons; None for one that was not made.
        family: The number of comparisons to correct for; None: those that have a p-value.

    Returns:
        The adjusted p-values; None for a comparison that is None or has no p-value.
    """
    tested = [each.p_value for each in paired if each is not None and each.p_value is not None]
    adjusted = iter(holm(tested, family))
    return [next(adjusted) if each and each.p_value is not None else None for each in paired]
