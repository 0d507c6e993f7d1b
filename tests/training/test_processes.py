"""A run on several devices: what it computes, and what becomes of it when a process dies.

The other processes are forked, so that they see what these tests put in the place of a method.
"""

import logging
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning import Trainer
from pytorch_lightning.strategies import DDPStrategy

from project.config.schema import Trainer as TrainerSection
from project.runs import lifecycle
from project.runs.interruption import Interrupted
from project.runs.lifecycle import DivergedError
from project.training import lightning_messages
from project.training.processes import ProcessError, trainer_arguments
from tests.small_runs import only_run, record, run_small
from tests.training import strangers
from tests.training.runs import (
    STRANGERS,
    checkpoint,
    classify_config,
    own_config,
    result,
    train,
)
from tests.training.test_recorder import history
from tests.training.test_resume import BATCHES, BEST, EMA, LR_MONITOR, STOP, TENSORBOARD, StopAfter

TWO = {"devices": 2}
# Measured: 6e-7; batches that are not shared out make 1e-2 and more of it.
ROUNDING = 1e-5


def test_one_device_is_lightnings_default_strategy() -> None:
    section = TrainerSection(max_epochs=1)
    assert trainer_arguments(section, 1) == {"accelerator": "cpu", "devices": 1}


def test_several_devices_are_lightnings_ddp_and_further_arguments_reach_its_trainer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Batch statistics are per process unless it is told otherwise."""
    given: list[dict[str, Any]] = []

    def spy(**arguments: Any) -> Any:
        given.append(arguments)
        return Trainer(**(arguments | {"devices": 1, "strategy": "auto"}))

    monkeypatch.setattr(lightning_messages, "Trainer", spy)
    train(classify_config(tmp_path, trainer={"sync_batchnorm": True}))
    assert [each["sync_batchnorm"] for each in given] == [True, True]
    arguments = trainer_arguments(TrainerSection(max_epochs=1, devices=2), 2)
    assert arguments["devices"] == 2
    assert isinstance(arguments["strategy"], DDPStrategy)


@pytest.fixture
def no_process_is_left() -> Iterator[None]:
    yield
    assert not multiprocessing.active_children()
    assert not torch.distributed.is_initialized()


def differences(one: Path, other: Path) -> float:
    """The largest between the weights and the validation of two runs, of 1 or of larger values."""
    ours, theirs = (checkpoint(each)["state_dict"] for each in (one, other))
    assert ours.keys() == theirs.keys()
    weights = [(ours[name] - theirs[name]).abs().max().item() for name in ours]
    rows = [history(each) for each in (one, other)]
    validation = [
        abs(float(row[name]) - float(its[name])) / max(1.0, abs(float(row[name])))
        for row, its in zip(*rows, strict=True)
        for name in row
        if name.startswith("val/")
    ]
    return max(*weights, *validation)


@pytest.mark.cluster
def test_two_processes_end_as_one_with_batches_twice_as_large(
    tmp_path: Path, no_process_is_left: None
) -> None:
    """But for rounding, without dropout and batch norm; on a stranger's plain DataLoader."""

    def run(outputs: str, batch_size: int, **changes: Any) -> Path:
        # Not Adam, which would make large steps of rounded gradients near zero.
        optimizer = {"_target_": "torch.optim.SGD", "lr": 0.5, "momentum": 0.9}
        data = {"batch_size": batch_size, "moved": 0.0}
        config = classify_config(tmp_path / outputs, data=data, optimizer=optimizer, **changes)
        return train(config)

    alone, together = run("alone", 10), run("together", 5, trainer=TWO)
    assert 0 < differences(alone, together) < ROUNDING
    before = result(together)
    assert result(run("together", 5, trainer=TWO)) == before  # it has only its test to do
    smaller = run("smaller", 5)
    assert differences(alone, smaller) > 1e-3


@pytest.mark.cluster
def test_the_reports_pairs_are_shared_out_too(
    small_mnist: Path, tmp_path: Path, no_process_is_left: None
) -> None:
    """Two batches of 10 pairs are one of 20; the means of training are those over both."""
    assert run_small(tmp_path / "alone").exit_code == 0
    end = run_small(tmp_path / "together", "trainer.devices=2", "data.batch_size=10")
    assert end.exit_code == 0, end.errors
    alone, together = only_run(tmp_path / "alone"), only_run(tmp_path / "together")
    assert differences(alone, together) < 1e-5
    for row, its in zip(history(alone), history(together), strict=True):
        for name in ("train/loss", "train/error"):
            assert float(row[name]) == pytest.approx(float(its[name]), abs=1e-5)
    assert record(alone)["parameters"] == record(together)["parameters"]
    assert record(alone)["provenance"]["data"] == record(together)["provenance"]["data"]
    assert record(alone)["variant"] != record(together)["variant"]


