"""What seeds can say: a mean with its 95 % CI, and two variants compared seed by seed.

Two variants of one study saw the same examples in the same order at the same seed, so they are
compared by their differences at each seed, which leaves out what a lucky or unlucky seed does to
both (Fisher 1935, The Design of Experiments).

Sources: Student 1908 for the intervals; Fisher 1935 for the sign-flip test; Cohen 1988, Statistical
Power Analysis, for d_z and power; Holm 1979, A Simple Sequentially Rejective Multiple Test
Procedure; Colas, Sigaud and Oudeyer 2018 (arXiv 1806.08295) for how many seeds; Bouthillier et al.
2021 (arXiv 2103.03098) for the chance of being better on one more seed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import special, stats

CONFIDENCE = 0.95
SIGNIFICANCE = 0.05
POWER = 0.80
# With 5 pairs no sign-flip p-value can be below 2/32 = 0.0625: nothing can be significant.
MIN_PAIRS = 6
# Metrics are measured in float32: two values nearer than this are one and the same. Errors that
# differ by a single example of a test set of less than ten million are further apart.
EPS = 1e-7
# The largest test set whose errors the sign-flip test recognises as whole numbers of examples.
MAX_TEST_SET = 10_000
# Other quantities are rounded to so many parts of the largest difference.
PARTS = 10_000

Interval = tuple[float, float]


@dataclass(frozen=True)
class Summary:
    """One variant over its n seeds.

    Attributes:
        std: Between seeds (ddof 1): how far one run lies from the mean, not how well the mean is
            known. None for one seed; 0 where all values are equal, which few seeds on a small test
            set can be by chance.
        ci: Where the mean lies with 95 % confidence (Student's t); it shrinks with n, std does not.
    """

    n: int
    mean: float
    std: float | None
    ci: Interval | None
    median: float
    lowest: float
    highest: float


def summarise(values: ArrayLike) -> Summary:
    """Return the statistics of values (n,), one for each seed.

    The CI trusts that values are roughly normal between seeds; at 10 seeds it forgives a moderate
    skew, but not a net that sometimes fails to learn: look at the points.

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
    # Equal values have a std of 0, and not of what rounding left.
    return float(array.std(ddof=1)) if np.ptp(array) > EPS else 0.0


def _ci(mean: float, std: float | None, n: int) -> Interval | None:
    if std is None:
        return None
    half = stats.t.ppf((1 + CONFIDENCE) / 2, n - 1) * std / np.sqrt(n)
    return float(mean - half), float(mean + half)


@dataclass(frozen=True)
class Paired:
    """Variant a against variant b at n common seeds; mean, std and ci are of the differences a - b.

    Attributes:
        p_value: Of the exact sign-flip test: were the two alike, how often would a mean difference
            at least this large, in either direction, arise? None for fewer than 6 seeds.
        t_p_value: Of Student's paired t, which trusts that the differences are normal. A check:
            where the two disagree, believe the first. None for fewer than 6 seeds or a std of 0.
        d_z: Mean difference in stds of the difference (Cohen): how clearly the two differ on a
            single seed, 0.2 hardly, 0.8 clearly. None without a std, or where it is 0.
        p_better: The share of seeds at which a is better, ties counting half: an estimate of the
            chance that a beats b on a new seed. 0.5 is a coin.
        detectable: `smallest_detectable`; None for fewer than 6 seeds or a std of 0.
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
        """Whether there are too few seeds for any p-value."""
        return self.n < MIN_PAIRS


def compare_paired(a: ArrayLike, b: ArrayLike, direction: Literal["min", "max"] = "min") -> Paired:
    """Compare values a (n,) and b (n,), where a[i] and b[i] are of the same seed.

    Raises:
        ValueError: There are no pairs, or arrays do not pair, or values are not finite.
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
        t_p_value=float(stats.ttest_1samp(differences, 0).pvalue) if enough and std else None,
        d_z=mean / std if std else None,
        p_better=float(better),
        detectable=smallest_detectable(n, std) if enough and std else None,
    )


