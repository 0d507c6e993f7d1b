"""A run that is killed after any epoch and typed again ends, to the bit, as one left alone."""

import signal
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from project.config.errors import ConflictError
from project.runs import lifecycle
from project.runs.atomic import write_text
from project.runs.interruption import Interrupted, StopFlag
from project.training.checkpoint import LAST, CheckpointError
from tests.small_runs import record
from tests.training.runs import (
    EPOCHS,
    Killed,
    checkpoint,
    classify_config,
    kill_at_each_checkpoint,
    own_config,
    result,
    train,
)

SGD = {"_target_": "torch.optim.SGD", "lr": 0.5, "momentum": 0.9}
SCHEDULERS = "torch.optim.lr_scheduler"
STOP = {
    "_target_": "pytorch_lightning.callbacks.EarlyStopping",
    "monitor": "val/error",
    "mode": "min",
    "patience": 1,
}
BEST = {
    "_target_": "project.training.best_checkpoint.BestCheckpoint",
    "monitor": "val/error",
    "mode": "min",
}
EMA = {"_target_": "project.training.ema.EMA", "decay": 0.7}
LR_MONITOR = {
    "_target_": "pytorch_lightning.callbacks.LearningRateMonitor",
    "logging_interval": "step",
}
TENSORBOARD = {"_target_": "project.training.tensorboard.RunTensorBoardLogger"}
STRANGERS = "tests.training.strangers"
BATCHES = 3  # of an epoch: 20 points, 8 at a time

OWN: dict[str, dict[str, Any]] = {
    "draws everywhere": {},
    "two workers": {"data": {"num_workers": 2}, "trainer": {"max_epochs": 2}},
    "a stream without length": {"data": {"endless": True}},
    "several loaders": {"data": {"_target_": f"{STRANGERS}.SeveralLoaders"}},
    "several validations an epoch": {"trainer": {"val_check_interval": 0.5}},
    "a validation every other epoch": {
        "trainer": {"check_val_every_n_epoch": 2},
        "callbacks": {"best": BEST},
    },
    "a metric every other epoch": {"task": {"_target_": f"{STRANGERS}.Seldom"}},
    "two optimizers by hand": {"task": {"_target_": f"{STRANGERS}.TwoOptimizers"}},
    "accumulated gradients": {"trainer": {"accumulate_grad_batches": 2}},
    "clipped gradients": {"trainer": {"gradient_clip_val": 0.1}},
    "half of the batches": {"trainer": {"limit_train_batches": 0.5}},
    "bfloat16": {"trainer": {"precision": "bf16-mixed"}},
}
CLASSIFY: dict[str, dict[str, Any]] = {
    "early stopping": {"callbacks": {"stop": STOP}, "trainer": {"max_epochs": 9}},
    "early stopping and a minimum": {
        "callbacks": {"stop": STOP},
        "trainer": {"max_epochs": 9, "min_epochs": 6},
    },
    "plateau": {
        "scheduler": {"_target_": f"{SCHEDULERS}.ReduceLROnPlateau", "patience": 0, "factor": 0.5},
        "trainer": {"max_epochs": 4},
    },
    "steps": {
        "scheduler": {"_target_": f"{SCHEDULERS}.StepLR", "step_size": 1, "interval": "epoch"}
    },
    "one cycle": {
        "scheduler": {
            "_target_": "project.training.schedulers.one_cycle",
            "interval": "step",
            "pct_start": 0.3,
            "div_factor": 10.0,
            "final_div_factor": 100.0,
        }
    },
    "best": {"callbacks": {"best": BEST}, "trainer": {"max_epochs": 5}},
    "ema": {"callbacks": {"ema": EMA}},
    "ema and best": {"callbacks": {"ema": EMA, "best": BEST}, "trainer": {"max_epochs": 4}},
    "learning rates": {"callbacks": {"rates": LR_MONITOR}, "logger": {"tensorboard": TENSORBOARD}},
    "a callback with a state": {"callbacks": {"counting": {"_target_": f"{STRANGERS}.Counting"}}},
}
STORIES = {name: (own_config, changes) for name, changes in OWN.items()}
STORIES |= {name: (classify_config, changes) for name, changes in CLASSIFY.items()}
# One proof of each mechanism; the others are of the tier `faults`.
PROOFS = ("draws everywhere", "two workers", "early stopping", "plateau", "ema and best")


def in_tiers(names: Iterable[str]) -> list[Any]:
    """The stories as parameters, each in its tier."""
    marks = {name: () if name in PROOFS else (pytest.mark.faults,) for name in names}
    return [pytest.param(name, marks=mark) for name, mark in marks.items()]


def twin(tmp_path: Path, whole: Path) -> Path:
    """The directory of the disturbed run."""
    return tmp_path / "disturbed" / whole.relative_to(tmp_path / "whole")


@pytest.mark.parametrize("story", in_tiers(STORIES))
def test_a_run_that_dies_after_each_epoch_ends_as_one_that_was_left_alone(
    story: str, tmp_path: Path
) -> None:
    """It dies once the checkpoint is there, before loggers and schedulers get the epoch."""
    make, changes = STORIES[story]
    whole = train(make(tmp_path / "whole", **changes))
    deaths = kill_at_each_checkpoint(make(tmp_path / "disturbed", **changes))
    assert result(twin(tmp_path, whole)) == result(whole)
    assert deaths == record(whole)["epochs"]


