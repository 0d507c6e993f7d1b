"""Which runs a study means, what is missing of them, and which variant is the baseline."""

import copy
from pathlib import Path

import pytest

from project.config.errors import ConfigurationError
from project.report.selection import (
    PlannedVariant,
    choose_planned,
    completing,
    find_absent,
    find_baseline,
    find_gaps,
    refusal,
    tables_of,
)
from project.results.records import Problem
from project.results.text import seed_list, seed_words
from tests.results.stored_runs import CONFIG, read, variants, write_disk_run, write_run


def plan(model: str, *seeds: int, lr: float = 1.0) -> PlannedVariant:
    config = copy.deepcopy(CONFIG)
    config["model"]["name"], config["optimizer"]["lr"] = model, lr
    # As a study's file leaves the data open; found, they have a name and a size.
    config["data"] |= {"train_pairs": None, "test_pairs": None}
    del config["data"]["dataset"]
    return PlannedVariant(config, seeds)


@pytest.mark.parametrize(
    ("seeds", "listed", "typed"),
    [
        ([3], "3", "3"),
        ([1, 0], "0, 1", "0,1"),
        ([0, 1, 2], "0 to 2", "range(0,3)"),
        ([0, 1, 2, 7, 9, 10], "0 to 2, 7, 9, 10", "0,1,2,7,9,10"),
    ],
)
def test_seeds_are_listed_shortly_and_as_they_are_typed(
    seeds: list[int], listed: str, typed: str
) -> None:
    assert (seed_list(seeds), seed_words(seeds)) == (listed, typed)


def test_a_study_chooses_its_variants_and_no_variant_with_another_setting(tmp_path: Path) -> None:
    write_run(tmp_path, seed=0)
    write_run(tmp_path, seed=7, checkpoints={"max_overhead": 1.0}, tags=["x"])
    write_run(tmp_path, seed=0, optimizer__lr=0.5)
    write_run(tmp_path, seed=0, seeds={"data": None, "init": 3, "order": None})
    write_run(tmp_path, "basic", seed=0)
    write_disk_run(tmp_path)
    chosen, foreign = choose_planned(read(tmp_path), [plan("ws_al", 0, 1)])
    assert [(run.prefix, run.seed, run.config["optimizer"]["lr"]) for run in chosen] == [
        ("ws_al", 0, 1.0), ("ws_al", 7, 1.0),
    ]  # fmt: skip
    assert foreign == []


def test_seeds_of_another_study_are_left_out_but_failed_ones_are_not(tmp_path: Path) -> None:
    for seed in range(6):
        write_run(tmp_path, "ws_al", seed)
    for seed, status in ((0, "completed"), (1, "completed"), (2, "completed"), (4, "failed")):
        write_run(tmp_path, "basic", seed, status=status)
    planned = [plan("ws_al", 0, 1), plan("basic", 0, 1)]
    # 2 is in all variants; 4 failed in one of them: leaving it out might hide a bad result.
    chosen, foreign = choose_planned(read(tmp_path), planned)
    assert foreign == [3, 5]
    assert {run.seed for run in chosen} == {0, 1, 2, 4}


def test_every_variant_must_have_every_seed_that_any_has(tmp_path: Path) -> None:
    for seed in range(4):
        write_run(tmp_path, "basic", seed)
    for seed, status in ((0, "completed"), (1, "failed"), (2, "running"), (5, "interrupted")):
        write_run(tmp_path, seed=seed, status=status)
    write_run(tmp_path, seed=3, status="failed", diverged=True)  # a result, and no gap
    assert [str(gap) for gap in find_gaps(variants(tmp_path), [])] == [
        "basic: seed 5 missing",
        "ws_al: seed 1 failed; seed 2 running or killed; seed 5 interrupted",
    ]


def test_what_a_study_plans_is_missing_where_it_was_never_begun(tmp_path: Path) -> None:
    write_run(tmp_path, seed=0)
    planned = [plan("ws_al", 0, 1), plan("basic", 0, 1)]
    found = variants(tmp_path)
    assert [str(gap) for gap in find_gaps(found, planned)] == ["ws_al: seed 1 missing"]
    (absent,) = find_absent(found, planned)
    assert str(absent) == "basic: seeds 0, 1 missing"
    command = completing(absent, Path("o"), "epfl_table")
    assert command == "python -m project.train study=epfl_table paths.outputs=o"


def test_a_refusal_names_what_is_missing_with_the_command_that_makes_it(tmp_path: Path) -> None:
    typed = ["model=ws_al", "optimizer.lr=0.5", "seed=0", "paths.outputs=there", "rerun=true"]
    write_run(tmp_path, seed=0, record={"overrides": typed})
    gaps = find_gaps(variants(tmp_path), [plan("ws_al", *range(20))])
    # The words that the variant was made with, without those of the one command.
    assert completing(gaps[0], Path("elsewhere"), None) == (
        "python -m project.train -m model=ws_al optimizer.lr=0.5 paths.outputs=elsewhere "
        "'seed=range(1,20)'"
    )
    error = refusal(gaps, [], Path("outputs"))
    assert error.exit_code == 4
    assert "1 variant of the report lacks runs" in str(error)
    assert "ws_al: seeds 1 to 19 missing\n    python -m project.train -m model=ws_al" in str(error)
    problems = [Problem(Path(f"a/seed_{k}"), "torn") for k in range(14)]
    error = refusal([], problems, Path("outputs"), None, ["b/seed_0"])
    assert error.exit_code == 3
    assert "not there: b/seed_0" in str(error)
    assert "14 runs cannot be read:\n  a/seed_0: torn" in str(error)
    assert "and 2 more" in str(error)


def test_a_baseline_is_named_by_label_folder_or_only_model(tmp_path: Path) -> None:
    write_run(tmp_path, "basic")
    for lr in (0.1, 0.2):
        write_run(tmp_path, optimizer__lr=lr)
    found = variants(tmp_path)
    for each in found:
        assert find_baseline(found, each.label) is each
        assert find_baseline(found, each.name) is each
    assert find_baseline(found, "basic") is found[0]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ws_al", r"there are 2 variants of that name; name one by its folder:\n  ws_al-"),
        ("bsic", r"there is no such variant; did you mean 'basic'"),
        ("ws_al optimizer.lr=0.3", r"did you mean 'ws_al optimizer.lr=0.[12]' or"),
        ("!", r"there is no such variant; known: basic, basic-[0-9a-f]{8}, ws_al optimizer"),
    ],
)
def test_a_baseline_that_is_not_there_is_refused_with_the_nearest_names(
    tmp_path: Path, name: str, message: str
) -> None:
    write_run(tmp_path, "basic")
    for lr in (0.1, 0.2):
        write_run(tmp_path, optimizer__lr=lr)
    with pytest.raises(ConfigurationError, match=message):
        find_baseline(variants(tmp_path), name)


def test_each_task_and_data_set_has_a_table_of_its_own(tmp_path: Path) -> None:
    write_run(tmp_path)
    write_run(tmp_path, seed=1)
    write_run(tmp_path, "frontier", data__name="mnist_pairs")
    write_run(tmp_path, data__dataset="mnist_5k", origin={"data": {"dataset": "mnist_5k"}})
    write_disk_run(tmp_path)
    found = tables_of(variants(tmp_path))
    assert {title: [each.label for each in own] for title, own in found.items()} == {
        "digit_pairs on mnist": ["frontier", "ws_al"],
        "digit_pairs on mnist_5k": ["ws_al-mnist_5k"],
        "disk": ["disk_tanh"],
    }
