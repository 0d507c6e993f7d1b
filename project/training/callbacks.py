"""Small callbacks of the platform: stop on a signal, stop on divergence, show a progress bar."""

import math
from typing import Any

import torch
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Callback, LambdaCallback
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from project.runs.interruption import StopFlag
from project.runs.lifecycle import DivergedError


def stop_at_batch_boundary(flag: StopFlag) -> Callback:
    """Return a callback that ends training or testing between two batches after a signal."""

    def check(*arguments: Any) -> None:
        flag.check()

    return LambdaCallback(on_train_batch_start=check, on_test_batch_start=check)


class StopOnDivergence(Callback):
    """Callback that ends a run as soon as its training loss is NaN or infinite."""

    def on_before_backward(
        self, trainer: Trainer, pl_module: LightningModule, loss: torch.Tensor
    ) -> None:
        """Raise DivergedError, naming epoch and step, if the loss is NaN or infinite."""
        if not torch.isfinite(loss).all():
            raise DivergedError(
                f"the loss became {loss.sum().item()} in epoch {trainer.current_epoch + 1}, step "
                f"{trainer.global_step + 1}; a smaller optimizer.lr usually helps"
            )


class ProgressBar(Callback):
    """Callback that shows one progress bar for all epochs of a run.

    Beside the bar stand the remaining time and the main metrics of the last epoch. `metric` is the
    one that the task is judged by, without its stage.
    """

    def __init__(self, metric: str, console: Console | None = None) -> None:
        self._shown = ("train/loss", f"train/{metric}", f"val/{metric}")
        self._progress = Progress(
            TextColumn("epoch {task.fields[epoch]}/{task.total:.0f}"),
            BarColumn(bar_width=20),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            TextColumn("{task.fields[metrics]}"),
            console=console or Console(stderr=True, highlight=False),
        )

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Show the bar, for a resumed run from the epoch at which it continues."""
        self._task = self._progress.add_task(
            "", total=trainer.max_epochs, completed=trainer.current_epoch, epoch="-", metrics=""
        )
        self._progress.start()

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Advance the bar to the current batch."""
        batches, epoch = trainer.num_training_batches, trainer.current_epoch
        share = batch_idx / batches if math.isfinite(batches) else 0.0
        self._progress.update(self._task, completed=epoch + share, epoch=f"{epoch + 1}")

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Show the metrics of the previous epoch, which are complete only now."""
        metrics = trainer.callback_metrics
        shown = [f"{name} {float(metrics[name]):.4f}" for name in self._shown if name in metrics]
        self._progress.update(self._task, completed=trainer.current_epoch, metrics="  ".join(shown))

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Show the metrics of the last epoch and leave the bar visible."""
        self.on_train_epoch_start(trainer, pl_module)
        self._progress.stop()

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Stop the bar, so that the next output starts on a new line."""
        self._progress.stop()
