"""What seeds can say: a mean with its interval, and two arms compared seed by seed.

Values are errors, as fractions of 1: lower is better. Two arms of one study saw the same pairs in
the same order at the same seed, so they are compared by their differences at each seed, which
leaves out what a lucky or unlucky seed does to both (Fisher 1935, The Design of Experiments).

Sources: Student 1908 for the intervals; Fisher 1935 for the sign-flip test; Cohen 1988, Statistical
Power Analysis, for d_z and power; Holm 1979, A Simple Sequentially Rejective Multiple Test
Procedure; Colas, Sigaud and Oudeyer 2018 (arXiv 1806.08295) for how many seeds; Bouthillier et al.
2021 (arXiv 2103.03098) for the chance of being better on one more seed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import special, stats

CONFIDENCE = 0.95
SIGNIFICANCE = 0.05
POWER = 0.80
# With 5 pairs no sign-flip p-value can be below 2/32 = 0.0625: nothing can be significant.
FEWEST_PAIRS = 6
# Errors are measured in float32: two fractions nearer than this are one and the same. Errors that
# differ by a single example of a test set of less than ten million are further apart.
ROUNDING = 1e-7
# The largest test set whose errors the sign-flip test recognises as whole numbers of examples.
LARGEST_TEST_SET = 10_000
# Other quantities are rounded to so many parts of the largest difference.
PARTS = 10_000

Interval = tuple[float, float]
Verdict = Literal["holds", "fails", "undecided", "exploratory"]


@dataclass(frozen=True)
class Summary:
    """One arm over its seeds.

    n: seeds. deviation: the standard deviation between seeds (divisor n - 1), that is how far one
    run lies from the mean, not how well the mean is known. interval: where the mean lies with 95 %
    confidence (Student t); it shrinks with n and deviation does not. Both None for one seed. For
    values that are all equal the deviation is 0 and the interval a point: the seeds showed no
    spread, which few seeds on a small test set can do by chance. best, worst: lowest and highest.
    """

    n: int
    mean: float
    deviation: float | None
    interval: Interval | None
    median: float
    best: float
    worst: float


def summarise(values: ArrayLike) -> Summary:
    """The statistics of one arm; values (n,), one error per seed.

    The interval trusts that errors are roughly normal between seeds; at 10 seeds it forgives a
    moderate skew, but not a net that sometimes fails to learn: look at the points. Raises
    ValueError for no values or values that are not finite.
    """
    array = _finite(values)
    mean, deviation = float(array.mean()), _deviation(array)
    return Summary(
        n=len(array),
        mean=mean,
        deviation=deviation,
        interval=_interval(mean, deviation, len(array)),
        median=float(np.median(array)),
        best=float(array.min()),
        worst=float(array.max()),
    )


def _finite(values: ArrayLike) -> np.ndarray:
    array = np.asarray(values, dtype=float)
    if array.ndim != 1 or len(array) == 0:
        raise ValueError(f"values must be (n,) with n >= 1, got shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"values must be finite, got {array[~np.isfinite(array)].tolist()}")
    return array


def _deviation(array: np.ndarray) -> float | None:
    if len(array) == 1:
        return None
    # Equal values have a deviation of 0, and not of what rounding left.
    return float(array.std(ddof=1)) if np.ptp(array) > ROUNDING else 0.0


def _interval(mean: float, deviation: float | None, n: int) -> Interval | None:
    if deviation is None:
        return None
    half = stats.t.ppf((1 + CONFIDENCE) / 2, n - 1) * deviation / np.sqrt(n)
    return float(mean - half), float(mean + half)


@dataclass(frozen=True)
class PairedComparison:
    """Arm a against arm b at the same seeds; a negative difference says that a errs less.

    n: seeds that both have.
    mean_difference, deviation, interval: of the differences a - b, as in `Summary`.
    sign_flip_p_value: were the two arms alike, how often would a mean difference at least this
        large, in either direction, arise? None for fewer than 6 seeds. See `sign_flip_p_value`.
    paired_t_p_value: the same question to Student's paired t, which trusts that the differences are
        normal. A check: where the two disagree, believe the first. None for fewer than 6 seeds, and
        where the differences are all equal, so that t would divide by zero.
    d_z: mean difference in deviations of the difference (Cohen): how clearly the arms differ on a
        single seed, 0.2 hardly, 0.8 clearly. None without a deviation, or where it is zero.
    chance_of_better: the share of seeds at which a errs less than b, ties counting half: an
        estimate of the chance that a beats b on a new seed. 0.5 is a coin.
    smallest_detectable_difference: see there; None for fewer than 6 seeds, which detect nothing,
        and where the deviation is zero.
    """

    n: int
    mean_difference: float
    deviation: float | None
    interval: Interval | None
    sign_flip_p_value: float | None
    paired_t_p_value: float | None
    d_z: float | None
    chance_of_better: float
    smallest_detectable_difference: float | None

    @property
    def exploratory(self) -> bool:
        """Too few seeds for any p-value."""
        return self.n < FEWEST_PAIRS


def compare(a: ArrayLike, b: ArrayLike) -> PairedComparison:
    """Compare errors a (n,) with errors b (n,), where a[i] and b[i] are of the same seed.

    Raises ValueError for no pairs, arrays that do not pair, or values that are not finite.
    """
    first, second = _finite(a), _finite(b)
    if len(first) != len(second):
        raise ValueError(f"pairs need as many a as b, got {len(first)} and {len(second)}")
    differences = first - second
    n, mean, deviation = len(differences), float(differences.mean()), _deviation(differences)
    enough = n >= FEWEST_PAIRS
    spread = bool(deviation)
    better = np.mean(differences < -ROUNDING) + np.mean(np.abs(differences) <= ROUNDING) / 2
    return PairedComparison(
        n=n,
        mean_difference=mean,
        deviation=deviation,
        interval=_interval(mean, deviation, n),
        sign_flip_p_value=sign_flip_p_value(differences) if enough else None,
        paired_t_p_value=float(stats.ttest_1samp(differences, 0).pvalue)
        if enough and spread
        else None,
        d_z=mean / deviation if deviation else None,
        chance_of_better=float(better),
        smallest_detectable_difference=smallest_detectable_difference(n, deviation)
        if enough and deviation
        else None,
    )


def sign_flip_p_value(differences: ArrayLike) -> float:
    """The two-sided p-value of Fisher's sign-flip test; differences (n,), one per seed.

    If arm a and arm b were alike, each difference could as well have had the other sign. So all 2^n
    ways to set the signs were equally likely, and p is the share of them whose sum is at least as
    far from zero as the sum observed. That one is among them, so p is never 0, and never below
    2 / 2^n: 0.03 with 6 seeds, 0.002 with 10. No shape of the errors is assumed. A difference of
    zero has no sign and does not change p.

    Errors on m test examples differ by whole multiples of 1/m, so the sums are whole numbers and
    every way is counted, for any n (Pagano and Tritchler 1983). Other quantities, seconds say, are
    first rounded to 10,000ths of the largest difference, and then counted likewise.
    """
    differences = _finite(differences)
    differences = differences[np.abs(differences) > ROUNDING]
    if len(differences) < 2:
        return 1.0
    per_one = _smallest_test_set(differences) or PARTS / np.abs(differences).max()
    return _count_sign_flips(np.rint(differences * per_one).astype(int))


def _smallest_test_set(differences: np.ndarray) -> int | None:
    """The smallest m such that all differences are multiples of 1/m; None if there is none."""
    sizes = np.arange(1, LARGEST_TEST_SET + 1)
    for difference in differences:
        off = np.abs(np.rint(difference * sizes) / sizes - difference)
        sizes = sizes[off < ROUNDING]
    return int(sizes[0]) if len(sizes) else None


def _count_sign_flips(differences: np.ndarray) -> float:
    """The p-value for whole-numbered differences (n,), not all of them zero.

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


