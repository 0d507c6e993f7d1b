"""history.csv is exact, to the byte; checkpoints take no more than their share of the time."""

import csv
import io
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pytorch_lightning.strategies import SingleDeviceStrategy

from project.training import recorder
from project.training.loggers import table_csv
from project.training.recorder import RunRecorder
from tests.small_runs import record
from tests.training.runs import STRANGERS, classify_config, own_config, train


def history(directory: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((directory / "history.csv").read_text().splitlines()))


def test_floats_are_written_so_that_they_can_be_read_back_exactly() -> None:
    rows: list[dict[str, float]] = [
        {"epoch": 1, "lr": 0.1, "val/error": 1 / 3},
        {"epoch": 2, "lr": 1e-300, "train/loss": 2.0, "val/error": 0.1 + 0.2},
    ]
    text = table_csv(rows, ["epoch", "lr"])
    assert text == (
        "epoch,lr,train/loss,val/error\n"
        "1,0.1,,0.3333333333333333\n"
        "2,1e-300,2.0,0.30000000000000004\n"
    )
    read = [
        {name: float(value) for name, value in row.items() if value}
        for row in csv.DictReader(io.StringIO(text))
    ]
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
    monkeypatch.setattr(recorder, "time", SimpleNamespace(monotonic=lambda: clock.now))
    found: list[int] = []

    def save(path: Path) -> None:
        clock.now += 1
        found.append(trainer.current_epoch + 1)

    trainer: Any = SimpleNamespace(
        current_epoch=0,
        global_step=1,
        max_epochs=10,
        callback_metrics={},
        logged_metrics={},
        loggers=[],
        should_stop=False,
        is_global_zero=True,
        save_checkpoint=save,
        strategy=SingleDeviceStrategy(),
    )
    module: Any = SimpleNamespace(automatic_optimization=True)
    callback = RunRecorder(tmp_path, share)
    callback.on_train_start(trainer, module)
    for trainer.current_epoch in range(10):
        clock.now += 10
        callback.on_train_epoch_end(trainer, module)
        assert len((tmp_path / "history.csv").read_text().splitlines()) == 1 + found[-1]
    assert found == saved


def test_a_row_holds_what_its_epoch_has_logged_and_nothing_older(tmp_path: Path) -> None:
    directory = train(
        own_config(
            tmp_path,
            task={"_target_": f"{STRANGERS}.Seldom"},
            trainer={"check_val_every_n_epoch": 2, "max_epochs": 4},
        )
    )
    rows = history(directory)
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4"]
    assert [bool(row["val/error"]) for row in rows] == [False, True, False, True]
    assert [bool(row["train/seldom"]) for row in rows] == [True, False, True, False]
    assert all(row["train/error"] for row in rows)
    metrics = record(directory)["metrics"]
    assert metrics["val/error"] == float(rows[3]["val/error"])
    assert metrics["train/seldom"] == float(rows[2]["train/seldom"])
    assert metrics["train/error"] == float(rows[3]["train/error"])


def test_the_learning_rate_of_a_row_is_that_of_its_epochs_last_step(tmp_path: Path) -> None:
    scheduler = {"_target_": "torch.optim.lr_scheduler.ExponentialLR", "gamma": 0.5}
    directory = train(
        classify_config(
            tmp_path,
            scheduler=scheduler | {"interval": "step"},
            optimizer={"_target_": "torch.optim.SGD", "lr": 1.0},
        )
    )
    assert [float(row["lr"]) for row in history(directory)] == [2.0**-2, 2.0**-5, 2.0**-8]


def test_a_metric_that_is_no_number_stays_visible(tmp_path: Path) -> None:
    text = table_csv([{"epoch": 1, "lr": 0.1, "val/loss": math.nan}], ["epoch", "lr"])
    assert text == "epoch,lr,val/loss\n1,0.1,nan\n"
