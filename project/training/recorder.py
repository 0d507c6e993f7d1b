"""What a run writes while it trains: history.csv, the checkpoint, log lines, curves of training."""

import csv
import io
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
from project.training.guarded_logger import GuardedLogger

log = logging.getLogger(__name__)

Row = dict[str, float]


def history_csv(rows: list[Row]) -> str:
    """Return a line for each epoch; floats in their shortest exact spelling.

    Equal runs give equal bytes. A metric that was not logged in an epoch leaves its cell empty.
    """
    return table_csv(rows, ["epoch", "lr"])


def table_csv(rows: list[Row], first: list[str]) -> str:
    """Return rows as CSV: the columns `first`, then the others by name."""
    text = io.StringIO()
    names = [*first, *sorted({name for row in rows for name in row} - set(first))]
    writer = csv.DictWriter(text, fieldnames=names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def last_values(rows: list[Row]) -> Row:
    """Return the value of each metric in the last epoch that logged it."""
    return {name: value for row in rows for name, value in row.items() if "/" in name}


class RunRecorder(Checkpoint):
    """Writes last.ckpt and history.csv after the first epoch, the last, and some between.

    Between, writing takes at most `max_overhead` of the time. The rows travel in the checkpoint: a
    resumed run rewrites history.csv from it, so the file never holds an epoch that the weights have
    not seen.

    What Lightning does between an epoch's checkpoint and the next epoch is replayed when a run is
    resumed: the wish of a callback to stop, the step of a scheduler that watches a metric, and what
    loggers get of the epoch. They get it at `step`, and everything from that step on once more.

    Lightning calls a `Checkpoint` callback after all others, when the epoch's metrics are complete.

    Args:
        directory: The run directory.
        max_overhead: The share of the time that checkpoints may take; 1 is after every epoch.
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
        """Return what a resumed run needs."""
        return {
            "rows": self.rows,
            "step": self.step,
            "logged": self.logged,
            "should_stop": self.should_stop,
            "seconds": self.seconds,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over the state of the checkpoint's epoch."""
        self.rows = state_dict["rows"]
        self.step = state_dict["step"]
        self.logged = state_dict["logged"]
        self.should_stop = state_dict["should_stop"]
        self.seconds = state_dict["seconds"]
        self._resumed = True

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Go on where the checkpoint was written."""
        # Not on_train_start: Lightning leaves that out for a run that was killed after its last
        # epoch, which still has to be tested, and may lack that epoch in its history.csv.
        if self._resumed:
            trainer.should_stop = self.should_stop
            if trainer.is_global_zero:
                self._write_history()
            for logger in trainer.loggers:
                logger.log_metrics(self.logged, step=self.step)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Replay the step of schedulers that watch a metric, which comes after the checkpoint."""
        self._last_time = time.monotonic()
        if self._resumed:
            self._replay_plateau_steps(trainer, pl_module)
            self._resumed = False

    def _replay_plateau_steps(self, trainer: Trainer, pl_module: LightningModule) -> None:
        known = last_values(self.rows)
        for config in trainer.lr_scheduler_configs:
            due = trainer.current_epoch % config.frequency == 0
            value = known.get(str(config.monitor))
            if (
                config.reduce_on_plateau
                and config.interval == "epoch"
                and due
                and value is not None
            ):
                pl_module.lr_scheduler_step(config.scheduler, torch.tensor(value))

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Note what there is of earlier epochs, which Lightning keeps in the same dictionary."""
        self._before = dict(trainer.callback_metrics)

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Note the learning rate of an epoch's last step."""
        if trainer.is_last_batch and trainer.optimizers:
            # After it the schedule has set the rate of a step that is not of this epoch.
            self._learning_rate = trainer.optimizers[0].param_groups[0]["lr"]

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: Any
    ) -> None:
        """Measure the gradients of an epoch's last step; of every step it would take too long."""
        if trainer.is_last_batch:
            gradients = [each.grad for each in pl_module.parameters() if each.grad is not None]
            self._gradient_norm = float(torch.nn.utils.get_total_norm(gradients))

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Add the epoch's row; write the checkpoint and history.csv if it is time."""
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
        # Decided by the first process: the clocks of the others may differ.
        if trainer.strategy.broadcast(now >= self._next_time or self._is_last(trainer)):
            self._save(trainer)
        for logger in trainer.loggers:
            logger.log_metrics(curves, step=self.step)
        log.info("epoch %d/%s  %s", epoch, trainer.max_epochs, _line(metrics))

    def _save(self, trainer: Trainer) -> None:
        began = time.monotonic()
        # What a logger holds back would be missing after a resume from here.
        for logger in trainer.loggers:
            if callable(flush := getattr(logger, "flush", None)):
                flush()
        trainer.save_checkpoint(self.directory / LAST)
        if trainer.is_global_zero:
            self._write_history()
        written = time.monotonic()
        self._next_time = written + (written - began) * (1 / self.max_overhead - 1)

    def _is_last(self, trainer: Trainer) -> bool:
        """Whether training may end with this epoch."""
        return self.should_stop or trainer.current_epoch + 1 == trainer.max_epochs

    def _of_step(self, trainer: Trainer) -> Row:
        """Return what the loggers have of this step so far: validation, values of the last step."""
        for logger in trainer.loggers:
            if isinstance(logger, GuardedLogger) and logger.last_step == self.step:
                return dict(logger.last_metrics)
        return {}

    def _write_history(self) -> None:
        write_text(self.directory / HISTORY, history_csv(self.rows))


def _logged_step(trainer: Trainer, pl_module: LightningModule) -> int:
    """Return the step at which Lightning logs this epoch: that of its last batch."""
    if pl_module.automatic_optimization:
        return max(0, trainer.global_step - 1)
    # `global_step` counts the steps of all optimizers, the loggers' axis does not.
    return trainer.fit_loop.total_batch_idx


def _for_loggers(metrics: Row, trainer: Trainer) -> Row:
    """Return the epoch's metrics that Lightning will hand to loggers."""
    names = trainer.logged_metrics.keys()
    logged = {
        name: each for name, each in metrics.items()
        if name in names and not (name.endswith("_step") and f"{name[:-5]}_epoch" in metrics)
    }  # fmt: skip
    return logged | {"epoch": trainer.current_epoch} if logged else {}


def _line(metrics: Row) -> str:
    """Return an epoch's main metrics for the log: losses, and what is no part of another."""
    shown = {name: value for name, value in metrics.items() if "_" not in name.split("/")[-1]}
    return "  ".join(f"{name} {value:.4f}" for name, value in (shown or metrics).items())