def smallest_detectable_difference(n: int, deviation: float) -> float:
    """The true mean difference that a paired t-test on n >= 2 seeds finds in 80 % of studies.

    Found means: p < 0.05, two-sided, in the right direction. deviation: of the differences between
    seeds, taken as known though it was estimated. With it "no significant difference" can be read:
    true differences far below it would have been missed more often than not. It is for a single
    comparison; Holm's correction needs more, and so does the sign-flip test of 6 seeds (a quarter
    more; from 7 on hardly any). With a true difference d, t follows Student's t with noncentrality
    d sqrt(n) / deviation, which is solved for.
    """
    threshold = stats.t.ppf(1 - SIGNIFICANCE / 2, n - 1)
    noncentrality = special.nctdtrinc(n - 1, 1 - POWER, threshold)
    return float(noncentrality * deviation / np.sqrt(n))


def smallest_possible_p_value(n: int, family: int) -> float:
    """What Holm's correction leaves of the best that n seeds can show, of `family` comparisons."""
    return min(1.0, family * 2 / 2**n)


def holm(p_values: Sequence[float], family: int | None = None) -> list[float]:
    """Holm's adjusted p-values of one family of comparisons, in the order given.

    family: how many comparisons there could have been, where the same data decided which of them
    are made: all pairs of arms, if the baseline is the best of them. By default, only these.

    Among 20 comparisons of equal arms one has p < 0.05 by chance. The adjusted values are below
    0.05 for any equal pair in at most 5 % of studies, however the comparisons depend on each other:
    the smallest of m p-values times m, the next times m - 1, and so on, none below the one before.
    With m comparisons n seeds can show something only if m * 2 / 2^n < 0.05: 10 seeds are enough
    for 25 comparisons, 20 seeds for 26,000.

    A first false alarm comes, in whichever part of the family is looked at, after at most as many
    true ones as the whole holds, so at a p-value of at most 0.05 over the number of equal pairs;
    that bounds its chance for any way to choose the part.
    """
    p = np.asarray(p_values, dtype=float)
    if p.ndim != 1 or not ((p >= 0) & (p <= 1)).all():
        raise ValueError(f"p-values must be (m,) within [0, 1], got {p.tolist()}")
    order = np.argsort(p)
    factors = (family or len(p)) - np.arange(len(p))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(factors * p[order]))
    return adjusted.tolist()


