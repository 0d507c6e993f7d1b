"""What a run writes while it trains: history.csv, the checkpoint, log lines."""

import csv
import io
import logging
import math
import time
from pathlib import Path
from typing import Any

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Callback, Checkpoint
from pytorch_lightning.callbacks.progress import TQDMProgressBar

from project.runs.atomic import write_text
from project.training.checkpoint import LAST
from project.training.interruption import StopFlag

log = logging.getLogger(__name__)

Row = dict[str, float]


def history_csv(rows: list[Row]) -> str:
    """One line per epoch; floats in their shortest exact spelling: equal runs give equal bytes."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


class EpochRecorder(Checkpoint):
    """Writes the checkpoint and history.csv after the first epoch, the last, and some between.

    Between, writing takes at most `share` of the time: after every epoch it would be 5 % of the
    training of `ws_al_bn_do`. The rows travel in the checkpoint: a resumed run rewrites history.csv
    from it, so the file never holds an epoch that the weights have not seen. Lightning calls a
    `Checkpoint` callback after all others, when the epoch's metrics are complete.
    """

    def __init__(self, directory: Path, share: float) -> None:
        self.directory = directory
        self.share = share
        self._next_time = -math.inf
        self.rows: list[Row] = []
        self.learning_rate = math.nan
        self.seconds = 0.0

    def state_dict(self) -> dict[str, Any]:
        return {"rows": self.rows, "seconds": self.seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.rows = state_dict["rows"]
        self.seconds = state_dict["seconds"]

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # Not on_train_start: Lightning leaves that out for a run that was killed after its last
        # epoch, which still has to be tested, and may lack that epoch in its history.csv.
        if self.rows:
            self._write_history()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._last_time = time.monotonic()

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        if trainer.is_last_batch:
            # After it the schedule has set the rate of a step that is not of this epoch.
            self.learning_rate = trainer.optimizers[0].param_groups[0]["lr"]

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        now = time.monotonic()
        elapsed, self._last_time = now - self._last_time, now
        self.seconds += elapsed
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
        epoch = trainer.current_epoch + 1
        self.rows.append({"epoch": epoch, "lr": self.learning_rate} | dict(sorted(metrics.items())))
        if now >= self._next_time or epoch == trainer.max_epochs:
            trainer.save_checkpoint(self.directory / LAST)
            self._write_history()
            written = time.monotonic()
            self._next_time = written + (written - now) * (1 / self.share - 1)
        log.info(
            "epoch %d/%s  %s",
            epoch,
            trainer.max_epochs,
            "  ".join(
                f"{name} {value:.4f}"
                for name, value in sorted(metrics.items())
                if name.endswith(("/loss", "/error"))
            ),
        )

    def _write_history(self) -> None:
        write_text(self.directory / "history.csv", history_csv(self.rows))


class ProgressBar(TQDMProgressBar):
    """Lightning's bar over the batches of an epoch, with the last epoch's loss and errors."""

    SHOWN = ("train/loss", "train/error", "val/error")

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        # Ends the bar's line: what is printed next would stand at its end.
        self.train_progress_bar.close()

    def get_metrics(
        self, trainer: Trainer, pl_module: LightningModule
    ) -> dict[str, int | str | float | dict[str, float]]:
        metrics = trainer.callback_metrics
        return {name: f"{float(metrics[name]):.4f}" for name in self.SHOWN if name in metrics}


class StopAtBatchBoundary(Callback):
    """Ends training between two batches once `flag` is set, by raising what `flag` says."""

    def __init__(self, flag: StopFlag) -> None:
        self.flag = flag

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        self.flag.check()
