"""The findings of part 2: tanh and ReLU over the learning rates."""

from pathlib import Path

import numpy as np
import pytest

from project.report.arms import group
from project.report.disk_findings import judge_disk, rate_studies
from project.report.findings import Judgement
from project.report.reference import DiskResults
from project.report.runs import StoredRun
from project.report.statistics import compare
from tests.report.sections_of_runs import with_files
from tests.report.stored_runs import disk_runs, write_table

REPORTED = DiskResults(0.1, 0.0209, (0.5, 0.05))
BEST = [0.018, 0.017, 0.019, 0.02, 0.016, 0.018, 0.0185]
SAME = [0.017, 0.019, 0.0195, 0.018, 0.016, 0.0175, 0.019]
WORSE = [0.1, 0.12, 0.11, 0.09, 0.13, 0.105, 0.1]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def judged(runs: list[StoredRun]) -> dict[str, Judgement]:
    (study,) = rate_studies(group(with_files(runs)))
    return {each.says: each for each in judge_disk(study, REPORTED)}


def test_runs_of_another_setup_are_a_study_of_their_own_and_the_largest_is_first() -> None:
    runs = disk_runs([0.1], max_epochs=9) + disk_runs([0.1, 0.2]) + disk_runs([0.1], "relu")
    studies = rate_studies(group(runs))
    assert [list(study.arms) for study in studies] == [
        [("relu", 0.1), ("tanh", 0.1)],
        [("tanh", 0.1)],
    ]
    assert studies[0].activations == ["tanh", "relu"]
    assert [len(arm.runs) for arm in studies[0].of("tanh").values()] == [2]


@pytest.mark.parametrize(
    ("errors", "verdict"),
    [
        (BEST, "holds"),
        (WORSE, "fails"),
        ([0.03, *BEST[1:], 0.03], "undecided"),
        (BEST[:5], "exploratory"),
    ],
)
def test_the_published_error_is_reached_if_the_interval_lies_below(
    errors: list[float], verdict: str
) -> None:
    assert judged(disk_runs(errors))["tanh at 0.1 reaches an error of 2.09 %"].verdict == verdict


def test_the_best_rate_is_better_than_every_other() -> None:
    says = "tanh: 0.1 is the best learning rate"
    assert judged(disk_runs(BEST) + disk_runs(WORSE, lr=0.5))[says].verdict == "holds"
    runs = disk_runs(2 * BEST) + disk_runs(2 * WORSE, lr=0.5) + disk_runs(2 * SAME, lr=0.2)
    found = judged(runs)[says]
    assert found.verdict == "undecided"
    assert [(part.claim, part.verdict) for part in found.parts] == [
        ("0.1 below 0.2: test error", "undecided"),
        ("0.1 below 0.5: test error", "holds"),
    ]
    assert found.parts[0].comparison == compare(2 * BEST, 2 * SAME)


def test_a_rate_at_which_runs_diverge_is_named_and_left_out() -> None:
    runs = disk_runs(BEST) + disk_runs(WORSE, lr=0.5) + disk_runs(BEST[:4], lr=1, diverged=3)
    found = judged(runs)["tanh: 0.1 is the best learning rate"]
    assert found.verdict == "holds"
    assert found.parts[1].evidence == "3 of 7 runs diverged at 1"


def test_the_smallest_deviation_is_that_of_the_distances_from_the_median() -> None:
    wide = [0.018 + 10 * (error - 0.018) for error in BEST]
    runs = disk_runs(BEST) + disk_runs(wide, lr=0.5) + disk_runs(BEST[:4], lr=1, diverged=3)
    found = judged(runs)["tanh: 0.1 has the smallest deviation"]
    assert found.parts[0].claim == "0.1 below 0.5: distance of the test error from its median"
    distance = np.abs(np.array(BEST) - 0.018)
    assert found.parts[0].comparison == compare(distance, 10 * distance)
    assert found.parts[1].evidence == "3 of 7 runs diverged at 1"


