"""Do the statistics keep what they promise, over thousands of simulated studies?"""

import numpy as np
import pytest
from scipy import stats

from project.results.statistics import (
    compare_paired,
    holm,
    sign_flip_p_value,
    smallest_detectable,
    summarise,
)


def test_the_interval_holds_the_true_mean_in_95_studies_of_100() -> None:
    rng = np.random.default_rng(6)
    studies = 4000
    intervals = np.array([summarise(rng.normal(0.02, 0.005, 10)).ci for _ in range(studies)])
    covered = np.mean((intervals[:, 0] <= 0.02) & (intervals[:, 1] >= 0.02))
    low, high = stats.binom.interval(0.999, studies, 0.95)
    assert low <= covered * studies <= high


def test_the_interval_of_a_difference_holds_the_true_one_in_95_studies_of_100() -> None:
    rng = np.random.default_rng(7)
    studies = 1000
    covered = 0
    for _ in range(studies):
        # What a seed does to both variants is three times what it does to one.
        seed_effect = rng.normal(0, 0.03, 10)
        a, b = seed_effect + rng.normal(0.20, 0.01, (2, 10)) - [[0.01], [0]]
        interval = compare_paired(a.round(3), b.round(3)).ci
        assert interval is not None
        covered += interval[0] <= -0.01 <= interval[1]
    low, high = stats.binom.interval(0.999, studies, 0.95)
    assert low <= covered <= high


@pytest.mark.parametrize("n", [2, 6, 10, 20])
def test_four_studies_in_five_detect_the_smallest_detectable(n: int) -> None:
    rng = np.random.default_rng(n)
    true_difference = smallest_detectable(n, 0.004)
    studies = rng.normal(true_difference, 0.004, (100_000, n))
    result = stats.ttest_1samp(studies, 0, axis=1)
    found = np.mean((result.pvalue < 0.05) & (result.statistic > 0))
    assert found == pytest.approx(0.8, abs=0.005)  # four deviations of a share of 100,000


def test_a_baseline_that_the_runs_chose_makes_no_more_false_alarms() -> None:
    """Of six equal variants the best by validation, whose runs were lucky in both."""
    rng = np.random.default_rng(12)
    studies = 1000
    named = chosen = corrected = 0
    for _ in range(studies):
        luck = 0.19 + rng.normal(0, 0.025, (6, 10))  # of each run
        validation, test = rng.binomial(1000, luck, (2, 6, 10)) / 1000
        best = int(validation.mean(axis=1).argmin())
        p_values = [
            sign_flip_p_value(test[variant] - test[best]) for variant in range(6) if variant != best
        ]
        named += min(holm([sign_flip_p_value(variant - test[0]) for variant in test[1:]])) < 0.05
        chosen += min(holm(p_values)) < 0.05
        corrected += min(holm(p_values, family=15)) < 0.05
    high = stats.binom.ppf(0.999, studies, 0.05)
    assert named <= high
    assert corrected <= high
    assert chosen > 1.3 * named, "without the larger family there are too many"


def test_equal_variants_are_called_different_in_at_most_5_studies_of_100() -> None:
    """Five equal variants, an equal baseline, ten seeds, Holm: any p < 0.05 is a false alarm."""
    rng = np.random.default_rng(8)
    studies = 2000
    single = family = 0
    for _ in range(studies):
        baseline, *variants = rng.binomial(1000, 0.2, (6, 10)) / 1000
        p_values = [sign_flip_p_value(variant - baseline) for variant in variants]
        single += p_values[0] < 0.05
        family += min(holm(p_values)) < 0.05
    high = stats.binom.ppf(0.999, studies, 0.05)
    # Not far below either, or the test would be one that finds nothing; ties make it careful, and
    # the five variants share a baseline.
    assert 0.03 * studies < single <= high
    assert 0.02 * studies < family <= high
