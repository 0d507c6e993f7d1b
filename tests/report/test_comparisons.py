"""Arms are compared seed by seed with the baseline, and only where the seeds really pair."""

from pathlib import Path
from typing import Any

import pytest
from scipy import stats

from project.report.arms import group
from project.report.comparisons import Table, make_table
from project.report.runs import read_runs
from tests.report.runs_on_disk import DIVERGED, write_disk_run, write_run

GOOD = [0.020, 0.022, 0.019, 0.025, 0.021, 0.023, 0.020]
BAD = [0.050, 0.049, 0.054, 0.051, 0.055, 0.048, 0.052]


def table_of(outputs: Path, baseline: str | None = None) -> Table:
    arms = group(read_runs(outputs, None)[0])
    return make_table(arms, next((arm for arm in arms if arm.model == baseline), None))


def write_arm(outputs: Path, model: str, errors: list[float], **settings: Any) -> None:
    for seed, error in enumerate(errors):
        write_run(outputs, model=model, seed=seed, error=error, **settings)


def test_the_difference_is_that_at_the_same_seeds(tmp_path: Path) -> None:
    write_arm(tmp_path, "good", GOOD)
    write_arm(tmp_path, "bad", BAD)
    table = table_of(tmp_path)
    assert table.baseline is not None
    assert table.baseline.model == "good"
    assert not table.baseline_named
    best, worst = table.rows
    assert (best.arm.model, best.comparison, best.reason) == ("good", None, "baseline")
    assert worst.comparison is not None
    assert worst.comparison.mean_difference == pytest.approx(
        sum(b - g for g, b in zip(GOOD, BAD, strict=True)) / 7
    )
    assert worst.comparison.paired_t_p_value == pytest.approx(stats.ttest_rel(BAD, GOOD).pvalue)
    assert worst.paired_seeds == tuple(range(7))


def test_p_values_are_corrected_over_the_table(tmp_path: Path) -> None:
    write_arm(tmp_path, "good", GOOD)
    for model in ("bad", "also_bad", "bad_as_well"):
        write_arm(tmp_path, model, BAD)
    table = table_of(tmp_path, "good")
    rows = [row for row in table.rows if row.comparison]
    assert [row.comparison.sign_flip_p_value for row in rows if row.comparison] == [2 / 2**7] * 3
    assert [row.adjusted_p_value for row in rows] == [pytest.approx(3 * 2 / 2**7)] * 3
    assert table.family == 3


def test_where_the_runs_chose_the_baseline_p_values_are_corrected_over_all_pairs_of_arms(
    tmp_path: Path,
) -> None:
    write_arm(tmp_path, "good", GOOD)
    for model in ("bad", "also_bad", "bad_as_well"):
        write_arm(tmp_path, model, BAD)
    table = table_of(tmp_path)
    rows = [row for row in table.rows if row.comparison]
    assert [row.adjusted_p_value for row in rows] == [pytest.approx(6 * 2 / 2**7)] * 3
    assert table.family == 6


def test_with_fewer_than_six_common_seeds_there_is_no_p_value(tmp_path: Path) -> None:
    write_arm(tmp_path, "good", GOOD)
    write_arm(tmp_path, "bad", BAD[:5])
    row = table_of(tmp_path, "good").rows[1]
    assert row.comparison is not None
    assert (row.comparison.n, row.comparison.exploratory) == (5, True)
    assert row.adjusted_p_value is None


