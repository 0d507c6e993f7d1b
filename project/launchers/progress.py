"""How far the running jobs of a sweep are, as far as their run directories say."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from project.launchers.experiment import Job
from project.runs.directory import HISTORY

POLL_SECONDS = 1.0  # between looks at the same files
MAX_ROW_BYTES = 65536


def last_epoch(directory: Path) -> int:
    """Return the last epoch of a run's history.csv, counted from 1; 0 where there is none."""
    try:
        with open(directory / HISTORY, "rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - MAX_ROW_BYTES))
            return int(file.read().splitlines()[-1].partition(b",")[0])
    except (OSError, ValueError, IndexError):
        return 0


def max_epochs(config: dict[str, Any]) -> int | None:
    """Return how many epochs a configuration asks for; None where it does not say."""
    return (config.get("trainer") or config).get("max_epochs")


class JobProgress:
    """One running job.

    A run writes history.csv with its checkpoints, that is every few seconds.

    Args:
        job: The job.
        now: The time of its start, in seconds of any clock.

    Attributes:
        epoch: Its last finished epoch that is known.
        epochs: Of how many.
    """

    def __init__(self, job: Job, now: float) -> None:
        self.job = job
        self.epochs = max_epochs(job.spec.config)
        # A run that goes on begins with the epochs that it has.
        self.epoch = self._first_epoch = last_epoch(job.directory)
        self.started = self._first_seen = self._last_seen = now

    def look(self, now: float) -> None:
        """Read the last epoch anew."""
        epoch = last_epoch(self.job.directory)
        if epoch > self.epoch:
            if self._first_seen == self.started:
                # From here on the start-up does not count.
                self._first_epoch, self._first_seen = epoch, now
            self.epoch, self._last_seen = epoch, now

    def seconds_left(self, now: float) -> float | None:
        """Estimate how long it still takes; None before two of its epochs were seen."""
        epochs = self.epoch - self._first_epoch
        if self.epochs is None or epochs <= 0:
            return None
        pace = (self._last_seen - self._first_seen) / epochs
        return max(0.0, (self.epochs - self.epoch) * pace - (now - self._last_seen))


class RunningJobs:
    """The jobs that run, in the order in which they began."""

    def __init__(self) -> None:
        self._by_number: dict[int, JobProgress] = {}
        self._looked = float("-inf")

    def __len__(self) -> int:
        return len(self._by_number)

    def start(self, job: Job) -> None:
        """Add a job that begins."""
        self._by_number[job.number] = JobProgress(job, time.monotonic())

    def end(self, job: Job) -> bool:
        """Remove a job; returns whether it was there."""
        return self._by_number.pop(job.number, None) is not None

    def look(self) -> list[JobProgress]:
        """Return what is known of each job; files are read once in POLL_SECONDS."""
        now = time.monotonic()
        running = list(self._by_number.values())  # a view's thread may be asking
        if now - self._looked >= POLL_SECONDS:
            self._looked = now
            for each in running:
                each.look(now)
        return running

    def table(self, rows: int) -> Table:
        """Return a table of exactly so many rows, so that nothing below it jumps."""
        running = self.look()
        now = time.monotonic()
        table = Table("running", box=None, expand=True)
        table.columns[0].no_wrap = True
        table.columns[0].ratio = 1
        for heading in ("epoch", "left"):
            table.add_column(heading, justify="right", no_wrap=True, min_width=9)
        for each in running[:rows]:
            table.add_row(job_name(each.job), _epochs(each), clock(each.seconds_left(now)))
        for _ in range(rows - len(running)):
            table.add_row("", "", "")
        return table


def _epochs(progress: JobProgress) -> str:
    if progress.epochs is None or not progress.epoch:
        return "-"
    return f"{progress.epoch}/{progress.epochs}"


def job_name(job: Job) -> str:
    """Return the run's name, and what tells its variant from the sweep's others."""
    name = f"{job.directory.parent.name}/{job.directory.name}"
    return f"{name} ({job.label})" if job.label else name


def clock(seconds: float | None) -> str:
    """Return `1:02:03`, or `2:03` below an hour; `-` for an unknown time."""
    if seconds is None:
        return "-"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def window(items: Sequence[Any], first: int, size: int) -> tuple[int, Sequence[Any]]:
    """Return the part of a long list that is shown, and where it begins.

    Args:
        items: The list.
        first: What should be shown at its top, as far as it goes.
        size: How many are shown.
    """
    begin = max(0, min(first, len(items) - size))
    return begin, items[begin : begin + size]
