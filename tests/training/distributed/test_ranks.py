"""What becomes of a run, and of its processes, when a rank fails, dies or is interrupted."""

import logging
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from project.data.pairs import Batch
from project.training.distributed.classifier import DistributedClassifier
from project.training.distributed.ranks import RankError
from project.runs.interruption import Interrupted
from tests.training.small_runs import BATCHES, StopAfter, Train
from tests.training.test_fit import assert_same_run


def in_rank_1(monkeypatch: pytest.MonkeyPatch, step: int, act: Callable[[], None]) -> None:
    """Let rank 1 call `act` when it has done so many steps."""
    loss = DistributedClassifier.loss

    def misbehave(module: DistributedClassifier, batch: Batch) -> Tensor:
        if module.share.rank == 1 and module.global_step == step:
            act()
        return loss(module, batch)

    monkeypatch.setattr(DistributedClassifier, "loss", misbehave)


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def fail() -> None:
    raise ValueError("a mistake of rank 1")


@pytest.fixture(autouse=True)
def no_process_is_left() -> Iterator[None]:
    yield
    assert not multiprocessing.active_children()
    assert not torch.distributed.is_initialized()


def test_a_killed_rank_ends_the_run_which_goes_on_to_the_same_bits(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train("whole", devices=2)
    with monkeypatch.context() as patch:
        in_rank_1(patch, 2 * BATCHES + 1, kill)
        with pytest.raises(
            RankError, match=r"^rank 1 was killed by SIGKILL; the same command goes on"
        ):
            train("killed", devices=2)
    assert train("killed", devices=2).metrics == whole.metrics
    assert_same_run(tmp_path / "killed", tmp_path / "whole")


def test_an_interrupted_run_ends_as_one_that_was_never_touched(
    train: Train, tmp_path: Path
) -> None:
    whole = train("whole", devices=2)
    for batches in (1, BATCHES + 2, BATCHES):
        with pytest.raises(Interrupted):
            train("interrupted", devices=2, stop=StopAfter(batches))
    assert train("interrupted", devices=2).metrics == whole.metrics
    assert_same_run(tmp_path / "interrupted", tmp_path / "whole")


def test_a_run_that_has_only_its_test_to_do_does_it(train: Train, tmp_path: Path) -> None:
    whole = train("run", devices=2)
    assert train("run", devices=2).metrics == whole.metrics


def test_an_error_of_one_rank_is_the_runs_with_its_traceback_in_the_log(
    train: Train, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    in_rank_1(monkeypatch, 1, fail)
    with (
        caplog.at_level(logging.ERROR),
        pytest.raises(RankError, match=r"^rank 1: ValueError: a mistake of rank 1$"),
    ):
        train("run", devices=2)
    assert "in fail" in caplog.text


def test_a_loss_that_is_not_finite_on_one_rank_is_found_by_all_at_once(
    train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rank 0 says so, in the words of one process."""
    from project.training.module import NonFiniteLossError, PairClassifier

    loss = PairClassifier.loss

    def poison(module: DistributedClassifier, batch: Batch) -> Tensor:
        turned = module.share.rank == 1 and module.global_step == BATCHES + 1
        return loss(module, batch) * (float("nan") if turned else 1)

    monkeypatch.setattr(PairClassifier, "loss", poison)
    with pytest.raises(NonFiniteLossError, match="the loss became nan in epoch 2, step 5"):
        train("run", devices=2)


def test_only_the_first_rank_writes(train: Train, tmp_path: Path) -> None:
    train("alone")
    train("together", devices=2)

    def names(folder: str) -> set[str]:
        files = (tmp_path / folder).iterdir()
        return {"events" if "tfevents" in path.name else path.name for path in files}

    assert names("together") == names("alone")
    assert len(list((tmp_path / "together").iterdir())) == len(names("together"))