@pytest.mark.parametrize(
    "story", ["ema and best", pytest.param("draws everywhere", marks=pytest.mark.faults)]
)
def test_a_run_that_dies_before_each_checkpoint_trains_the_epoch_again(
    story: str, tmp_path: Path
) -> None:
    make, changes = STORIES[story]
    whole = train(make(tmp_path / "whole", **changes))
    deaths = kill_at_each_checkpoint(make(tmp_path / "disturbed", **changes), after=False)
    assert result(twin(tmp_path, whole)) == result(whole)
    assert deaths == record(whole)["epochs"]


class StopAfter(StopFlag):
    """A user who interrupts the run when it has trained on so many batches."""

    def __init__(self, batches: int) -> None:
        super().__init__()
        self.batches = batches

    def check(self) -> None:
        if self.batches == 0:
            self.signal_number = signal.SIGTERM
        self.batches -= 1
        super().check()


@pytest.mark.parametrize(
    "stops",
    [
        pytest.param([1], id="before any checkpoint"),
        pytest.param([BATCHES + 1, BATCHES], id="within an epoch, and after the next one"),
    ],
)
def test_an_interrupted_run_ends_as_one_that_was_left_alone(
    stops: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train(own_config(tmp_path / "whole"))
    for batches in stops:
        with monkeypatch.context() as patch:
            patch.setattr(lifecycle, "StopFlag", partial(StopAfter, batches))
            with pytest.raises(Interrupted) as interrupted:
                train(own_config(tmp_path / "disturbed"))
        assert interrupted.value.exit_code == 143
        assert record(twin(tmp_path, whole))["status"] == "interrupted"
    train(own_config(tmp_path / "disturbed"))
    assert result(twin(tmp_path, whole)) == result(whole)


@pytest.mark.parametrize("place", ["project.training.recorder.write_text", "Own.on_test_start"])
def test_a_run_that_dies_after_its_last_checkpoint_is_only_tested_again(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before history.csv has the epoch, or in the final test."""
    whole = train(own_config(tmp_path / "whole"))
    written = write_text

    def die(*arguments: Any) -> None:
        if isinstance(arguments[0], Path):
            path, text = arguments
            if len(text.splitlines()) == 1 + EPOCHS:
                raise Killed
            written(path, text)
        else:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(f"{STRANGERS}.{place}" if place.startswith("Own") else place, die)
        with pytest.raises(Killed):
            train(own_config(tmp_path / "disturbed"))
    found = twin(tmp_path, whole)
    before = (found / LAST).read_bytes()
    train(own_config(tmp_path / "disturbed"))
    assert (found / LAST).read_bytes() == before
    assert result(found) == result(whole)


def test_a_damaged_newest_checkpoint_costs_an_epoch_and_no_bit(tmp_path: Path) -> None:
    whole = train(own_config(tmp_path / "whole"))
    found = train(own_config(tmp_path / "disturbed"))
    content = (found / LAST).read_bytes()
    (found / LAST).unlink()
    (found / LAST).write_bytes(content[:-500])
    train(own_config(tmp_path / "disturbed"))
    assert result(found) == result(whole)
    assert (found / f"{LAST}.damaged").exists()


@pytest.mark.faults
def test_a_run_that_goes_on_from_an_older_checkpoint_ends_as_one_that_was_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rarely = {"checkpoints": {"max_overhead": 1e-9}}
    whole = train(own_config(tmp_path / "whole"))
    monkeypatch.setattr(lifecycle, "StopFlag", partial(StopAfter, 2 * BATCHES + 1))
    with pytest.raises(Interrupted):
        train(own_config(tmp_path / "disturbed", **rarely))
    monkeypatch.undo()
    found = twin(tmp_path, whole)
    assert len((found / "history.csv").read_text().splitlines()) == 1 + 1
    train(own_config(tmp_path / "disturbed", **rarely))
    assert result(found) == result(whole)


def test_what_early_stopping_has_stopped_says_so(tmp_path: Path) -> None:
    stopped = train(classify_config(tmp_path, **CLASSIFY["early stopping"]))
    facts = record(stopped)
    assert facts["stopped_early"] is True
    assert facts["epochs"] < 9
    assert facts["config"]["trainer"]["max_epochs"] == 9


@pytest.mark.parametrize(
    ("key", "stored", "now"), [("device", "cuda", "cpu"), ("source", "5a" * 32, None)]
)
def test_another_device_or_other_data_files_do_not_go_on_with_a_run(
    key: str, stored: str, now: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "StopFlag", partial(StopAfter, BATCHES + 1))
    with pytest.raises(Interrupted):
        train(own_config(tmp_path))
    monkeypatch.undo()
    (path,) = tmp_path.glob(f"runs/*/*/{LAST}")
    changed = checkpoint(path.parent)
    changed["callbacks"]["OriginCheck"][key] = stored
    torch.save(changed, path)
    with pytest.raises(ConflictError) as error:
        train(own_config(tmp_path))
    assert f"was begun with {key} {stored}, now it is {now}; " in str(error.value)
    assert "rerun=true" in str(error.value)


def test_a_checkpoint_of_another_net_is_refused(tmp_path: Path) -> None:
    found = train(classify_config(tmp_path))
    wider = train(classify_config(tmp_path, model={"hidden": 7}))
    (wider / LAST).write_bytes((found / LAST).read_bytes())
    (wider / "run.json").unlink()
    with pytest.raises(CheckpointError, match=r"(?s)does not fit this net: .*pass rerun=true"):
        train(classify_config(tmp_path, model={"hidden": 7}))
