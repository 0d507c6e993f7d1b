"""What a run leaves can be read back, number by number."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from project.disk.data import Points
from project.disk.recording import write_outcome
from project.disk.training import Outcome
from project.framework import load

TEST_POINTS = Points(torch.tensor([[0.1, 1 / 3], [0.5, 0.5]]), torch.tensor([0, 1]))


def outcome() -> Outcome:
    rows = [
        {"epoch": epoch, "lr": 0.1, "train/accuracy": 0.5, "train/loss": 1 / 3 / epoch}
        for epoch in (1, 2)
    ]
    return Outcome(
        parameters=3,
        metrics={"test/accuracy": 0.5, "test/error": 0.5, "test/loss": 0.25},
        history=rows,
        predictions=torch.tensor([1, 1]),
        state={"net.0.weight": torch.tensor([[1 / 3, 2.0, -1e-30]])},
        training_seconds=0.1,
    )


def read(path: Path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_history_is_exact(tmp_path: Path) -> None:
    write_outcome(tmp_path, outcome(), TEST_POINTS)
    rows = [
        {key: float(value) for key, value in row.items()} for row in read(tmp_path / "history.csv")
    ]
    assert rows == outcome().history


def test_predictions_hold_points_labels_and_classes_exactly(tmp_path: Path) -> None:
    write_outcome(tmp_path, outcome(), TEST_POINTS)
    rows = read(tmp_path / "predictions.csv")
    assert list(rows[0]) == ["x", "y", "label", "prediction"]
    coordinates = torch.tensor([[float(row["x"]), float(row["y"])] for row in rows])
    assert coordinates.equal(TEST_POINTS.coordinates)
    assert [(row["label"], row["prediction"]) for row in rows] == [("0", "1"), ("1", "1")]


def test_weights_can_be_loaded_by_the_framework(tmp_path: Path) -> None:
    write_outcome(tmp_path, outcome(), TEST_POINTS)
    state = load(tmp_path / "last.json")
    assert state.keys() == outcome().state.keys()
    assert state["net.0.weight"].equal(outcome().state["net.0.weight"])
    json.loads((tmp_path / "last.json").read_text())


def test_tensorboard_shows_each_epoch_once_even_after_a_killed_attempt(tmp_path: Path) -> None:
    write_outcome(tmp_path, outcome(), TEST_POINTS)
    write_outcome(tmp_path, outcome(), TEST_POINTS)
    events = EventAccumulator(str(tmp_path)).Reload()
    tags: Any = events.Tags()["scalars"]
    assert sorted(tags) == [
        "accuracy/test", "accuracy/train", "loss/test", "loss/train"
    ]  # fmt: skip
    shown = [(event.step, event.value) for event in events.Scalars("loss/train")]
    assert shown == [(1, pytest.approx(1 / 3)), (2, pytest.approx(1 / 6))]
    assert len(list(tmp_path.glob("events.*"))) == 1
