"""A run that was interrupted, killed or set back shows every epoch once, by every reader."""

import itertools
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tensorboard.summary.writer import event_file_writer

from project.training.checkpoint import LAST
from project.training.dashboard.writer import DashboardWriter
from project.training.fit import Outcome
from project.runs.interruption import Interrupted
from project.training.recording import EpochRecorder
from tests.dashboards.server import Curve, curves, dashboard, pictures
from tests.training.small_runs import BATCHES, EPOCHS, RARELY, Killed, StopAfter, Train

Story = Callable[[Train, pytest.MonkeyPatch, Path], None]


def stopped_within_an_epoch(train: Train, patch: pytest.MonkeyPatch, run: Path) -> None:
    with pytest.raises(Interrupted):
        train("run", stop=StopAfter(BATCHES + 1))


def stopped_three_times(train: Train, patch: pytest.MonkeyPatch, run: Path) -> None:
    for batches in (1, BATCHES + 2, BATCHES):
        with pytest.raises(Interrupted):
            train("run", stop=StopAfter(batches))


def killed_between_events_and_checkpoint(
    train: Train, patch: pytest.MonkeyPatch, run: Path
) -> None:
    """The epoch is in the events and not in the checkpoint: it will be trained again."""
    written = EpochRecorder.on_train_epoch_end

    def die(recorder: EpochRecorder, *arguments: object) -> None:
        if len(recorder.rows) == 1:
            raise Killed
        written(recorder, *arguments)  # type: ignore[arg-type]

    patch.setattr(EpochRecorder, "on_train_epoch_end", die)
    with pytest.raises(Killed):
        train("run")


def killed_epochs_after_the_checkpoint(train: Train, patch: pytest.MonkeyPatch, run: Path) -> None:
    with pytest.raises(Interrupted):
        train("run", stop=StopAfter(2 * BATCHES + 1), checkpoint_share=RARELY)


def set_back_by_a_damaged_checkpoint(train: Train, patch: pytest.MonkeyPatch, run: Path) -> None:
    with pytest.raises(Interrupted):
        train("run", stop=StopAfter(2 * BATCHES))
    (run / LAST).write_bytes(b"damaged")


def killed_when_all_was_written_but_the_record(
    train: Train, patch: pytest.MonkeyPatch, run: Path
) -> None:
    """Test results, card and pictures will be written a second time."""
    written = DashboardWriter.on_test_end

    def die(writer: DashboardWriter, *arguments: object) -> None:
        written(writer, *arguments)  # type: ignore[arg-type]
        raise Killed

    patch.setattr(DashboardWriter, "on_test_end", die)
    with pytest.raises(Killed):
        train("run")


STORIES: list[Story] = [
    stopped_within_an_epoch,
    stopped_three_times,
    killed_between_events_and_checkpoint,
    killed_epochs_after_the_checkpoint,
    set_back_by_a_damaged_checkpoint,
    killed_when_all_was_written_but_the_record,
]


@pytest.fixture(autouse=True)
def sessions_of_different_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """TensorBoard reads a run's files in the order of their names, which begin with the second.

    A session that is a process of its own takes longer than that to start; these do not.
    """
    seconds = itertools.count(int(time.time()))
    monkeypatch.setattr(event_file_writer, "time", SimpleNamespace(time=seconds.__next__))


def without_clock(found: dict[str, Curve]) -> dict[str, Curve]:
    return {name: curve for name, curve in found.items() if not name.endswith("seconds_per_epoch")}


@pytest.fixture(params=STORIES, ids=lambda story: story.__name__)
def resumed(
    request: pytest.FixtureRequest, train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """The directory of a run that has been through a story and was then carried to its end."""
    with monkeypatch.context() as patch:
        request.param(train, patch, tmp_path / "run")
    train("run")
    return tmp_path / "run"


def test_the_curves_are_those_of_a_run_that_was_never_touched(
    train: Train, tmp_path: Path, resumed: Path
) -> None:
    assert len(list(resumed.glob("events.out.tfevents.*"))) > 1
    train("whole")
    whole = curves(tmp_path / "whole")
    assert without_clock(curves(resumed)) == without_clock(whole)
    times = curves(resumed)["training/seconds_per_epoch"]
    assert [step for step, _ in times] == list(range(1, EPOCHS + 1))
    assert pictures(resumed) == pictures(tmp_path / "whole")


def test_the_page_gets_every_epoch_once(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From both of TensorBoard's servers: the fast one purges by other rules than the library."""
    for story in STORIES:
        directory = tmp_path / story.__name__
        directory.mkdir()

        def into(name: str, parent: str = story.__name__, **options: Any) -> Outcome:
            return train(f"{parent}/{name}", **options)

        with monkeypatch.context() as patch:
            story(into, patch, directory / "run")
        into("run")
    train("whole")
    whole = without_clock(curves(tmp_path / "whole"))
    names = ["whole", *(f"{story.__name__}/run" for story in STORIES)]
    for fast in ("true", "false"):
        with dashboard(tmp_path, f"--load_fast={fast}") as page:
            assert sorted(page.wait_for_runs(len(names))) == sorted(names)
            for run in names:
                found = {
                    name: page.get("data/plugin/scalars/scalars", run=run, tag=name)
                    for name in whole
                }
                assert whole == {
                    name: [(step, value) for _, step, value in points]
                    for name, points in found.items()
                }, (run, fast)
                for kind, name in (("images", "test/mistakes"), ("text", "card/text_summary")):
                    shown = page.get(f"data/plugin/{kind}/{kind}", run=run, tag=name, sample=0)
                    assert [each["step"] for each in shown] == [EPOCHS], (run, name, fast)