def test_overfitting_would_show_in_validation_errors_that_rise_again() -> None:
    says = "tanh at 0.1 does not overfit"
    (part,) = judged(disk_runs(BEST))[says].parts
    assert part.comparison == compare([0.25] * 7, [0.5] * 7)
    assert part.verdict == "holds"
    runs = with_files(disk_runs(BEST))
    (study,) = rate_studies(group(runs))

    def verdict(columns: dict[str, list[float]]) -> Judgement:
        for run in runs:
            write_table(run, "history.csv", columns)
        return {each.says: each for each in judge_disk(study, REPORTED)}[says]

    epochs = {"epoch": [1.0, 2.0, 3.0, 4.0]}
    assert verdict(epochs | {"val/error": [0.5, 0.1, 0.1, 0.2]}).verdict == "fails"
    without = verdict(epochs)
    assert (without.verdict, without.parts[0].evidence) == (
        "not comparable", "there are no validation points",
    )  # fmt: skip


def test_a_rate_that_cannot_be_compared_leaves_the_best_open() -> None:
    better_elsewhere = disk_runs([0.01] * 14, lr=0.2)[7:]  # at other seeds
    found = judged(disk_runs(BEST) + disk_runs(WORSE, lr=0.5) + better_elsewhere)
    best = found["tanh: 0.1 is the best learning rate"]
    assert best.verdict == "not comparable"
    assert best.parts[0].evidence == "no seed in common"


@pytest.mark.parametrize(
    ("errors", "diverged", "verdict"),
    [
        (SAME, 0, "holds"),
        (WORSE, 0, "fails"),
        (SAME, 1, "fails"),
        (SAME[:5], 0, "exploratory"),
    ],
)
def test_a_suitable_rate_lets_no_run_diverge_and_errs_little_more(
    errors: list[float], diverged: int, verdict: str
) -> None:
    runs = disk_runs(BEST) + disk_runs(errors, lr=0.5, diverged=diverged)
    assert judged(runs)["tanh: 0.5 is suitable too"].verdict == verdict


def test_relu_is_compared_at_the_same_seeds_over_all_rates_that_both_stand() -> None:
    tanh = {0.1: BEST + SAME, 0.5: WORSE + WORSE}
    runs = disk_runs(BEST, lr=1) + disk_runs(BEST, "relu", lr=1, diverged=1)
    for lr, errors in tanh.items():
        runs += disk_runs(errors, lr=lr)
        runs += disk_runs([2 * error for error in errors], "relu", lr=lr)
    found = judged(runs)
    (part,) = found["ReLU errs more than tanh"].parts
    assert part.claim == "tanh below ReLU: test error, mean over the rates 0.1, 0.5"
    tanh_means = np.mean(list(tanh.values()), axis=0)
    expected = compare(tanh_means, 2 * tanh_means)
    assert part.comparison is not None
    assert part.comparison.mean_difference == pytest.approx(expected.mean_difference)
    assert part.comparison.sign_flip_p_value == expected.sign_flip_p_value
    assert found["ReLU errs more than tanh"].verdict == "holds"


def test_variation_is_the_distance_from_the_median() -> None:
    wide = [0.018 + 10 * (error - 0.018) for error in BEST]
    found = judged(disk_runs(BEST) + disk_runs(wide, "relu"))["ReLU varies more than tanh"]
    (part,) = found.parts
    distance = np.abs(np.array(BEST) - 0.018)
    assert part.comparison is not None
    assert part.comparison.mean_difference == pytest.approx(-9 * distance.mean())


def test_what_was_not_run_is_said_with_the_command() -> None:
    found = judged(disk_runs(BEST, "relu", lr=0.3))
    assert {each.verdict for each in found.values()} == {"not run"}
    command = "not run: python -m project.disk -m +study=disk_learning_rate"
    assert {part.evidence for each in found.values() for part in each.parts} == {command}


def test_tanh_at_one_rate_alone_says_nothing_of_the_best() -> None:
    found = judged(disk_runs(BEST))
    assert found["tanh: 0.1 is the best learning rate"].verdict == "not run"
    assert found["ReLU errs more than tanh"].verdict == "not run"