def sign_flip_p_value(differences: ArrayLike) -> float:
    """Return the two-sided p-value of Fisher's sign-flip test.

    If the two variants were alike, each difference could as well have had the other sign. So all
    2^n ways to set the signs were equally likely, and p is the share of them whose sum is at least
    as far from zero as the sum observed. That one is among them, so p is never below 2 / 2^n: 0.03
    with 6 seeds, 0.002 with 10. No shape of the values is assumed; a difference of zero has no sign
    and does not change p.

    Errors on m test examples differ by whole multiples of 1/m, so the sums are whole numbers and
    every way is counted, for any n (Pagano and Tritchler 1983). Other quantities are first rounded
    to 10,000ths of the largest difference.
    """
    differences = _finite(differences)
    differences = differences[np.abs(differences) > EPS]
    if len(differences) < 2:
        return 1.0
    per_one = _smallest_test_set(differences) or PARTS / np.abs(differences).max()
    return _count_sign_flips(np.rint(differences * per_one).astype(int))


def _smallest_test_set(differences: np.ndarray) -> int | None:
    """Return the smallest m such that all differences are multiples of 1/m; None without one."""
    sizes = np.arange(1, MAX_TEST_SET + 1)
    for difference in differences:
        off = np.abs(np.rint(difference * sizes) / sizes - difference)
        sizes = sizes[off < EPS]
    return int(sizes[0]) if len(sizes) else None


def _count_sign_flips(differences: np.ndarray) -> float:
    """Return the p-value for whole-numbered differences (n,), not all of them zero.

    Let F be the sum of |difference| over the pairs whose sign is set to minus: the sum is then
    total - 2F, and as far from zero as the observed one where F <= cut or F >= total - cut. The two
    are equally likely. `chances[f]` is the chance of F = f, built up pair by pair.
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
    """Return the true mean difference that a paired t-test on n >= 2 seeds finds in 4 of 5 studies.

    Found means: p < 0.05, two-sided, in the right direction. With it "no significant difference"
    can be read: true differences far below it would have been missed more often than not. It is for
    a single comparison; Holm's correction needs more. With a true difference d, t follows Student's
    t with noncentrality d sqrt(n) / std, which is solved for; std, of the differences, is taken as
    known though it was estimated.
    """
    threshold = stats.t.ppf(1 - SIGNIFICANCE / 2, n - 1)
    noncentrality = special.nctdtrinc(n - 1, 1 - POWER, threshold)
    return float(noncentrality * std / np.sqrt(n))


def smallest_possible_p_value(n: int, family: int) -> float:
    """Return what Holm's correction leaves of the best that n seeds can show, of `family` tests."""
    return min(1.0, family * 2 / 2**n)


def holm(p_values: Sequence[float], family: int | None = None) -> list[float]:
    """Return Holm's adjusted p-values of one family of comparisons, in the order given.

    Among 20 comparisons of equal variants one has p < 0.05 by chance. The adjusted values are below
    0.05 for any equal pair in at most 5 % of studies, however the comparisons depend on each other:
    the smallest of m p-values times m, the next times m - 1, and so on, none below the one before.
    With m comparisons n seeds can show something only if m * 2 / 2^n < 0.05: 10 seeds are enough
    for 25 comparisons, 20 seeds for 26,000.

    `family` is how many there could have been, where the same data decided which are made: all
    pairs of variants, if the baseline is the best of them. A first false alarm comes, in whichever
    part of the family is looked at, at a p-value of at most 0.05 over the number of equal pairs, so
    this bounds its chance for any way to choose the part.

    Raises:
        ValueError: Values are no p-values.
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
    """Return Holm's p-value of each comparison; None where there is no p-value."""
    tested = [each.p_value for each in paired if each is not None and each.p_value is not None]
    adjusted = iter(holm(tested, family))
    return [next(adjusted) if each and each.p_value is not None else None for each in paired]
