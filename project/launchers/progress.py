"""Progress of the running jobs of a sweep, read from their run directories."""

import time
from pathlib import Path

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


class JobProgress:
    """Progress of one running job, read from history.csv, which is written every few seconds.

    Args:
        job: The job.
        now: When the job started, in seconds of any clock; later calls use the same clock.

    Attributes:
        epoch: The last finished epoch that history.csv shows.
        epochs: How many epochs the run has; None if its configuration does not say.
    """

    def __init__(self, job: Job, now: float) -> None:
        self.job = job
        config = job.spec.config
        self.epochs: int | None = (config.get("trainer") or config).get("max_epochs")
        # A resumed run starts with the epochs that it already has.
        self.epoch = self._first_epoch = last_epoch(job.directory)
        self.started = self._first_seen = self._last_seen = now

    def look(self, now: float) -> None:
        """Read the last finished epoch from history.csv."""
        epoch = last_epoch(self.job.directory)
        if epoch > self.epoch:
            if self._first_seen == self.started:
                # Measure the pace from the first new epoch, so that start-up does not count.
                self._first_epoch, self._first_seen = epoch, now
            self.epoch, self._last_seen = epoch, now

    def seconds_left(self, now: float) -> float | None:
        """Estimate the seconds until the job ends.

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

    def end(self, job: Job) -> None:
        """Remove a job if it is in the collection."""
        self._by_number.pop(job.number, None)

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
        table = Table(box=None, expand=True)
        table.add_column("running", ratio=1, no_wrap=True)
        for heading in ("epoch", "left"):
            table.add_column(heading, justify="right", no_wrap=True, min_width=9)
        for each in running[:rows]:
            epochs = f"{each.epoch}/{each.epochs}" if each.epochs and each.epoch else "-"
            table.add_row(job_name(each.job), epochs, clock(each.seconds_left(now)))
        for _ in range(rows - len(running)):
            table.add_row("", "", "")
        return table


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
