"""What is missing is found, and the baseline is chosen without a look at the test errors."""

from pathlib import Path

import pytest

from project.report.arms import Arm, group
from project.report.choosing import (
    ChoiceError,
    PlannedArm,
    best_by_validation,
    best_run_by_validation,
    beyond_the_plan,
    choose_planned,
    find_baseline,
    find_gaps,
    seed_list,
)
from project.report.runs import read_runs
from tests.report.runs_on_disk import CONFIG, DIVERGED, write_disk_run, write_run

NO_RUNS_SEED = 2**32 - 1


def arms_of(outputs: Path) -> list[Arm]:
    return group(read_runs(outputs, None)[0])


def plan(model: str, *seeds: int, lr: float = 1.0) -> PlannedArm:
    config = CONFIG | {
        "seed": NO_RUNS_SEED,
        "model": CONFIG["model"] | {"name": model},
        "optimizer": CONFIG["optimizer"] | {"lr": lr},
    }
    return PlannedArm(config, seeds)


@pytest.mark.parametrize(
    ("seeds", "text"),
    [
        ([3], "3"),
        ([1, 0], "0, 1"),
        ([0, 1, 2], "0 to 2"),
        ([0, 1, 2, 7, 9, 10], "0 to 2, 7, 9, 10"),
    ],
)
def test_seeds_are_listed_shortly(seeds: list[int], text: str) -> None:
    assert seed_list(seeds) == text


def test_arms_with_the_same_seeds_have_no_gap(tmp_path: Path) -> None:
    for model in ("ws_al", "basic"):
        for seed in (0, 1):
            write_run(tmp_path, model=model, seed=seed)
    assert find_gaps(arms_of(tmp_path), []) == []


def test_every_arm_must_have_every_seed_that_any_has(tmp_path: Path) -> None:
    for seed in range(4):
        write_run(tmp_path, model="basic", seed=seed)
    write_run(tmp_path, seed=0)
    write_run(tmp_path, seed=1, status="failed")
    write_run(tmp_path, seed=2, status="running")
    write_run(tmp_path, seed=5, status="interrupted")
    gaps = find_gaps(arms_of(tmp_path), [])
    assert [str(gap) for gap in gaps] == [
        "basic: seed 5 missing",
        "ws_al: seed 1 failed; seed 2 running or killed; seed 3 missing; seed 5 interrupted",
    ]


def test_a_diverged_run_is_a_result_and_no_gap(tmp_path: Path) -> None:
    write_run(tmp_path, seed=0)
    write_run(tmp_path, seed=1, status="failed", failure=DIVERGED)
    assert find_gaps(arms_of(tmp_path), []) == []


def test_what_a_study_plans_is_missing_where_it_was_never_begun(tmp_path: Path) -> None:
    write_run(tmp_path, model="ws_al", seed=0)
    planned = [plan("ws_al", 0, 1), plan("basic", 0, 1)]
    gaps = find_gaps(arms_of(tmp_path), planned)
    assert [(str(gap), gap.config["model"]["name"]) for gap in gaps] == [
        ("ws_al: seed 1 missing", "ws_al"),
        ("basic: seeds 0, 1 missing", "basic"),
    ]


def test_a_study_chooses_its_arms_and_no_arm_with_another_setting(tmp_path: Path) -> None:
    write_run(tmp_path, model="ws_al", seed=0)
    # Of its arm too, although made with checkpoints of other times.
    seeds = {"data": 7, "init": 7, "order": 7}
    write_run(tmp_path, model="ws_al", seed=7, seeds=seeds, checkpoints__time_share=1.0)
    write_run(tmp_path, model="ws_al", seed=0, optimizer__lr=0.5)
    write_run(tmp_path, model="ws_al", seed=0, seeds={"data": 0, "init": 3, "order": 0})
    write_run(tmp_path, model="basic", seed=0)
    write_disk_run(tmp_path)
    chosen = choose_planned(read_runs(tmp_path, None)[0], [plan("ws_al", 0, 1)])
    assert [(run.model, run.seed, run.config["optimizer"]["lr"]) for run in chosen] == [
        ("ws_al", 0, 1.0),
        ("ws_al", 7, 1.0),
    ]


