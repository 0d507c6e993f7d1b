"""The decomposition of the variance between runs, against numbers by hand and simulated runs."""

import numpy as np
import pytest
from scipy import stats

from project.results.variance import Decomposition, VarianceEstimate, decompose, estimate_variance


def test_a_variance_and_its_interval_by_hand() -> None:
    # Sum of squares 8 with 4 degrees of freedom; chi-square's table: 11.1433 and 0.484419.
    assert vars(estimate_variance([2, 4, 4, 6, 4])) == {
        "n": 5,
        "variance": pytest.approx(2.0),
        "ci": pytest.approx((8 / 11.1433, 8 / 0.484419), rel=1e-5),
    }


def test_the_interval_holds_the_true_variance_in_95_studies_of_100() -> None:
    rng = np.random.default_rng(0)
    studies = 2000
    covered = 0
    for _ in range(studies):
        low, high = estimate_variance(rng.normal(0.2, 0.03, 10)).ci
        covered += low <= 0.03**2 <= high
    low, high = stats.binom.interval(0.999, studies, 0.95)
    assert low <= covered <= high


def test_shares_add_up_to_one_and_the_sum_stands_beside_all_together() -> None:
    data, order = [0.1, 0.3, 0.5], [0.1, 0.2, 0.3]
    decomposition = decompose({"data": data, "order": order}, together=[0.0, 0.2, 0.4, 0.6])
    assert vars(decomposition) == {
        "sources": {"data": estimate_variance(data), "order": estimate_variance(order)},
        "shares": pytest.approx({"data": 0.8, "order": 0.2}),
        "sum_of_sources": pytest.approx(0.05),
        "together": estimate_variance([0.0, 0.2, 0.4, 0.6]),
    }
    assert decompose({"data": data}, together=None).together is None


def simulated(rng: np.random.Generator, n: int, interaction: float) -> Decomposition:
    """Errors with deviations 0.03 by data and 0.01 by init, and an interaction of the two."""

    def run(data: np.ndarray, init: np.ndarray) -> np.ndarray:
        return 0.2 + 0.03 * data + 0.01 * init + interaction * data * init

    held = rng.normal()
    one, other = rng.normal(size=(2, n))
    varied = {"data": run(one, np.full(n, held)), "init": run(np.full(n, held), other)}
    return decompose(varied, together=run(*rng.normal(size=(2, n))))


def test_sources_that_add_up_are_told_apart_and_their_sum_is_the_whole() -> None:
    decomposition = simulated(np.random.default_rng(1), 200_000, interaction=0)
    assert decomposition.shares == pytest.approx({"data": 0.9, "init": 0.1}, rel=0.02)
    assert decomposition.together is not None
    assert decomposition.sum_of_sources == pytest.approx(0.001, rel=0.02)
    assert decomposition.together.variance == pytest.approx(0.001, rel=0.02)


def test_sources_that_interact_sum_up_to_more_than_the_whole_on_the_average() -> None:
    rng = np.random.default_rng(2)
    several = [simulated(rng, 200, interaction=0.02) for _ in range(1000)]
    whole = np.mean([each.together.variance for each in several if each.together])
    # 0.03^2 + 0.01^2 + 0.02^2, and the last once more for the second source.
    assert whole == pytest.approx(0.0014, rel=0.03)
    assert np.mean([each.sum_of_sources for each in several]) == pytest.approx(0.0018, rel=0.06)


def test_runs_without_any_spread_have_no_shares() -> None:
    decomposition = decompose({"data": [0.2] * 3, "init": [0.1] * 3}, together=[0.3, 0.3])
    nothing = VarianceEstimate(3, 0.0, (0.0, 0.0))
    assert decomposition == Decomposition(
        sources={"data": nothing, "init": nothing},
        shares=None,
        sum_of_sources=0.0,
        together=VarianceEstimate(2, 0.0, (0.0, 0.0)),
    )


def test_too_little_to_tell_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one source"):
        decompose({}, together=None)
    with pytest.raises(ValueError, match="at least 2 runs, got 1"):
        decompose({"data": [0.1]}, together=None)
