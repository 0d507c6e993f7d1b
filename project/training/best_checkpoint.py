"""The weights of the best epoch by validation, which are tested in the place of the last ones."""

import math
from pathlib import Path
from typing import Any, Literal

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Checkpoint

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

    def state_dict(self) -> dict[str, Any]:
        """Return the best value so far."""
        return {"best": self.best}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over the best value of the checkpoint's epoch."""
        self.best = state_dict["best"]

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save the weights if this epoch's are the best."""
        if self.monitor not in trainer.callback_metrics:
            known = ", ".join(sorted(trainer.callback_metrics))
            raise ConfigurationError(
                f"callbacks.best_checkpoint.monitor={self.monitor}: the task logs {known}"
            )
        value = float(trainer.callback_metrics[self.monitor])
        if math.isnan(value) or (self.best is not None and not self._is_better(value)):
            return
        self.best = value
        trainer.save_checkpoint(Path(trainer.default_root_dir) / BEST)

    def _is_better(self, value: float) -> bool:
        assert self.best is not None
        return value < self.best if self.mode == "min" else value > self.best
