"""Record a run during training: history.csv, last.ckpt, log lines, training curves for loggers."""

import logging
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Checkpoint

from project.runs.atomic import write_text
from project.runs.directory import HISTORY
from project.training.checkpoint import LAST
from project.training.loggers import GuardedLogger, table_csv

log = logging.getLogger(__name__)

Row = dict[str, float]
# The attributes of the recorder that a checkpoint holds.
STATE = ("rows", "step", "logged", "should_stop", "seconds")


def last_values(rows: list[Row]) -> Row:
    """Return the last logged value of each metric (each name with a "/")."""
    return {name: value for row in rows for name, value in row.items() if "/" in name}


class RunRecorder(Checkpoint):
    """Callback that writes last.ckpt and history.csv during training.

    It writes after the first epoch, after the last epoch, and in between as often as `max_overhead`
    allows, the share of the training time that writing may take. A resumed run rewrites history.csv
    from the rows in the checkpoint, so that it never has an epoch which the weights have not been
    trained on. It also repeats what Lightning does between an epoch's checkpoint and the next
    epoch: it restores `should_stop` (early stopping), steps ReduceLROnPlateau schedulers, and logs
    the epoch's metrics again at `step`. Loggers get everything from that step on a second time and
    must drop what they have.

    As a subclass of `Checkpoint` it is called after all other callbacks, when the metrics of the
    epoch are complete.

    Attributes:
        rows: A row of history.csv for each finished epoch.
        step: The step at which Lightning logged the last epoch.
        logged: What loggers got at that step.
        should_stop: Whether a callback asked to stop training after the last epoch.
        seconds: The training time, including that before a resume.
    """

    def __init__(self, directory: Path, max_overhead: float) -> None:
        self.directory = directory
        self.max_overhead = max_overhead
        self.rows: list[Row] = []
        self.step = 0
        self.logged: Row = {}
        self.should_stop = False
        self.seconds = 0.0
        self._next_time = -math.inf
        self._resumed = False
        self._before: Mapping[str, torch.Tensor] = {}
        self._learning_rate = math.nan
        self._gradient_norm = math.nan

    def state_dict(self) -> dict[str, Any]:
        """Return the attributes that a resumed run needs."""
        return {name: getattr(self, name) for name in STATE}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the attributes from a checkpoint."""
        for name in STATE:
            setattr(self, name, state_dict[name])
        self._resumed = True

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Restore `should_stop`, rewrite history.csv and log the last epoch again if resumed."""
        # Not on_train_start: Lightning does not call it for a run that was killed between its last
        # epoch and the test. Such a run may still lack the last epoch in its history.csv.
        if self._resumed:
            trainer.should_stop = self.should_stop
            if trainer.is_global_zero:
                self._write_history()
            for logger in trainer.loggers:
                logger.log_metrics(self.logged, step=self.step)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """If resumed, repeat the step of ReduceLROnPlateau that followed the checkpoint."""
        self._last_time = time.monotonic()
        if not self._resumed:
            return
        self._resumed = False
        known = last_values(self.rows)
        for config in trainer.lr_scheduler_configs:
            value = known.get(str(config.monitor))
            is_due = config.interval == "epoch" and trainer.current_epoch % config.frequency == 0
            if config.reduce_on_plateau and is_due and value is not None:
                pl_module.lr_scheduler_step(config.scheduler, torch.tensor(value))

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Remember the metrics of earlier epochs, which Lightning keeps in the same dictionary."""
        self._before = dict(trainer.callback_metrics)

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Remember the learning rate of the epoch's last step."""
        if trainer.is_last_batch and trainer.optimizers:
            # After the step, the scheduler has already set the rate of the next epoch.
            self._learning_rate = trainer.optimizers[0].param_groups[0]["lr"]

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: Any
    ) -> None:
        """Compute the gradient norm of the epoch's last step (of every step would be too slow)."""
        if trainer.is_last_batch:
            gradients = [each.grad for each in pl_module.parameters() if each.grad is not None]
            self._gradient_norm = float(torch.nn.utils.get_total_norm(gradients))

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Append the epoch's row, write last.ckpt and history.csv if due, log training curves."""
        now = time.monotonic()
        elapsed, self._last_time = now - self._last_time, now
        self.seconds += elapsed
        metrics = {
            name: float(value)
            for name, value in sorted(trainer.callback_metrics.items())
            if value.numel() == 1 and value is not self._before.get(name)
        }
        epoch = trainer.current_epoch + 1
        self.rows.append({"epoch": epoch, "lr": self._learning_rate} | metrics)
        self.step = _logged_step(trainer, pl_module)
        curves = {
            "training/learning_rate": self._learning_rate,
            "training/seconds_per_epoch": elapsed,
            "training/gradient_norm": self._gradient_norm,
        }
        self.logged = self._of_step(trainer) | _for_loggers(metrics, trainer) | curves
        self.should_stop = trainer.should_stop
        is_last = self.should_stop or epoch == trainer.max_epochs
        # The first process decides, because the processes' clocks may differ.
        if trainer.strategy.broadcast(now >= self._next_time or is_last):
            self._save(trainer)
        for logger in trainer.loggers:
            logger.log_metrics(curves, step=self.step)
        log.info("epoch %d/%s  %s", epoch, trainer.max_epochs, _line(metrics))

    def _save(self, trainer: Trainer) -> None:
        began = time.monotonic()
        # Metrics that a logger still buffers would be missing after a resume from this checkpoint.
        for logger in trainer.loggers:
            if callable(flush := getattr(logger, "flush", None)):
                flush()
        trainer.save_checkpoint(self.directory / LAST)
        if trainer.is_global_zero:
            self._write_history()
        written = time.monotonic()
        self._next_time = written + (written - began) * (1 / self.max_overhead - 1)

    def _of_step(self, trainer: Trainer) -> Row:
        """Return what loggers already got at this step: validation metrics, batch metrics."""
        for logger in trainer.loggers:
            if isinstance(logger, GuardedLogger) and logger.last_step == self.step:
                return dict(logger.last_metrics)
        return {}

    def _write_history(self) -> None:
        write_text(self.directory / HISTORY, table_csv(self.rows, ["epoch", "lr"]))


def _logged_step(trainer: Trainer, pl_module: LightningModule) -> int:
    """Return the step at which Lightning logs this epoch's metrics: that of its last batch."""
    if pl_module.automatic_optimization:
        return max(0, trainer.global_step - 1)
    # With manual optimization `global_step` counts the steps of all optimizers; loggers get the
    # number of batches.
    return trainer.fit_loop.total_batch_idx


def _for_loggers(metrics: Row, trainer: Trainer) -> Row:
    """Return those of the epoch's metrics that Lightning passes to loggers."""
    names = trainer.logged_metrics.keys()
    logged = {
        name: each for name, each in metrics.items()
        if name in names and not (name.endswith("_step") and f"{name[:-5]}_epoch" in metrics)
    }  # fmt: skip
    return logged | {"epoch": trainer.current_epoch} if logged else {}


def _line(metrics: Row) -> str:
    """Return an epoch's main metrics as text for the log: those without "_" in the name, if any."""
    shown = {name: value for name, value in metrics.items() if "_" not in name.split("/")[-1]}
    return "  ".join(f"{name} {value:.4f}" for name, value in (shown or metrics).items())
