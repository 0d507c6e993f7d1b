"""A reader is told of everything that makes a table less than it seems."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from project.report.caveats import caveats_of, left_out
from project.report.selection import find_gaps
from project.results.records import Problem
from tests.report.made import table_of
from tests.results.stored_runs import change_record, provenance, variants, write_run, write_variant

SPREAD = [0.020, 0.022, 0.019, 0.025, 0.021, 0.023]
SHIFT = {"_target_": "lab.Shift", "pixels": 2}


def caveats(outputs: Path) -> list[str]:
    return caveats_of(table_of(outputs, "a"), [])


def write_two(outputs: Path, **settings: Any) -> list[Path]:
    write_variant(outputs, SPREAD, "a")
    return write_variant(outputs, [error + 0.01 for error in SPREAD], "b", **settings)


def test_runs_of_one_origin_and_enough_seeds_need_no_notice(tmp_path: Path) -> None:
    write_two(tmp_path, model__width=3)
    assert caveats(tmp_path) == []


@pytest.mark.parametrize(
    ("origin", "said"),
    [
        ({"git": {"commit": "ab" * 20}}, "Mixed commits: c0ffee00 (6), abababab (6)"),
        ({"git": {"dirty": True}}, "Mixed commits: c0ffee00 (6), c0ffee00 with changes (6)"),
        ({"git": {"commit": None}}, "Mixed commits: c0ffee00 (6), unknown (6)"),
        ({"data": {"fetched_from": "npm"}}, "Mixed sources of the data: folder (6), npm (6)"),
        ({"data": {"source": "77" * 32}}, f"Mixed data files: {'50' * 30} (6), {'77' * 30}"),
        (
            {"machine": {"processor": "an\x1bother"}},
            "Mixed processors (times do not compare): a processor (6), an\ufffdother (6)",
        ),
        ({"machine": {"system": "Darwin"}}, "Mixed systems: Linux (6), Darwin (6)"),
        ({"device": "cuda"}, "Mixed devices: cpu (6), cuda (6)"),
        ({"threads": 4}, "Mixed numbers of threads: 1 (6), 4 (6)"),
        ({"versions": {"torch": "2.15.0"}}, "Mixed versions of torch: 2.14.1 (6), 2.15.0 (6)"),
        (
            {"code": {"platform": "ab" * 32}},
            "Mixed versions of the platform: unknown (6), abababab",
        ),
        (
            {"code": {"definitions": {"lab.Siamese": "0" * 64}}},
            "Compared across versions of the code: lab.Siamese changed in between.",
        ),
        (
            {"data": {"train": "others"}},
            "Not the same budget: other training examples than the baseline's at the same seed: b.",
        ),
    ],
)
def test_mixed_origins_are_pointed_out(tmp_path: Path, origin: dict[str, Any], said: str) -> None:
    write_two(tmp_path, origin=origin)
    (notice,) = caveats(tmp_path)
    assert notice.startswith(said)


def test_other_definitions_are_no_other_version(tmp_path: Path) -> None:
    write_two(tmp_path, origin={"code": {"digest": "x", "definitions": {"lab.Basic": "0" * 64}}})
    assert caveats(tmp_path) == []


def test_accepted_code_is_averaged_with_a_notice(tmp_path: Path) -> None:
    write_two(tmp_path)
    origin = {"code": {"digest": "other"}, "code_accepted": True}
    write_run(tmp_path, "b", 6, origin=origin)
    assert "b averages runs of 2 versions of its code, as accepted." in caveats(tmp_path)


def test_uncommitted_changes_are_pointed_out_even_where_all_share_them(tmp_path: Path) -> None:
    write_variant(tmp_path, SPREAD, "a", origin={"git": {"dirty": True}})
    assert caveats(tmp_path) == ["Made by code with uncommitted changes: all 6 runs."]


def test_all_else_that_differs_from_the_baseline_is_a_confound(tmp_path: Path) -> None:
    write_two(
        tmp_path, trainer__max_epochs=4, data__batch_size=50, model__width=3,
        optimizer={"_target_": "lab.Adam", "lr": 0.1},
    )  # fmt: skip
    assert caveats(tmp_path) == [
        "Confounded: more than the model differs from the baseline. b in data.batch_size (50 "
        "against 100), optimizer (Adam against Adadelta), trainer.max_epochs (4 against 2)."
    ]


def test_variants_of_one_model_may_differ_in_one_setting(tmp_path: Path) -> None:
    write_variant(tmp_path, SPREAD, "a")
    write_variant(tmp_path, [error + 0.01 for error in SPREAD], "a", data__shuffle=True)
    table = table_of(tmp_path)
    assert not any("Confounded" in notice for notice in caveats_of(table, []))
    write_variant(tmp_path, SPREAD, "a", data__shuffle=True, data__batch_size=9, val_error=0.9)
    (notice,) = (each for each in caveats_of(table_of(tmp_path), []) if "Confounded" in each)
    assert notice == (
        "Confounded: more than one thing differs from the baseline. a data.batch_size=9 "
        "data.shuffle=true in data.batch_size (9 against 100), data.shuffle (true against false)."
    )


def test_budgets_that_differ_are_named(tmp_path: Path) -> None:
    directories = write_two(tmp_path, augmentation=SHIFT, record={"parameters": 200_000})
    for epochs, directory in zip((1, 2, 2, 2, 2, 2), directories, strict=True):
        change_record(directory, epochs=epochs, stopped_early=epochs == 1)
    (notice,) = (each for each in caveats(tmp_path) if each.startswith("Not the same budget"))
    assert notice == (
        "Not the same budget: epochs from 1 (b) to 2 (a, b), 1 run stopped early; parameters from "
        "75,908 (a) to 200,000 (b); augmentation for b alone."
    )


def test_one_seed_and_few_seeds_are_said(tmp_path: Path) -> None:
    write_variant(tmp_path, [0.1, 0.2], "a")
    write_run(tmp_path, "b")
    assert caveats(tmp_path) == [
        "Exploratory: with 1 common seed there is no p-value, since below 6 none could be under "
        "0.05.",
        "One seed only, so no std and no CI: b.",
    ]


def test_values_without_any_spread_are_said(tmp_path: Path) -> None:
    write_variant(tmp_path, [0.02] * 6, "a")
    (notice,) = caveats(tmp_path)
    assert notice.startswith("All seeds gave the same test error")


def test_divergence_is_said_with_its_number_and_why_there_is_no_comparison(tmp_path: Path) -> None:
    write_two(tmp_path)
    write_run(tmp_path, "b", 6, status="failed", diverged=True)
    diverged, not_compared = caveats(tmp_path)
    assert diverged.startswith("b: 1 of 7 runs diverged")
    assert not_compared == (
        "Not compared with the baseline (1 of 7 runs diverged, and the others are not a "
        "fair sample): b."
    )


def test_seeds_with_other_test_examples_are_said(tmp_path: Path) -> None:
    write_two(tmp_path)
    write_run(tmp_path, "a", 6)
    write_run(tmp_path, "b", 6, origin={"data": {"test": "others"}})
    assert caveats(tmp_path) == [
        "b had other test examples than the baseline at 1 seed (6), which are not compared."
    ]


def test_it_is_said_where_no_result_could_be_significant(tmp_path: Path) -> None:
    write_two(tmp_path)
    (notice,) = caveats_of(replace(table_of(tmp_path, "a"), family=2), [])
    assert notice.startswith(
        "Too few seeds for so many comparisons: with 6 common seeds Holm's correction over 2 "
        "leaves no p-value below 0.062. More seeds would"
    )


def test_without_validation_values_it_is_said_why_nothing_is_compared(tmp_path: Path) -> None:
    for model in ("c", "d"):
        write_variant(tmp_path, SPREAD, model, metrics={"test/error": 0.1, "val/auc": 1})
    assert "Nothing is compared: no variant has val/error to choose a baseline by." in caveats(
        tmp_path
    )


def test_gaps_and_damaged_runs_are_said(tmp_path: Path) -> None:
    write_two(tmp_path)
    write_run(tmp_path, "b", 7, status="failed")
    gaps = find_gaps(variants(tmp_path), [])
    assert caveats_of(table_of(tmp_path, "a"), gaps)[0] == (
        "Incomplete, and shown with what there is (strict=true refuses). a: seed 7 missing. b: "
        "seed 7 failed."
    )
    problem = Problem(tmp_path / "runs/a-0123abcd/seed_3", "history.csv is incomplete")
    assert left_out([problem]) == [
        "Left out, because it cannot be read: a-0123abcd/seed_3, history.csv is incomplete."
    ]


def test_a_run_that_recorded_less_is_no_obstacle(tmp_path: Path) -> None:
    for directory in write_variant(tmp_path, SPREAD, "a"):
        change_record(directory, provenance={"data": provenance()["data"]})
    assert caveats(tmp_path) == []