def verdict(comparison: PairedComparison, adjusted_p_value: float | None) -> Verdict:
    """Does the claim hold that arm a errs less than arm b?

    holds: it does, and Holm's p < 0.05. fails: the contrary is so, p < 0.05. undecided: these seeds
    cannot tell, which is not "no difference"; `smallest_detectable_difference` says what they could
    have told. exploratory: under 6 seeds, and only then is adjusted_p_value None.
    """
    if comparison.exploratory != (adjusted_p_value is None):
        raise ValueError(f"n = {comparison.n} does not go with p-value {adjusted_p_value}")
    if adjusted_p_value is None:
        return "exploratory"
    if adjusted_p_value >= SIGNIFICANCE:
        return "undecided"
    return "holds" if comparison.mean_difference < 0 else "fails"


def overall(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict on a claim of several parts, such as "c lies between a and b".

    It fails with any part, and holds only with all of them.
    """
    parts = set(verdicts)
    for word in ("fails", "exploratory", "undecided"):
        if word in parts:
            return word
    if not parts:
        raise ValueError("a claim has at least one part")
    return "holds"


def in_reported_deviations(mean: float, reported_mean: float, reported_deviation: float) -> float:
    """How far a mean lies from a published one, in the published deviations.

    No test: the publication does not say over how many runs it was taken. Within +-1 it lies where
    a single published run commonly did. Raises ValueError unless reported_deviation > 0.
    """
    if not reported_deviation > 0:
        raise ValueError(f"the reported deviation must be above 0, got {reported_deviation}")
    return (mean - reported_mean) / reported_deviation
