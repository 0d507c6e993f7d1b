"""history.csv is exact, to the byte; checkpoints take no more than their share of the time."""

import csv
import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from project.training import recording
from project.training.recording import EpochRecorder, history_csv


def test_floats_are_written_so_that_they_can_be_read_back_exactly() -> None:
    rows: list[dict[str, float]] = [
        {"epoch": 1, "lr": 0.1, "val/error": 1 / 3},
        {"epoch": 2, "lr": 1e-300, "val/error": 0.1 + 0.2},
    ]
    text = history_csv(rows)
    assert text == ("epoch,lr,val/error\n1,0.1,0.3333333333333333\n2,1e-300,0.30000000000000004\n")
    read = [{k: float(v) for k, v in row.items()} for row in csv.DictReader(io.StringIO(text))]
    assert read == rows


@pytest.mark.parametrize(
    ("share", "saved"),
    [(1.0, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]), (0.05, [1, 3, 5, 7, 9, 10]), (0.02, [1, 6, 10])],
)
def test_checkpoints_take_at_most_their_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, share: float, saved: list[int]
) -> None:
    """Ten epochs of 10 s; a checkpoint takes 1 s."""
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(recording, "time", SimpleNamespace(monotonic=lambda: clock.now))
    found: list[int] = []

    def save(path: Path) -> None:
        clock.now += 1
        found.append(trainer.current_epoch + 1)

    optimizers = [SimpleNamespace(param_groups=[{"lr": 1.0}])]
    trainer: Any = SimpleNamespace(
        current_epoch=0,
        max_epochs=10,
        callback_metrics={},
        optimizers=optimizers,
        save_checkpoint=save,
    )
    recorder = EpochRecorder(tmp_path, share)
    recorder.on_train_start(trainer, None)  # type: ignore[arg-type]
    for trainer.current_epoch in range(10):
        clock.now += 10
        recorder.on_train_epoch_end(trainer, None)  # type: ignore[arg-type]
        history = (tmp_path / "history.csv").read_text().splitlines()
        assert len(history) == 1 + found[-1]
    assert found == saved
