"""The bar of a single run, and what ends a run between two batches."""

import io
import re
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Callback
from rich.console import Console
from torch.utils.data import DataLoader, TensorDataset

from project.runs.interruption import Interrupted, StopFlag
from project.runs.lifecycle import DivergedError
from project.training.callbacks import ProgressBar, StopOnDivergence, stop_at_batch_boundary
from project.training.lightning_messages import quiet_lightning


class Line(LightningModule):
    """One weight, whose loss can be made to diverge; logs at the end of its epochs."""

    def __init__(self, loss: float = 1.0) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(()))
        self.loss = loss

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        return self.weight * self.loss

    def on_train_epoch_end(self) -> None:
        self.log("train/loss", 0.5 + self.current_epoch)
        self.log("train/error", 0.25)

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        self.log("val/error", 0.75)
        self.log("val/loss", 0.1)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.0)


BATCHES = DataLoader(TensorDataset(torch.zeros(4)))


def trainer(folder: Path, *callbacks: Callback) -> Trainer:
    quiet_lightning()
    return Trainer(
        max_epochs=3,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        default_root_dir=folder,
        callbacks=list(callbacks),
    )


def fit(module: LightningModule, folder: Path, *callbacks: Callback) -> None:
    trainer(folder, *callbacks).fit(module, BATCHES, BATCHES)


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=100, highlight=False)


def lines(console: Console) -> list[str]:
    """What stood on the terminal's line, one after the other."""
    assert isinstance(console.file, io.StringIO)
    text = re.sub(r"\x1b\[[?0-9;]*[A-Za-z]", "", console.file.getvalue())
    return [line.strip() for line in re.split(r"[\r\n]+", text) if line.strip()]


def test_one_bar_counts_all_epochs_from_1_and_shows_the_last_ones_metrics(
    tmp_path: Path, console: Console
) -> None:
    fit(Line(), tmp_path, ProgressBar("error", console))
    assert re.fullmatch(
        r"epoch 3/3 ━+ \d\d:\d\d train/loss 2\.5000  train/error 0\.2500  val/error 0\.7500",
        lines(console)[-1],
    )
    assert "val/loss" not in lines(console)[-1]


class Signalled(Line):
    """A signal comes during its sixth step, and during its third batch of the test."""

    def __init__(self, flag: StopFlag) -> None:
        super().__init__()
        self.flag = flag
        self.steps = self.tested = 0

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        self.steps += 1
        if self.steps == 6:
            self.flag.signal_number = signal.SIGINT
        return super().training_step(batch, batch_idx)

    def test_step(self, batch: Any, batch_idx: int) -> None:
        self.tested += 1
        if self.tested == 3:
            self.flag.signal_number = signal.SIGTERM


def test_a_signal_stops_training_and_testing_at_the_end_of_the_batch(tmp_path: Path) -> None:
    flag = StopFlag()
    module = Signalled(flag)
    with pytest.raises(Interrupted, match="interrupted by SIGINT"):
        fit(module, tmp_path, stop_at_batch_boundary(flag))
    assert module.steps == 6
    flag.signal_number = None
    with pytest.raises(Interrupted, match="interrupted by SIGTERM"):
        trainer(tmp_path, stop_at_batch_boundary(flag)).test(module, BATCHES, verbose=False)
    assert module.tested == 3


def test_the_bar_ends_with_its_run(tmp_path: Path, console: Console) -> None:
    flag = StopFlag()
    with pytest.raises(Interrupted):
        fit(Signalled(flag), tmp_path, ProgressBar("error", console), stop_at_batch_boundary(flag))
    console.print("what is said next")
    assert lines(console)[-1] == "what is said next"
    assert lines(console)[-2].startswith("epoch 2/3 ")


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_ends_the_run_by_epoch_and_step(
    tmp_path: Path, loss: float
) -> None:
    with pytest.raises(
        DivergedError,
        match=f"the loss became {loss} in epoch 1, step 1; a smaller optimizer.lr usually helps",
    ):
        fit(Line(loss), tmp_path, StopOnDivergence())
