"""A callback that saves the weights of the best validation epoch; the test uses these weights."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Checkpoint
from torch import Tensor

from project.training.checkpoint import BEST


class BestCheckpoint(Checkpoint):
    """Callback that writes best.ckpt into the run directory whenever the metric `monitor` improves.

    Lightning's ModelCheckpoint stores absolute paths, which break when a run directory moves to
    another machine.

    Attributes:
        best: The best value so far; None before the first one. A NaN never counts as the best.
    """

    def __init__(self, monitor: str, mode: Literal["min", "max"]) -> None:
        self.monitor = monitor
        self.mode = mode
        self.best: float | None = None
        self._before: Mapping[str, Tensor] = {}

    def state_dict(self) -> dict[str, Any]:
        """Return the best value so far."""
        return {"best": self.best}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the best value that was stored in the checkpoint."""
        self.best = state_dict["best"]

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Remember the metrics of earlier epochs, which Lightning keeps in the same dictionary."""
        self._before = dict(trainer.callback_metrics)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write best.ckpt if this epoch logged `monitor` and the value is the best so far."""
        metric = trainer.callback_metrics.get(self.monitor)
        if metric is None or metric is self._before.get(self.monitor):
            return
        # The first process decides: on GPUs the last digits may differ between processes.
        if trainer.strategy.broadcast(self._is_better(float(metric))):
            self.best = float(metric)
            trainer.save_checkpoint(Path(trainer.default_root_dir) / BEST)

    def _is_better(self, value: float) -> bool:
        if math.isnan(value) or self.best is None:
            return not math.isnan(value)
        return value < self.best if self.mode == "min" else value > self.best
