"""A reader is told of everything that makes a table less than it seems."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from project.report.arms import group
from project.report.choosing import Gap, find_gaps
from project.report.comparisons import make_table
from project.report.notices import left_out, notices_of
from project.report.runs import Problem, read_runs
from tests.report.runs_on_disk import DIVERGED, provenance, write_disk_run, write_run

SPREAD = [0.020, 0.022, 0.019, 0.025, 0.021, 0.023]


def notices(outputs: Path, gaps: list[Gap] | None = None) -> list[str]:
    arms = group(read_runs(outputs, None)[0])
    return notices_of(make_table(arms, arms[0]), gaps or [])


def write_two_arms(outputs: Path, **settings: Any) -> None:
    for seed, error in enumerate(SPREAD):
        write_run(outputs, model="a", seed=seed, error=error)
        write_run(outputs, model="b", seed=seed, error=error + 0.01, **settings)


def test_runs_of_one_origin_and_enough_seeds_need_no_notice(tmp_path: Path) -> None:
    write_two_arms(tmp_path)
    assert notices(tmp_path) == []


@pytest.mark.parametrize(
    ("origin", "said"),
    [
        (
            {"git": {"commit": "ab" * 20}},
            "Mixed versions of the code: c0ffee00 (6), abababab (6)",
        ),
        (
            {"git": {"dirty": True}},
            "Mixed versions of the code: c0ffee00 (6), c0ffee00 with changes (6)",
        ),
        ({"git": {"commit": None}}, "Mixed versions of the code: c0ffee00 (6), unknown (6)"),
        ({"data": {"fetched_from": "npm"}}, "Mixed origins of the data: folder (6), npm (6)"),
        ({"data": {"sha256": "77" * 32}}, f"Mixed data checksums: {'5a' * 30} (6), {'77' * 30}"),
        ({"data": {"dataset": "mnist_5k"}}, "Mixed data sets: mnist (6), mnist_5k (6)"),
        (
            {"machine": {"processor": "another"}},
            "Mixed processors (times do not compare): a processor (6), another (6)",
        ),
        ({"machine": {"system": "Darwin"}}, "Mixed systems: Linux (6), Darwin (6)"),
        ({"threads": 4}, "Mixed numbers of threads: 1 (6), 4 (6)"),
        ({"versions": {"torch": "2.15.0"}}, "Mixed versions of torch: 2.14.1 (6), 2.15.0 (6)"),
    ],
)
def test_mixed_origins_are_pointed_out(tmp_path: Path, origin: dict[str, Any], said: str) -> None:
    write_two_arms(tmp_path, origin=origin)
    assert any(notice.startswith(said) for notice in notices(tmp_path)), notices(tmp_path)


def test_uncommitted_changes_are_pointed_out_even_where_all_share_them(tmp_path: Path) -> None:
    for seed, error in enumerate(SPREAD):
        write_run(tmp_path, seed=seed, error=error, origin={"git": {"dirty": True}})
    assert notices(tmp_path) == ["Made by code with uncommitted changes: all 6 runs."]


def test_every_points_checksum_is_its_own(tmp_path: Path) -> None:
    for seed, error in enumerate(SPREAD):
        write_disk_run(tmp_path, seed=seed, error=error)
    assert notices(tmp_path) == []


def test_one_seed_and_few_seeds_are_said(tmp_path: Path) -> None:
    for seed in range(2):
        write_run(tmp_path, model="a", seed=seed, error=0.1 + seed / 10)
    write_run(tmp_path, model="b", seed=0)
    assert notices(tmp_path) == [
        "Exploratory: with 1 common seed there is no p-value, since below 6 none could be "
        "under 0.05.",
        "One seed only, so no deviation and no interval: b.",
    ]


def test_errors_without_any_spread_are_said(tmp_path: Path) -> None:
    for seed in range(6):
        write_run(tmp_path, seed=seed, error=0.02)
    (notice,) = notices(tmp_path)
    assert notice.startswith("All seeds gave the same error")


def test_divergence_is_said_with_its_number_and_why_there_is_no_comparison(tmp_path: Path) -> None:
    write_two_arms(tmp_path)
    write_run(tmp_path, model="b", seed=6, status="failed", failure=DIVERGED)
    diverged, not_compared = notices(tmp_path)
    assert diverged.startswith("b: 1 of 7 runs diverged")
    assert not_compared == (
        "Not compared with the baseline (1 of 7 runs diverged, and the others are no fair "
        "sample): b."
    )


def test_it_is_said_where_no_result_could_be_significant(tmp_path: Path) -> None:
    write_two_arms(tmp_path)
    arms = group(read_runs(tmp_path, None)[0])
    (notice,) = notices_of(replace(make_table(arms, arms[0]), family=2), [])
    assert notice.startswith(
        "Too few seeds for so many comparisons: with 6 common seeds Holm's correction over 2 "
        "leaves no p-value below 0.062. More seeds would"
    )


def test_gaps_and_damaged_runs_are_said(tmp_path: Path) -> None:
    write_two_arms(tmp_path)
    write_run(tmp_path, model="b", seed=7, status="failed")
    gaps = find_gaps(group(read_runs(tmp_path, None)[0]), [])
    assert notices(tmp_path, gaps)[0] == (
        "Incomplete, and shown with what there is. a: seed 7 missing. b: seed 7 failed."
    )
    problem = Problem(tmp_path / "runs/a-0123abcd/seed=3", "history.csv is torn")
    assert left_out([problem]) == [
        "Left out, because it cannot be read: a-0123abcd/seed=3, history.csv is torn."
    ]


def test_a_run_that_recorded_less_is_no_obstacle(tmp_path: Path) -> None:
    bare = {name: {} for name in provenance() if name not in ("data", "threads")}
    for seed, error in enumerate(SPREAD):
        directory = write_run(tmp_path, seed=seed, error=error)
        text = (directory / "run.json").read_text()
        for name in bare:
            text = text.replace(f'"{name}"', f'"no_{name}"')
        (directory / "run.json").write_text(text)
    assert notices(tmp_path) == []
