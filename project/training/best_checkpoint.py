"""The weights of the best epoch by validation, which are tested in the place of the last ones."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Checkpoint
from torch import Tensor

from project.config.errors import ConfigurationError
from project.training.checkpoint import BEST


class BestCheckpoint(Checkpoint):
    """Writes best.ckpt in the run directory whenever `monitor` is better than ever before.

    Lightning's ModelCheckpoint keeps absolute paths in its state, which break when a run directory
    moves to another machine; this one keeps the value alone, and the name never changes.

    Args:
        monitor: A logged metric, such as `val/error`.
        mode: Whether smaller (`min`) or larger (`max`) is better.
    """

    def __init__(self, monitor: str, mode: Literal["min", "max"]) -> None:
        self.monitor = monitor
        self.mode = mode
        self.best: float | None = None
        self._before: Mapping[str, Tensor] = {}
        self._has_validated = False

    def state_dict(self) -> dict[str, Any]:
        """Return the best value so far."""
        return {"best": self.best}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over the best value of the checkpoint's epoch."""
        self.best = state_dict["best"]

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Note what there is of earlier epochs, which Lightning keeps in the same dictionary."""
        self._before = dict(trainer.callback_metrics)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Note that validation metrics are there from now on."""
        self._has_validated = True

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save the weights if this epoch's are the best."""
        metric = trainer.callback_metrics.get(self.monitor)
        if metric is None:
            self._refuse_unknown(trainer)
        elif metric is not self._before.get(self.monitor):
            better = self._is_better(float(metric))
            # Decided by the first process: on GPUs the last digits of the others may differ.
            if trainer.strategy.broadcast(better):
                self.best = float(metric)
                trainer.save_checkpoint(Path(trainer.default_root_dir) / BEST)

    def _refuse_unknown(self, trainer: Trainer) -> None:
        if self._has_validated or not self.monitor.startswith("val/"):
            known = ", ".join(sorted(trainer.callback_metrics))
            raise ConfigurationError(
                f"callbacks: BestCheckpoint monitors {self.monitor}, but the task logs {known}"
            )

    def _is_better(self, value: float) -> bool:
        if math.isnan(value) or self.best is None:
            return not math.isnan(value)
        return value < self.best if self.mode == "min" else value > self.best