def test_only_the_common_seeds_are_compared(tmp_path: Path) -> None:
    write_arm(tmp_path, "good", GOOD)
    for seed in (3, 5, 99):
        write_run(tmp_path, model="bad", seed=seed, error=0.5)
    row = table_of(tmp_path, "good").rows[1]
    assert row.paired_seeds == (3, 5)
    assert row.comparison is not None
    assert row.comparison.mean_difference == pytest.approx(0.5 - (GOOD[3] + GOOD[5]) / 2)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"origin": {"data": {"sha256": "77" * 32}}}, "data checksum 777777777777 against 5a5a"),
        ({"origin": {"data": {"dataset": "mnist_5k"}}}, "dataset mnist_5k against mnist"),
        ({"data__test_pairs": 500}, "data.test_pairs 500 against 1000"),
        ({"data__train_pairs": 500}, "data.train_pairs 500 against 1000"),
        ({"data__val_pairs": 500}, "data.val_pairs 500 against 1000"),
        ({"seeds": {"data": 1000}}, "seeds.data 1000 against 0"),
    ],
)
def test_arms_on_other_pairs_are_not_compared_and_it_is_said_why(
    tmp_path: Path, settings: dict[str, Any], reason: str
) -> None:
    write_arm(tmp_path, "good", GOOD)
    write_arm(tmp_path, "other", BAD, **settings)
    row = table_of(tmp_path, "good").rows[1]
    assert row.summary is not None
    assert (row.comparison, row.adjusted_p_value) == (None, None)
    assert row.reason.startswith("not the same pairs: ")
    assert reason in row.reason


@pytest.mark.parametrize(
    "settings",
    [
        {"data__shuffle": True},
        {"data__batch_size": 50},
        {"data__normalise": True},
        {"trainer__max_epochs": 2, "optimizer__lr": 0.3},
    ],
)
def test_what_does_not_change_the_pairs_may_differ(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    write_arm(tmp_path, "good", GOOD)
    write_arm(tmp_path, "other", BAD, **settings)
    assert table_of(tmp_path, "good").rows[1].comparison is not None


def test_runs_of_before_the_seeds_were_split_pair_with_those_after(tmp_path: Path) -> None:
    write_arm(tmp_path, "good", GOOD)
    for seed, error in enumerate(BAD):
        everything = dict.fromkeys(("data", "init", "order"), seed)
        write_run(tmp_path, model="bad", seed=seed, error=error, seeds=everything)
    assert table_of(tmp_path, "good").rows[1].paired_seeds == tuple(range(7))


def test_arms_without_a_common_seed_are_not_compared(tmp_path: Path) -> None:
    write_run(tmp_path, model="good", seed=0)
    write_run(tmp_path, model="bad", seed=1)
    rows = {row.arm.model: row for row in table_of(tmp_path, "good").rows}
    assert (rows["bad"].comparison, rows["bad"].reason) == (None, "no seed in common")


def test_survivors_of_divergence_are_shown_and_not_compared(tmp_path: Path) -> None:
    write_arm(tmp_path, "good", GOOD)
    write_arm(tmp_path, "wild", BAD[:6])
    write_run(tmp_path, model="wild", seed=6, status="failed", failure=DIVERGED)
    row = table_of(tmp_path, "good").rows[1]
    assert (row.diverged, row.comparison) == (1, None)
    assert row.reason == "1 of 7 runs diverged, and the others are no fair sample"
    assert row.summary is not None
    assert row.summary.n == 6


def test_points_pair_where_they_are_the_same_points(tmp_path: Path) -> None:
    for seed in range(6):
        write_disk_run(tmp_path, seed=seed, lr=0.1)
        write_disk_run(tmp_path, seed=seed, lr=0.5, error=0.03)
    table = table_of(tmp_path)
    assert table.title == "Part 2: points in a disk"
    assert [row.arm.label for row in table.rows] == ["disk_tanh lr=0.1", "disk_tanh lr=0.5"]
    assert table.rows[1].paired_seeds == tuple(range(6))


def test_equal_arms_differ_by_nothing(tmp_path: Path) -> None:
    write_arm(tmp_path, "one", [0.02] * 6)
    write_arm(tmp_path, "two", [0.02] * 6)
    row = table_of(tmp_path, "one").rows[1]
    assert row.comparison is not None
    assert (row.comparison.mean_difference, row.comparison.d_z) == (0.0, None)
    assert row.adjusted_p_value == 1.0


def test_an_arm_without_completed_runs_stands_last_and_without_numbers(tmp_path: Path) -> None:
    write_run(tmp_path, model="a", status="failed")
    write_run(tmp_path, model="b")
    last = table_of(tmp_path).rows[-1]
    assert (last.arm.model, last.summary, last.parameters) == ("a", None, None)
    assert (last.training_seconds, last.reason) == (None, "no completed run")
