"""The findings of part 2: tanh and ReLU over the learning rates."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from project.epfl.claims import Judgement
from project.epfl.disk_claims import judge_disk, rate_studies
from project.epfl.reference import DiskResults
from project.results.statistics import compare_paired
from tests.results.stored_runs import variants, write_disk_run, write_disk_variant, write_table

REPORTED = DiskResults(best_lr=0.1, error=2.09, suitable_lrs=[0.5, 0.05])
BEST = [0.018, 0.017, 0.019, 0.02, 0.016, 0.018, 0.0185]
SAME = [0.017, 0.019, 0.0195, 0.018, 0.016, 0.0175, 0.019]
WORSE = [0.1, 0.12, 0.11, 0.09, 0.13, 0.105, 0.1]


def judged(outputs: Path) -> dict[str, Judgement]:
    study, *_ = rate_studies(variants(outputs))
    return {each.says: each for each in judge_disk(study, REPORTED)}


def write(outputs: Path, errors: list[float], **more: Any) -> None:
    write_disk_variant(outputs, errors, **more)


def test_runs_of_another_setup_are_a_study_of_their_own_and_the_largest_is_first(
    tmp_path: Path,
) -> None:
    write(tmp_path, [0.1], max_epochs=9)
    write(tmp_path, [0.1, 0.2])
    write(tmp_path, [0.1], activation="relu")
    studies = rate_studies(variants(tmp_path))
    found = [sorted((name, lr) for name, own in study.items() for lr in own) for study in studies]
    assert found == [
        [("relu", 0.1), ("tanh", 0.1)],
        [("tanh", 0.1)],
    ]
    assert list(studies[0]) == ["tanh", "relu"]
    assert [len(each.runs) for each in studies[0]["tanh"].values()] == [2]


@pytest.mark.parametrize(
    ("errors", "verdict"),
    [
        (BEST, "holds"),
        (WORSE, "fails"),
        ([0.03, *BEST[1:], 0.03], "undecided"),
        (BEST[:5], "exploratory"),
    ],
)
def test_the_published_error_is_reached_if_the_ci_lies_below(
    tmp_path: Path, errors: list[float], verdict: str
) -> None:
    write(tmp_path, errors)
    assert judged(tmp_path)["tanh at 0.1 reaches an error of 2.09 %"].verdict == verdict


def test_the_best_rate_is_better_than_every_other(tmp_path: Path) -> None:
    says = "tanh: 0.1 is the best learning rate"
    write(tmp_path, 2 * BEST)
    write(tmp_path, 2 * WORSE, lr=0.5)
    assert judged(tmp_path)[says].verdict == "holds"
    write(tmp_path, 2 * SAME, lr=0.2)
    found = judged(tmp_path)[says]
    assert found.verdict == "undecided"
    assert [(part.claim, part.verdict) for part in found.parts] == [
        ("0.1 below 0.2: test error", "undecided"),
        ("0.1 below 0.5: test error", "holds"),
    ]
    assert found.parts[0].paired == compare_paired(2 * BEST, 2 * SAME)


def test_the_smallest_std_is_that_of_the_distances_from_the_median(tmp_path: Path) -> None:
    """A rate at which runs diverge is named and left out."""
    wide = [0.018 + 10 * (error - 0.018) for error in BEST]
    write(tmp_path, BEST)
    write(tmp_path, wide, lr=0.5)
    write(tmp_path, BEST[:4], lr=1, diverged=3)
    found = judged(tmp_path)
    std = found["tanh: 0.1 has the smallest std"]
    assert std.parts[0].claim == "0.1 below 0.5: distance of the test error from its median"
    distance = np.abs(np.array(BEST) - 0.018)
    assert std.parts[0].paired == compare_paired(distance, 10 * distance)
    assert std.parts[1].evidence == "3 of 7 runs diverged at 1"
    best = found["tanh: 0.1 is the best learning rate"]
    assert best.verdict != "not comparable"
    assert best.parts[1].evidence == "3 of 7 runs diverged at 1"


def test_overfitting_would_show_in_validation_errors_that_rise_again(tmp_path: Path) -> None:
    says = "tanh at 0.1 does not overfit"
    write(tmp_path, BEST)
    (part,) = judged(tmp_path)[says].parts
    assert part.paired == compare_paired([0.25] * 7, [0.5] * 7)
    assert part.verdict == "holds"

    def verdict(columns: dict[str, list[float]]) -> Judgement:
        for directory in tmp_path.glob("runs/*/seed_*"):
            write_table(directory / "history.csv", columns)
        return judged(tmp_path)[says]

    epochs = {"epoch": [1.0, 2.0, 3.0, 4.0]}
    assert verdict(epochs | {"val/error": [0.5, 0.1, 0.1, 0.2]}).verdict == "fails"
    without = verdict(epochs)
    assert (without.verdict, without.parts[0].evidence) == (
        "not comparable", "there are no validation points",
    )  # fmt: skip


def test_a_rate_that_cannot_be_compared_leaves_the_best_open(tmp_path: Path) -> None:
    write(tmp_path, BEST)
    write(tmp_path, WORSE, lr=0.5)
    for seed in range(7, 14):
        write_disk_run(tmp_path, seed, 0.01, lr=0.2)
    best = judged(tmp_path)["tanh: 0.1 is the best learning rate"]
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
    tmp_path: Path, errors: list[float], diverged: int, verdict: str
) -> None:
    write(tmp_path, BEST)
    write(tmp_path, errors, lr=0.5, diverged=diverged)
    assert judged(tmp_path)["tanh: 0.5 is suitable too"].verdict == verdict


def test_relu_is_compared_at_the_same_seeds_over_all_rates_that_both_stand(tmp_path: Path) -> None:
    tanh = {0.1: BEST + SAME, 0.5: WORSE + WORSE}
    write(tmp_path, BEST, lr=1)
    write(tmp_path, BEST, activation="relu", lr=1, diverged=1)
    for lr, errors in tanh.items():
        write(tmp_path, errors, lr=lr)
        write(tmp_path, [2 * error for error in errors], activation="relu", lr=lr)
    found = judged(tmp_path)
    (part,) = found["ReLU errs more than tanh"].parts
    assert part.claim == "tanh below ReLU: test error, mean over the rates 0.1, 0.5"
    tanh_means = np.mean(list(tanh.values()), axis=0)
    expected = compare_paired(tanh_means, 2 * tanh_means)
    assert part.paired is not None
    assert part.paired.mean == pytest.approx(expected.mean)
    assert part.paired.p_value == expected.p_value
    assert found["ReLU errs more than tanh"].verdict == "holds"


def test_variation_is_the_distance_from_the_median(tmp_path: Path) -> None:
    wide = [0.018 + 10 * (error - 0.018) for error in BEST]
    write(tmp_path, BEST)
    write(tmp_path, wide, activation="relu")
    (part,) = judged(tmp_path)["ReLU varies more than tanh"].parts
    distance = np.abs(np.array(BEST) - 0.018)
    assert part.paired is not None
    assert part.paired.mean == pytest.approx(-9 * distance.mean())


def test_what_was_not_run_is_said_with_the_command(tmp_path: Path) -> None:
    write(tmp_path, BEST, activation="relu", lr=0.3)
    found = judged(tmp_path)
    assert {each.verdict for each in found.values()} == {"not run"}
    command = "not run: python -m project.disk study=disk_learning_rate"
    assert {part.evidence for each in found.values() for part in each.parts} == {command}
    write(tmp_path, BEST)
    found = judged(tmp_path)
    assert found["tanh: 0.1 is the best learning rate"].verdict == "not run"
    assert found["ReLU errs more than tanh"].verdict == "not run"
