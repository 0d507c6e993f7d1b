"""Progress of running jobs, read from their run directories, and the base class of displays."""

import os
import sys
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from project.launchers.experiment import Job
from project.runs.directory import HISTORY

POLL_SECONDS = 1.0  # until the same files are read again
MAX_RUNNING_ROWS = 8
# Without a terminal, rich would wrap lines at 80 characters.
WIDTH_OF_FILES = 200


def last_epoch(directory: Path) -> int:
    """Return the last epoch in a run's history.csv, counted from 1; 0 if there is none."""
    try:
        return int((directory / HISTORY).read_bytes().splitlines()[-1].partition(b",")[0])
    except (OSError, ValueError, IndexError):
        return 0


class JobProgress:
    """Progress of one running job, read from history.csv, which is written every few seconds.

    `now` is in seconds of any clock, and at first when the job started.
    """

    def __init__(self, job: Job, now: float) -> None:
        self.job = job
        config = job.spec.config
        # None if the configuration does not say.
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
        """Estimate the seconds until the job ends; None before two updates of history.csv."""
        epochs = self.epoch - self._first_epoch
        if self.epochs is None or epochs <= 0:
            return None
        pace = (self._last_seen - self._first_seen) / epochs
        return max(0.0, (self.epochs - self.epoch) * pace - (now - self._last_seen))


class JobsView(ABC):
    """Base class of displays on `console` or stdout; a launcher says what happens to its jobs."""

    def __init__(self, console: Console | None) -> None:
        self._console = console or Console(
            highlight=False, markup=False, width=None if sys.stdout.isatty() else WIDTH_OF_FILES
        )
        self.side_by_side = 1  # jobs that run at a time; the launcher sets it before `begin`
        self._running: dict[int, JobProgress] = {}  # by job number, in the order of their start
        self._looked = float("-inf")
        self._failures: list[tuple[Job, str, Path]] = []
        self._began = time.monotonic()
        self._live = Live(console=self._console, get_renderable=lambda: self, transient=True)

    def begin(self) -> None:
        """Begin the display; called before the first job, and only if there are jobs to run."""
        if self._console.is_terminal:
            self._live.start()

    def started(self, job: Job) -> None:
        """Show that a job begins."""
        self._running[job.number] = JobProgress(job, time.monotonic())

    def locked(self, job: Job, holder: str) -> None:
        """Show that a job has to wait because another process, `holder`, works on its run."""
        self._running.pop(job.number, None)

    def lost(self, job: Job, reason: str) -> None:
        """Show that a job's machine was lost and that the job goes on elsewhere."""
        self._running.pop(job.number, None)
        self._say(f"{job_name(job)}: {reason}; goes on elsewhere")

    def ended(
        self, kind: str, job: Job, record: dict[str, Any] | None = None, reason: str = ""
    ) -> None:
        """Show that a job has ended.

        Args:
            kind: `done`; `skipped`, if its run was found completed; `failed`; or `interrupted`.
            job: The job.
            record: The record of its run, if that is completed.
            reason: Why it failed, if it did.
        """
        self._running.pop(job.number, None)

    def failed(self, job: Job, reason: str, log: Path) -> None:
        """Show that a job failed, and keep what it printed in `log` for the summary."""
        self._failures.append((job, reason, log))
        self.ended("failed", job, reason=reason)

    def stop(self) -> None:
        """End the display without a summary; called if a check before the first job fails."""
        self._live.stop()

    def finish(self) -> None:
        """Print on stderr which jobs failed; called once no job runs any more."""
        for job, reason, log in self._failures:
            print(f"FAILED {job_name(job)}: {reason}\n       log: {log}", file=sys.stderr)
        self._failures.clear()

    @abstractmethod
    def seconds_left(self) -> float | None:
        """Estimate the seconds until everything is done; None while nothing is known."""

    @abstractmethod
    def __rich__(self) -> Group: ...

    def _say(self, line: str) -> None:
        self._print(line, soft_wrap=True)

    def _print(self, *shown: Any, **options: Any) -> None:
        try:
            self._console.print(*shown, **options)
            self._console.file.flush()
        except BrokenPipeError:
            # The process that reads our output has ended (`| head`): go on without a display.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            self._console = Console(quiet=True)

    def _look(self) -> list[JobProgress]:
        """Return the progress of each running job; read files at most once every POLL_SECONDS."""
        now = time.monotonic()
        running = list(self._running.values())  # a copy: the display's thread calls this too
        if now - self._looked >= POLL_SECONDS:
            self._looked = now
            for each in running:
                each.look(now)
        return running

    def _running_table(self, rows: int) -> Table:
        """Return a table that always has `rows` rows, so that what is below does not move."""
        running = self._look()
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

    def _head(self, total: int, completed: int, *texts: str) -> Table:
        left = self.seconds_left()
        head = Table.grid(padding=(0, 2))
        head.add_row(
            ProgressBar(total=total, completed=completed, width=16),
            *texts,
            "" if left is None else f"about {clock(left)} left",
        )
        return head


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