def test_seeds_of_another_study_are_beyond_the_plan_but_failed_ones_are_not(tmp_path: Path) -> None:
    for seed in range(6):
        write_run(tmp_path, model="ws_al", seed=seed)
    for seed, status in ((0, "completed"), (1, "completed"), (2, "completed"), (4, "failed")):
        write_run(tmp_path, model="basic", seed=seed, status=status)
    planned = [plan("ws_al", 0, 1), plan("basic", 0, 1)]
    # 2 is in all arms; 4 failed in one of them: leaving it out might hide a bad result.
    assert beyond_the_plan(read_runs(tmp_path, None)[0], planned) == [3, 5]


def test_the_baseline_is_the_arm_with_the_lowest_mean_validation_error(tmp_path: Path) -> None:
    for seed in (0, 1):
        write_run(tmp_path, model="lucky_on_test", seed=seed, error=0.01, val_error=0.3)
        write_run(tmp_path, model="best", seed=seed, error=0.2, val_error=0.1 + seed / 10)
        write_run(tmp_path, model="worse", seed=seed, error=0.2, val_error=0.2)
    best = best_by_validation(arms_of(tmp_path))
    assert best is not None
    assert best.model == "best"


def test_an_arm_with_fewer_seeds_or_diverged_runs_is_no_baseline(tmp_path: Path) -> None:
    for seed in (0, 1):
        write_run(tmp_path, model="whole", seed=seed, val_error=0.5)
        write_run(tmp_path, model="diverging", seed=seed, val_error=0.1)
    write_run(tmp_path, model="diverging", seed=2, status="failed", failure=DIVERGED)
    write_run(tmp_path, model="short", seed=0, val_error=0.1)
    best = best_by_validation(arms_of(tmp_path))
    assert best is not None
    assert best.model == "whole"


def test_without_completed_runs_there_is_no_baseline(tmp_path: Path) -> None:
    write_run(tmp_path, status="failed")
    assert best_by_validation(arms_of(tmp_path)) is None


def test_a_baseline_is_named_by_label_directory_or_only_model(tmp_path: Path) -> None:
    write_run(tmp_path, model="basic")
    for lr in (0.1, 0.2):
        write_run(tmp_path, optimizer__lr=lr)
    arms = arms_of(tmp_path)
    for arm in arms:
        assert find_baseline(arms, arm.label) is arm
        assert find_baseline(arms, arm.name) is arm
    assert find_baseline(arms, "basic") is arms[0]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ws_al", r"there are 2 arms of that model; name one by its directory:\n  ws_al-"),
        ("bsic", r"there is no such arm; did you mean 'basic'"),
        ("ws_al optimizer.lr=0.3", r"did you mean 'ws_al optimizer.lr=0.[12]' or"),
        ("!", r"there is no such arm; there are:\n  basic-[0-9a-f]{8}   basic\n"),
    ],
)
def test_a_baseline_that_is_not_there_is_refused_with_the_nearest_names(
    tmp_path: Path, name: str, message: str
) -> None:
    write_run(tmp_path, model="basic")
    for lr in (0.1, 0.2):
        write_run(tmp_path, optimizer__lr=lr)
    with pytest.raises(ChoiceError, match=message):
        find_baseline(arms_of(tmp_path), name)


def test_the_best_run_is_the_first_of_the_lowest_validation_error(tmp_path: Path) -> None:
    """Test errors count for nothing; runs without validation pairs, and of part 2, are none."""
    for seed, (test, validation) in enumerate([(0.01, 0.05), (0.06, 0.02), (0.01, 0.02)]):
        write_run(tmp_path, seed=seed, error=test, val_error=validation)
    write_run(tmp_path, seed=3, val_error=0.01, status="interrupted")
    write_disk_run(tmp_path, error=0.001)
    record = write_run(tmp_path, seed=4, error=0.0) / "run.json"
    record.write_text(record.read_text().replace('"val/error"', '"other"'))
    runs, _ = read_runs(tmp_path, None)
    best, candidates = best_run_by_validation(runs[::-1])
    assert best is not None
    assert (best.seed, candidates) == (1, 3)
    assert best_run_by_validation([]) == (None, 0)
