"""Each statistic against scipy, statsmodels or a count by hand."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower

from project.results.statistics import (
    Paired,
    Summary,
    compare_paired,
    correct,
    holm,
    sign_flip_p_value,
    smallest_detectable,
    smallest_possible_p_value,
    summarise,
)

# Errors on 1,000 test examples, as they stand in run.json: fractions rounded to float32.
ERRORS = st.integers(0, 1000).map(lambda wrong: float(np.float32(wrong / 1000)))
PAIRS = st.lists(st.tuples(ERRORS, ERRORS), min_size=1, max_size=30)


def errors(rng: np.random.Generator, chance: float, n: int) -> np.ndarray:
    """Test errors (n,) of a net that errs with `chance`, on 1,000 examples each."""
    return np.float32(rng.binomial(1000, chance, n) / 1000).astype(float)


def test_a_summary_is_what_one_reckons_by_hand() -> None:
    # Mean 4, sum of squares 4 + 0 + 0 + 4 + 0, deviation sqrt(8 / 4); t(0.975, 4) = 2.776445.
    half = 2.7764451051977987 * 2**0.5 / 5**0.5
    summary = summarise([2.0, 4.0, 4.0, 6.0, 4.0])
    assert vars(summary) == {
        "n": 5,
        "mean": 4.0,
        "std": pytest.approx(2**0.5, rel=1e-12),
        "ci": pytest.approx((4 - half, 4 + half), rel=1e-12),
        "median": 4.0,
        "lowest": 2.0,
        "highest": 6.0,
    }


def test_the_ci_is_scipys() -> None:
    values = np.random.default_rng(0).normal(0.02, 0.005, 10)
    expected = stats.t.interval(0.95, 9, loc=values.mean(), scale=stats.sem(values))
    assert summarise(values).ci == pytest.approx(expected, rel=1e-12)


def test_one_seed_has_neither_std_nor_ci() -> None:
    assert summarise([0.25]) == Summary(1, 0.25, None, None, 0.25, 0.25, 0.25)


def test_equal_values_have_a_std_of_zero_and_a_point_as_ci() -> None:
    summary = summarise([0.1] * 7)
    assert summary.std == 0.0
    assert summary.ci == (summary.mean, summary.mean)
    assert summary.mean == pytest.approx(0.1, rel=1e-12)


@pytest.mark.parametrize("values", [[], [0.1, float("nan")], [float("inf")], [[0.1, 0.2]], 0.1])
def test_values_that_are_missing_or_not_finite_are_refused(values: list) -> None:
    with pytest.raises(ValueError, match="values must be"):
        summarise(values)
    with pytest.raises(ValueError, match="values must be"):
        compare_paired(values, values)


def test_arrays_that_do_not_pair_are_refused() -> None:
    with pytest.raises(ValueError, match="as many a as b, got 2 and 1"):
        compare_paired([0.1, 0.2], [0.1])


def test_a_comparison_is_what_scipy_and_statsmodels_say() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(0.020, 0.005, 12), rng.normal(0.024, 0.005, 12)
    paired = stats.ttest_rel(a, b)
    flips = stats.permutation_test(
        (a - b,), np.mean, permutation_type="samples", n_resamples=np.inf
    )
    deviation = stats.tstd(a - b)
    effect = TTestPower().solve_power(nobs=12, alpha=0.05, power=0.8)
    comparison = compare_paired(a, b)
    assert vars(comparison) == {
        "n": 12,
        "mean": pytest.approx(a.mean() - b.mean(), rel=1e-12),
        "std": pytest.approx(deviation, rel=1e-12),
        "ci": pytest.approx(tuple(paired.confidence_interval()), rel=1e-9),
        "p_value": pytest.approx(flips.pvalue, rel=1e-12),
        "t_p_value": pytest.approx(paired.pvalue, rel=1e-9),
        "d_z": pytest.approx(paired.statistic / 12**0.5, rel=1e-9),
        "p_better": np.mean(a < b),
        "detectable": pytest.approx(effect * deviation, rel=1e-5),
    }
    assert not comparison.exploratory


def test_fewer_than_six_pairs_are_exploratory_and_have_no_p_values() -> None:
    five = compare_paired([0.1, 0.2, 0.3, 0.4, 0.5], [0.2, 0.4, 0.3, 0.6, 0.9])
    assert five.exploratory
    assert (five.p_value, five.t_p_value) == (None, None)
    assert five.mean == pytest.approx(-0.18)
    assert five.p_better == pytest.approx(0.9)
    assert five.detectable is None
    one = compare_paired([0.125], [0.25])
    assert one == Paired(1, -0.125, None, None, None, None, None, 1.0, None)


@pytest.mark.parametrize("n", [6, 10, 40])
def test_variants_that_differ_by_the_same_at_every_seed_need_no_division_by_zero(n: int) -> None:
    b = errors(np.random.default_rng(2), 0.2, n)
    a = np.float32(b - 0.003).astype(float)  # not exactly 0.003 apart: float32
    comparison = compare_paired(a, b)
    assert vars(comparison) == {
        "n": n,
        "mean": pytest.approx(-0.003, abs=1e-7),
        "std": 0.0,
        "ci": (comparison.mean, comparison.mean),
        "p_value": 2 / 2**n,
        "t_p_value": None,
        "d_z": None,
        "p_better": 1.0,
        "detectable": None,
    }


def test_a_variant_against_itself_shows_nothing() -> None:
    a = errors(np.random.default_rng(3), 0.2, 10)
    expected = Paired(10, 0.0, 0.0, (0.0, 0.0), 1.0, None, None, 0.5, None)
    assert compare_paired(a, a) == expected


def test_variants_that_differ_by_rounding_only_are_equal() -> None:
    a = np.random.default_rng(10).binomial(1000, 0.2, 10) / 1000
    comparison = compare_paired(a, np.float32(a))
    assert comparison.mean == pytest.approx(0, abs=1e-7)
    assert (comparison.std, comparison.d_z) == (0.0, None)
    assert (comparison.p_value, comparison.p_better) == (1.0, 0.5)


def brute_force(wrong: np.ndarray) -> float:
    """The sign-flip p-value by trying all signs on whole numbers (n,)."""
    observed = abs(wrong.sum())
    sums = [abs(np.dot(signs, wrong)) for signs in product((-1, 1), repeat=len(wrong))]
    return float(np.mean([total >= observed for total in sums]))


@given(st.lists(st.integers(-10, 10), min_size=1, max_size=9), st.sampled_from([20, 1000, 3000]))
def test_the_sign_flip_test_counts_every_way_and_every_tie(wrong: list[int], examples: int) -> None:
    # float32, as in run.json: rounding disturbs the ties between sums.
    b = np.float32(0.5)
    a = np.float32(0.5 + np.asarray(wrong) / examples)
    differences = a.astype(float) - float(b)
    assert sign_flip_p_value(differences) == pytest.approx(brute_force(np.asarray(wrong)))


def test_the_sign_flip_test_of_fisher_is_darwins_plants() -> None:
    # Fisher 1935, section 21: Darwin's fifteen pairs of plants, heights in eighths of an inch.
    # 863 of the 32,768 ways give a sum of 314 or more, and as many one of -314 or less.
    eighths = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]
    assert sign_flip_p_value(np.divide(eighths, 1000)) == pytest.approx(2 * 863 / 32768)


def test_the_sign_flip_test_of_many_seeds_is_near_student() -> None:
    rng = np.random.default_rng(4)
    a, b = errors(rng, 0.200, 100), errors(rng, 0.203, 100)
    comparison = compare_paired(a, b)
    assert comparison.p_value == pytest.approx(comparison.t_p_value, rel=0.05)


def test_what_is_no_share_of_a_test_set_is_counted_too_for_any_number_of_seeds() -> None:
    rng = np.random.default_rng(5)
    for _ in range(20):
        seconds = rng.normal(2.0, 4.0, 12)
        every = stats.permutation_test(
            (seconds,), np.sum, permutation_type="samples", n_resamples=np.inf
        )
        # Rounding may move a few of the 4,096 ways over the observed one.
        assert sign_flip_p_value(seconds) == pytest.approx(every.pvalue, abs=4 / 4096)
    differences = rng.normal(0.5, 1.0, 25)
    student = stats.ttest_1samp(differences, 0).pvalue
    assert sign_flip_p_value(differences) == pytest.approx(student, rel=0.3)
    assert sign_flip_p_value(differences + 100) == 2 / 2**25


@pytest.mark.parametrize("differences", [[0.0] * 8, [0.0] * 7 + [np.pi]])
def test_seeds_without_a_difference_tell_nothing(differences: list[float]) -> None:
    assert sign_flip_p_value(differences) == 1.0


def test_seeds_without_a_difference_do_not_change_the_p_value() -> None:
    losses = np.random.default_rng(11).exponential(1.0, 6)
    assert sign_flip_p_value(losses) == 2 / 2**6
    assert sign_flip_p_value([*losses, *[0.0] * 20]) == 2 / 2**6


@given(PAIRS)
def test_swapping_the_variants_mirrors_the_comparison(pairs: list[tuple[float, float]]) -> None:
    a, b = np.transpose(pairs)
    ab, ba = compare_paired(a, b), compare_paired(b, a)
    assert vars(ba) == vars(ab) | {
        "mean": -ab.mean,
        "ci": ab.ci and (-ab.ci[1], -ab.ci[0]),
        "d_z": None if ab.d_z is None else -ab.d_z,
        "p_better": pytest.approx(1 - ab.p_better, abs=1e-12),
    }
    # Where higher is better, the same values speak for the other one.
    assert vars(compare_paired(a, b, "max")) == vars(ab) | {
        "p_better": pytest.approx(1 - ab.p_better, abs=1e-12)
    }


@given(PAIRS, st.integers(-300, 300))
def test_shifting_both_variants_changes_nothing(
    pairs: list[tuple[float, float]], shift: int
) -> None:
    a, b = np.transpose(pairs)
    before, after = compare_paired(a, b), compare_paired(a + shift / 1000, b + shift / 1000)
    for name, value in vars(before).items():
        assert getattr(after, name) == (
            None if value is None else pytest.approx(value, rel=1e-6, abs=1e-9)
        ), name


@given(PAIRS)
def test_p_values_lie_between_the_smallest_possible_and_one(
    pairs: list[tuple[float, float]],
) -> None:
    a, b = np.transpose(pairs)
    comparison = compare_paired(a, b)
    if comparison.exploratory:
        assert comparison.p_value is None
    else:
        assert comparison.p_value is not None
        assert 2 / 2**comparison.n <= comparison.p_value <= 1
    assert 0 <= comparison.p_better <= 1


@pytest.mark.parametrize("n", [3, 6, 10, 20, 50, 100])
def test_the_smallest_detectable_is_that_of_statsmodels(n: int) -> None:
    expected = 0.004 * TTestPower().solve_power(nobs=n, alpha=0.05, power=0.8)
    assert smallest_detectable(n, 0.004) == pytest.approx(expected, rel=1e-4)


def test_holm_is_that_of_statsmodels() -> None:
    rng = np.random.default_rng(9)
    for m in (1, 2, 3, 5, 20, 99):
        p_values = rng.integers(0, 11, m) / 10 * rng.random()  # many of them equal
        expected = multipletests(p_values, method="holm")[1]
        assert holm(p_values.tolist()) == pytest.approx(expected.tolist(), rel=1e-12)


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def test_holm_over_a_family_of_which_only_a_part_is_looked_at() -> None:
    p_values = [0.01, 0.04, 0.03, 0.005]
    assert holm(p_values, 4) == holm(p_values)
    # The smallest of ten times ten, the next times nine, ...
    assert holm(p_values, 10) == pytest.approx([0.09, 0.28, 0.24, 0.05])
    assert smallest_possible_p_value(10, 25) == pytest.approx(0.0488, abs=1e-4)
    assert smallest_possible_p_value(5, 26) == 1.0


def test_comparisons_are_corrected_in_their_places() -> None:
    better, few = compare_paired([0.1] * 6, [0.2] * 6), compare_paired([0.1] * 5, [0.2] * 5)
    assert correct([None, better, few, better]) == [None, 2 * 2 / 2**6, None, 2 * 2 / 2**6]
    assert correct([better], 3) == [pytest.approx(3 * 2 / 2**6)]
    assert correct([]) == []


@pytest.mark.parametrize("p_values", [[0.5, 1.5], [-0.1], [float("nan")]])
def test_holm_refuses_what_is_no_p_value(p_values: list[float]) -> None:
    with pytest.raises(ValueError, match="p-values must be"):
        holm(p_values)
