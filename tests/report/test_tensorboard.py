"""Aggregates are read back by TensorBoard itself: means and bands, with the runs' own tags."""

import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from project.report.arms import Arm
from project.report.tensorboard import EVENTS, MOST_BANDS, folder_name, write_aggregates
from project.runs.tags import tag
from tests.report.stored_runs import arm_of, pair_runs, write_table

ERRORS = ([0.5, 0.2], [0.3, 0.1], [0.4, 0.6])


def arm_with_histories(folder: Path) -> Arm:
    arm = arm_of(pair_runs([0.2, 0.3, 0.4], folder=folder))
    for run, errors in zip(arm.runs, ERRORS, strict=True):
        columns = {"epoch": [1, 2], "lr": [1, 1], "val/error": errors, "val/digit_error": errors}
        write_table(run, "history.csv", columns)
    return arm


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """What TensorBoard reads: tag -> (step, value)."""
    events = EventAccumulator(str(folder))
    events.Reload()
    tags: Any = events.Tags()["scalars"]
    return {tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in tags}


def test_tensorboard_reads_the_mean_and_the_band_of_one_deviation(tmp_path: Path) -> None:
    write_aggregates([arm_with_histories(tmp_path / "runs")], tmp_path / "tb")
    deviations = [0.1, math.sqrt(0.07)]
    for name, factor in (("mean", 0), ("mean minus deviation", -1), ("mean plus deviation", 1)):
        found = scalars(tmp_path / "tb" / "ws_al" / name)
        wanted = [0.4 + factor * deviations[0], 0.3 + factor * deviations[1]]
        assert [step for step, _ in found["error/val"]] == [1, 2]
        assert [value for _, value in found["error/val"]] == pytest.approx(wanted)
        assert found["error/test"] == [(2, pytest.approx(0.3 + factor * 0.1))]
    assert set(scalars(tmp_path / "tb" / "ws_al" / "mean")) == {
        "error/val",
        tag("val/digit_error"),
        "error/test",
    }


def test_the_tags_are_those_of_the_runs_own_events(tmp_path: Path) -> None:
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(tmp_path / "own")) as events:
        for metric in ("val/error", "val/digit_error", "test/error"):
            events.add_scalar(tag(metric), 0.5, 2)
    write_aggregates([arm_with_histories(tmp_path / "runs")], tmp_path / "tb")
    assert set(scalars(tmp_path / "tb/ws_al/mean")) == set(scalars(tmp_path / "own"))


def test_a_lone_run_has_no_band_and_an_unfinished_arm_no_folder(tmp_path: Path) -> None:
    arm = arm_of(pair_runs([0.2], folder=tmp_path))
    write_table(arm.runs[0], "history.csv", {"epoch": [1], "val/error": [0.5]})
    failed = arm_of(pair_runs([], model="basic", diverged=1, folder=tmp_path))
    write_aggregates([arm, failed], tmp_path / "tb")
    files = [path.relative_to(tmp_path / "tb") for path in (tmp_path / "tb").rglob("*tfevents*")]
    assert files == [Path("ws_al", "mean", EVENTS)]


def test_of_very_many_arms_the_means_alone_are_written(tmp_path: Path) -> None:
    arm = arm_with_histories(tmp_path / "runs")
    others = [replace(arm, label=f"ws_al {number}", runs=()) for number in range(MOST_BANDS)]
    write_aggregates([arm, *others], tmp_path / "tb")
    assert [path.name for path in (tmp_path / "tb" / "ws_al").iterdir()] == ["mean"]


def test_histories_of_different_length_are_averaged_as_far_as_all_go(tmp_path: Path) -> None:
    arm = arm_of(pair_runs([0.2, 0.4], folder=tmp_path))
    for run, length in zip(arm.runs, (3, 2), strict=True):
        columns = {"epoch": [1, 2, 3][:length], "val/error": [0.5, 0.4, 0.3][:length]}
        write_table(run, "history.csv", columns)
    write_aggregates([arm], tmp_path / "tb")
    found = scalars(tmp_path / "tb/ws_al/mean")
    assert found["error/val"] == [(1, 0.5), (2, pytest.approx(0.4))]
    assert found["error/test"] == [(2, pytest.approx(0.3))]


def test_equal_runs_give_equal_bytes(tmp_path: Path) -> None:
    arm = arm_with_histories(tmp_path / "runs")
    for name in ("one", "two"):
        write_aggregates([arm], tmp_path / name)
    one, two = (sorted((tmp_path / name).rglob(EVENTS)) for name in ("one", "two"))
    assert len(one) == 3
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two]


@pytest.mark.parametrize(
    ("label", "folder"),
    [
        ("ws_al optimizer.lr=0.1", "ws_al optimizer.lr=0.1"),
        ("mine model.path=a/../b", "mine model.path=a_.._b 12345678"),
    ],
)
def test_a_label_is_a_folder_of_its_own(label: str, folder: str) -> None:
    assert folder_name(Arm(label, "mine", "12345678", {}, (), ())) == folder


def test_aggregates_are_written_without_torch(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "import project.report.making\n"
        "print([name for name in ('torch', 'pytorch_lightning', 'tensorflow', "
        "'matplotlib.pyplot') if name in sys.modules])"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=240, cwd=root
    )
    assert done.stdout == "[]\n", done.stderr
