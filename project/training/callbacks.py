"""Small callbacks of the platform: stopping between batches, divergence, the progress bar."""

from typing import Any

import torch
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.callbacks.progress import TQDMProgressBar

from project.runs.interruption import StopFlag
from project.runs.lifecycle import DivergedError


class StopAtBatchBoundary(Callback):
    """Ends training between two batches once a signal has come.

    Args:
        flag: Knows of signals; what it raises ends the run.
    """

    def __init__(self, flag: StopFlag) -> None:
        self.flag = flag

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Raise Interrupted if a signal has come."""
        self.flag.check()

    def on_test_batch_start(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Raise Interrupted if a signal has come."""
        self.flag.check()


class StopOnDivergence(Callback):
    """Ends a run whose training loss is no finite number any more."""

    def on_before_backward(
        self, trainer: Trainer, pl_module: LightningModule, loss: torch.Tensor
    ) -> None:
        """Raise DivergedError naming epoch and step."""
        if not torch.isfinite(loss).all():
            raise DivergedError(
                f"the loss became {loss.sum().item()} in epoch {trainer.current_epoch + 1}, step "
                f"{trainer.global_step + 1}; a smaller optimizer.lr usually helps"
            )


class ProgressBar(TQDMProgressBar):
    """Lightning's bar over the batches of an epoch, with the last epoch's main metrics.

    Args:
        metric: The name of the metric that the task is judged by.
    """

    def __init__(self, metric: str) -> None:
        super().__init__()
        self._shown = ("train/loss", f"train/{metric}", f"val/{metric}")

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """End the bar's line: what is printed next would stand at its end."""
        self.train_progress_bar.close()

    def get_metrics(
        self, trainer: Trainer, pl_module: LightningModule
    ) -> dict[str, int | str | float | dict[str, float]]:
        """Return what the bar shows at its end."""
        metrics = trainer.callback_metrics
        return {name: f"{float(metrics[name]):.4f}" for name in self._shown if name in metrics}
