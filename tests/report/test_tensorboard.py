"""Aggregates are read back by TensorBoard itself: means and bands, with the runs' own tags."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from project.report.tensorboard import EVENTS, MAX_BANDS, folder_name, write_aggregates
from project.results.variants import Variant
from project.runs.tags import tag
from tests.results.stored_runs import (
    change_record,
    variant,
    variants,
    write_run,
    write_table,
    write_variant,
)

ERRORS = ([0.5, 0.2], [0.3, 0.1], [0.4, 0.6])


def variant_with_histories(outputs: Path, *errors: list[float]) -> Variant:
    directories = write_variant(outputs, [0.2, 0.3, 0.4][: len(errors)])
    for directory, own in zip(directories, errors, strict=True):
        columns = {"epoch": [1, 2, 3][: len(own)], "lr": [1] * len(own)}
        write_table(directory / "history.csv", columns | {"val/error": own, "val/digits": own})
    return variant(outputs, "ws_al")


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """What TensorBoard reads: tag -> (step, value)."""
    events = EventAccumulator(str(folder))
    events.Reload()
    tags: Any = events.Tags()["scalars"]
    return {tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in tags}


def test_tensorboard_reads_the_mean_and_the_band_of_one_std(tmp_path: Path) -> None:
    write_aggregates([variant_with_histories(tmp_path, *ERRORS)], tmp_path / "tb", "error")
    val, test = tag("val/error"), tag("test/error")
    stds = [0.1, math.sqrt(0.07)]
    for name, factor in (("mean", 0), ("mean minus std", -1), ("mean plus std", 1)):
        found = scalars(tmp_path / "tb/ws_al" / name)
        wanted = [0.4 + factor * stds[0], 0.3 + factor * stds[1]]
        assert [step for step, _ in found[val]] == [1, 2]
        assert [value for _, value in found[val]] == pytest.approx(wanted)
        assert found[test] == [(2, pytest.approx(0.3 + factor * 0.1))]
    assert set(scalars(tmp_path / "tb/ws_al/mean")) == {val, test, tag("val/digits")}


def test_means_stand_at_the_steps_of_the_runs_own_events(tmp_path: Path) -> None:
    own = variant_with_histories(tmp_path, *ERRORS)
    for run in own.runs:
        change_record(run.directory, steps=20, epochs=2)
    write_aggregates([variant(tmp_path, "ws_al")], tmp_path / "tb", "error")
    found = scalars(tmp_path / "tb/ws_al/mean")
    assert [step for step, _ in found[tag("val/error")]] == [9, 19]


def test_a_lone_run_has_no_band_and_an_unfinished_variant_no_folder(tmp_path: Path) -> None:
    variant_with_histories(tmp_path, [0.5])
    write_run(tmp_path, "basic", status="failed")
    write_aggregates(variants(tmp_path), tmp_path / "tb", "error")
    files = [path.relative_to(tmp_path / "tb") for path in (tmp_path / "tb").rglob("*tfevents*")]
    assert files == [Path("ws_al", "mean", EVENTS)]


def test_of_very_many_variants_the_means_alone_are_written(tmp_path: Path) -> None:
    own = variant_with_histories(tmp_path, *ERRORS)
    others = [replace(own, label=f"ws_al {number}", runs=()) for number in range(MAX_BANDS)]
    write_aggregates([own, *others], tmp_path / "tb", "error")
    assert [path.name for path in (tmp_path / "tb/ws_al").iterdir()] == ["mean"]


def test_histories_of_different_length_are_averaged_as_far_as_all_go(tmp_path: Path) -> None:
    own = variant_with_histories(tmp_path, [0.5, 0.4, 0.3], [0.5, 0.4])
    write_aggregates([own], tmp_path / "tb", "error")
    found = scalars(tmp_path / "tb/ws_al/mean")
    assert found[tag("val/error")] == [(1, 0.5), (2, pytest.approx(0.4))]
    assert found[tag("test/error")] == [(2, pytest.approx(0.25))]


@pytest.mark.parametrize(
    ("label", "folder"),
    [
        ("ws_al optimizer.lr=0.1", "ws_al optimizer.lr=0.1"),
        ("mine model.path=a/../b", "mine model.path=a_.._b 12345678"),
    ],
)
def test_a_label_is_a_folder_of_its_own(tmp_path: Path, label: str, folder: str) -> None:
    own = variant_with_histories(tmp_path, [0.5])
    assert folder_name(replace(own, label=label, name="mine-12345678")) == folder
