"""The callback that writes a run's TensorBoard events."""

import time
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Checkpoint
from tensorboard.compat.proto.summary_pb2 import Summary
from torch import Tensor, nn
from torch.utils.tensorboard import SummaryWriter

from project.data.pairs import Pairs
from project.models import Prediction
from project.runs.tags import tag
from project.training.dashboard.answers import collect
from project.training.dashboard.card import card
from project.training.dashboard.hyperparameters import (
    Hyperparameters,
    session_end,
    session_start,
)
from project.training.dashboard.layout import LAYOUT
from project.training.dashboard.pictures import pictures
from project.training.module import PairClassifier
from project.training.recording import EpochRecorder, Row


class DashboardWriter(Checkpoint):
    """Scalars after every epoch; at the end the test's results, the card and the pictures.

    name: of the run. recorder: whose rows say which epochs the weights have seen. images: whether
    to draw the pictures of `test_pairs`.

    The last epoch's scalars travel in the checkpoint. A resumed run declares everything from that
    epoch on void and writes it again, so there is no epoch that the charts show twice or miss. It
    has to stand before the recorder, which writes the checkpoint; both are a `Checkpoint` because
    Lightning calls those after all others, when the epoch's metrics are complete.
    """

    def __init__(
        self,
        name: str,
        hyperparameters: Hyperparameters,
        directory: Path,
        recorder: EpochRecorder,
        test_pairs: Pairs,
        images: bool,
    ) -> None:
        self.name = name
        self.hyperparameters = hyperparameters
        self.directory = directory
        self.recorder = recorder
        self.test_pairs = test_pairs
        self.images = images
        self.last_epoch: Row = {}
        self._predictions: list[Prediction] = []

    def state_dict(self) -> dict[str, Any]:
        return {"last_epoch": self.last_epoch}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.last_epoch = state_dict["last_epoch"]

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # Not on_train_start: Lightning leaves that out for a run that has only its test to do.
        epochs = len(self.recorder.rows)
        self.events = SummaryWriter(str(self.directory), purge_step=epochs)
        self._add(session_start(self.hyperparameters, time.time()), 0)
        self.events.add_custom_scalars(LAYOUT)
        write_scalars(self.events, self.last_epoch, epochs)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._last_time = time.monotonic()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if trainer.is_last_batch:
            # Lightning drops the gradients before it validates.
            self._gradient_norm = gradient_norm(pl_module)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        now = time.monotonic()
        elapsed, self._last_time = now - self._last_time, now
        self.last_epoch = {
            "training/learning_rate": self.recorder.learning_rate,
            "training/seconds_per_epoch": elapsed,
            "training/gradient_norm": self._gradient_norm,
        }
        for metric, value in trainer.callback_metrics.items():
            self.last_epoch[tag(metric)] = float(value)
        write_scalars(self.events, self.last_epoch, trainer.current_epoch + 1)

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        def keep(module: nn.Module, pairs: tuple[Tensor], prediction: Prediction) -> None:
            self._predictions.append(prediction)

        assert isinstance(pl_module, PairClassifier)
        self._hook = pl_module.net.register_forward_hook(keep)

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._hook.remove()
        epochs = len(self.recorder.rows)
        tested = {name: float(value) for name, value in trainer.callback_metrics.items()}
        write_scalars(self.events, {tag(name): value for name, value in tested.items()}, epochs)
        last = {name: value for name, value in self.recorder.rows[-1].items() if "/" in name}
        text = card(self.name, self.hyperparameters, last | tested, self.recorder.seconds)
        self.events.add_text("card", text, epochs)
        if self.images:
            answers = collect(self.test_pairs, self._predictions)
            for name, pixels in pictures(answers, pl_module).items():
                self.events.add_image(name, pixels, epochs, dataformats="HWC")
        self._predictions.clear()
        self._add(session_end(time.time()), epochs)
        self.events.close()

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        if hasattr(self, "events"):
            self.events.close()

    def _add(self, summary: Any, step: int) -> None:
        assert self.events.file_writer is not None
        self.events.file_writer.add_summary(summary, step)


def gradient_norm(module: nn.Module) -> float:
    """Euclidean norm of the gradient of the last step, over all parameters.

    Once an epoch: after every step it would cost about half a percent of the training.
    """
    gradients = [each.grad for each in module.parameters() if each.grad is not None]
    return float(torch.nn.utils.get_total_norm(gradients))


def write_scalars(events: SummaryWriter, scalars: Row, step: int) -> None:
    """Flushed, so that the dashboard and whoever comes after a crash can read them."""
    # One event for all: `add_scalar` for each would take several times as long.
    values = [Summary.Value(tag=name, simple_value=value) for name, value in scalars.items()]
    assert events.file_writer is not None
    events.file_writer.add_summary(Summary(value=values), step)
    events.flush()
