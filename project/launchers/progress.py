"""Progress of the running jobs of a sweep, read from their run directories."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from project.launchers.experiment import Job
from project.runs.directory import HISTORY

POLL_SECONDS = 1.0  # until the same files are read again
MAX_ROW_BYTES = 65536


def last_epoch(directory: Path) -> int:
    """Return the last epoch in a run's history.csv, counted from 1; 0 if there is none."""
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
    """Progress of one running job, read from history.csv.

    A run writes history.csv together with its checkpoints, every few seconds.

    Args:
        job: The job.
        now: When the job started, in seconds of any clock; later calls use the same clock.

    Attributes:
        epoch: The last finished epoch that history.csv shows.
        epochs: How many epochs the run has; None if its configuration does not say.
    """

    def __init__(self, job: Job, now: float) -> None:
        self.job = job
        self.epochs = max_epochs(job.spec.config)
        # A resumed run starts with the epochs that it already has.
        self.epoch = self._first_epoch = last_epoch(job.directory)
        self.started = self._first_seen = self._last_seen = now

    def look(self, now: float) -> None:
        """Read the last finished epoch from history.csv.

        Args:
            now: The present time.
        """
        epoch = last_epoch(self.job.directory)
        if epoch > self.epoch:
            if self._first_seen == self.started:
                # Measure the pace from the first new epoch, so that start-up does not count.
                self._first_epoch, self._first_seen = epoch, now
            self.epoch, self._last_seen = epoch, now

    def seconds_left(self, now: float) -> float | None:
        """Estimate the seconds until the job ends.

        Args:
            now: The present time.

        Returns:
            None if the number of epochs is unknown, or before two updates of history.csv were seen.
        """
        epochs = self.epoch - self._first_epoch
        if self.epochs is None or epochs <= 0:
            return None
        pace = (self._last_seen - self._first_seen) / epochs
        return max(0.0, (self.epochs - self.epoch) * pace - (now - self._last_seen))


class RunningJobs:
    """Collection of the running jobs, in the order in which they began."""

    def __init__(self) -> None:
        self._by_number: dict[int, JobProgress] = {}
        self._looked = float("-inf")

    def __len__(self) -> int:
        return len(self._by_number)

    def start(self, job: Job) -> None:
        """Add a job that has just begun."""
        self._by_number[job.number] = JobProgress(job, time.monotonic())

    def end(self, job: Job) -> bool:
        """Remove a job and return whether it was in the collection."""
        return self._by_number.pop(job.number, None) is not None

    def look(self) -> list[JobProgress]:
        """Return the progress of each job; read their files at most once every POLL_SECONDS."""
        now = time.monotonic()
        running = list(self._by_number.values())  # a copy: the display's thread calls this too
        if now - self._looked >= POLL_SECONDS:
            self._looked = now
            for each in running:
                each.look(now)
        return running

    def table(self, rows: int) -> Table:
        """Return a table of the running jobs that always has `rows` rows.

        It is filled with empty rows, so that the display below does not move; jobs beyond `rows`
        are left out.
        """
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
    """Return `<variant>/seed_<k>`, followed by the job's label in brackets if it has one."""
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
    """Return the part of a long list to show, and the index at which it begins.

    Args:
        items: The list.
        first: Index of the item to show at the top; an earlier one if too few items follow it.
        size: How many items to show.

    Returns:
        The index of the first item shown, and the items shown.
    """
    begin = max(0, min(first, len(items) - size))
    return begin, items[begin : begin + size]