@pytest.mark.cluster
def test_callbacks_and_loggers_work_in_all_processes_and_only_the_first_writes(
    tmp_path: Path, no_process_is_left: None
) -> None:
    """What decides is decided together, at the latest by the first process."""
    changes: dict[str, Any] = {
        "callbacks": {"ema": EMA, "best": BEST, "stop": STOP | {"patience": 2}, "lr": LR_MONITOR},
        "logger": {"tensorboard": TENSORBOARD},
        "checkpoints": {"max_overhead": 0.01},
    }
    alone = train(classify_config(tmp_path / "alone", **changes))
    together = train(classify_config(tmp_path / "together", trainer=TWO, **changes))

    def names(directory: Path) -> set[str]:
        return {path.name.partition("tfevents")[0] for path in directory.iterdir()}

    assert names(together) == names(alone)
    assert (together / "run.log").read_text().count("epoch 1/3") == 1


def in_rank_1(monkeypatch: pytest.MonkeyPatch, batch: int, act: Callable[[], Any]) -> None:
    """Let rank 1 call `act` when it has trained on so many batches."""
    step = strangers.Classify.training_step

    def misbehave(module: strangers.Classify, given: Any, batch_idx: int) -> Any:
        loss = step(module, given, batch_idx)
        trainer = module.trainer
        if trainer.global_rank == 1 and trainer.fit_loop.total_batch_idx == batch:
            return loss * act()
        return loss

    monkeypatch.setattr(strangers.Classify, "training_step", misbehave)


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def fail() -> None:
    raise ValueError("a mistake of rank 1")


@pytest.mark.cluster
def test_a_killed_rank_ends_the_run_which_goes_on_to_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_process_is_left: None
) -> None:
    def config(outputs: str) -> dict[str, Any]:
        return classify_config(tmp_path / outputs, model={"dropout": 0.2}, trainer=TWO)

    whole = train(config("whole"))
    with monkeypatch.context() as patch:
        in_rank_1(patch, 3, kill)
        with pytest.raises(
            ProcessError,
            match=r"^rank 1 was killed by SIGKILL; run the same command again to continue",
        ) as error:
            train(config("killed"))
    assert error.value.exit_code == 1
    found = tmp_path / "killed" / whole.relative_to(tmp_path / "whole")
    assert record(found)["status"] == "failed"
    assert len(history(found)) == 1
    assert train(config("killed")) == found
    assert result(found) == result(whole)


@pytest.mark.cluster
def test_an_interrupted_run_ends_as_one_that_was_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_process_is_left: None
) -> None:
    """A task that draws everywhere: the noise of the processes is their own."""
    whole = train(own_config(tmp_path / "whole", trainer=TWO))
    for batches in (1, BATCHES):
        with monkeypatch.context() as patch:
            patch.setattr(lifecycle, "StopFlag", partial(StopAfter, batches))
            with pytest.raises(Interrupted):
                train(own_config(tmp_path / "disturbed", trainer=TWO))
    found = train(own_config(tmp_path / "disturbed", trainer=TWO))
    assert result(found) == result(whole)


@pytest.mark.cluster
def test_an_error_of_one_rank_is_the_runs_with_its_traceback_in_the_log(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    no_process_is_left: None,
) -> None:
    in_rank_1(monkeypatch, 1, fail)
    with (
        caplog.at_level(logging.ERROR),
        pytest.raises(ProcessError, match=r"^rank 1: ValueError: a mistake of rank 1$"),
    ):
        train(classify_config(tmp_path, trainer=TWO))
    assert "in fail" in caplog.text


@pytest.mark.cluster
def test_a_loss_that_is_no_number_on_one_rank_has_diverged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_process_is_left: None
) -> None:
    in_rank_1(monkeypatch, 3, lambda: float("nan"))
    with pytest.raises(DivergedError, match="the loss became nan in epoch 2, step 4; a smaller"):
        train(classify_config(tmp_path, trainer=TWO))
    (directory,) = tmp_path.glob("runs/*/seed_0")
    assert record(directory)["diverged"] is True


@pytest.mark.cluster
def test_a_stream_of_examples_cannot_be_shared_out(
    tmp_path: Path, no_process_is_left: None
) -> None:
    endless = classify_config(tmp_path, data={"endless": True}, trainer=TWO)
    with pytest.raises(Exception, match=r"trainer\.devices: only a torch DataLoader") as error:
        train(endless)
    assert error.value.exit_code == 2  # type: ignore[attr-defined]
    assert STRANGERS in endless["data"]["_target_"]
