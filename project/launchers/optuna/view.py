"""The display of a search: a bar and the running jobs on a terminal, and one line per trial."""

import statistics
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from project.launchers.experiment import Job
from project.launchers.progress import RunningJobs, clock, job_name
from project.launchers.view import MAX_RUNNING_ROWS, WIDTH_OF_FILES, print_failure


class SearchView:
    """Display of a search inside a `with` block; also the JobsView of its jobs.

    Args:
        trials: The number of trials in the whole search.
        ended: How many trials have ended in earlier sessions.
        console: Where to show the display; None for stdout.
    """

    def __init__(self, trials: int, ended: int, console: Console | None = None) -> None:
        self._console = console or Console(
            highlight=False, markup=False, width=None if sys.stdout.isatty() else WIDTH_OF_FILES
        )
        self.side_by_side = 1
        self._trials = trials
        self._ended = ended
        self._best = ""
        self._running = RunningJobs()
        self._failures: list[tuple[Job, str, Path]] = []
        self._trained = False
        self._began = time.monotonic()
        self._seconds: list[float] = []  # of the trials of this session that trained anything
        self._live = Live(console=self._console, get_renderable=lambda: self, transient=True)

    def __enter__(self) -> "SearchView":
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._live.stop()

    def trial_begins(self) -> None:
        """Note that a trial begins."""
        self._began = time.monotonic()
        self._trained = False

    def trial_ended(self, line: str, best: str) -> None:
        """Count a trial that has ended and print a line about it.

        Args:
            line: The line.
            best: Text about the best trial so far, shown beside the bar.
        """
        self._ended += 1
        self._best = best
        if self._trained:
            self._seconds.append(time.monotonic() - self._began)
        self._say(line)

    def begin(self) -> None:
        """Note that the present trial executes runs, so that its time counts in the estimate."""
        self._trained = True

    def skipped(self, job: Job, record: dict[str, Any]) -> None:
        """Remove a job whose run was found completed from the running ones."""
        self._running.end(job)

    def started(self, job: Job) -> None:
        """Add a job to the running ones."""
        self._running.start(job)

    def locked(self, job: Job, holder: str) -> None:
        """Remove a job from the running ones, because another process works on its run."""
        self._running.end(job)

    def lost(self, job: Job, reason: str) -> None:
        """Remove a job from the running ones and print that it goes on elsewhere."""
        self._running.end(job)
        self._say(f"{job_name(job)}: {reason}; goes on elsewhere")

    def done(self, job: Job, record: dict[str, Any]) -> None:
        """Remove a completed job from the running ones."""
        self._running.end(job)

    def failed(self, job: Job, reason: str, log: Path) -> None:
        """Remove a failed job from the running ones and keep why it failed, for `finish`."""
        self._running.end(job)
        self._failures.append((job, reason, log))

    def interrupted(self, job: Job) -> None:
        """Remove an interrupted job from the running ones."""
        self._running.end(job)

    def stop(self) -> None:
        """Do nothing: the display ends with the `with` block."""

    def finish(self) -> None:
        """Print on stderr which jobs of the trial failed, why, and where their logs are."""
        while self._failures:
            print_failure(*self._failures.pop(0))

    def _say(self, line: str) -> None:
        self._console.print(line, soft_wrap=True)
        self._console.file.flush()

    def seconds_left(self) -> float | None:
        """Estimate the seconds until the search ends.

        Returns:
            None before a trial that executed runs has ended in this session.
        """
        if not self._seconds:
            return None
        whole = statistics.fmean(self._seconds) * (self._trials - self._ended)
        return max(0.0, whole - (time.monotonic() - self._began))

    def __rich__(self) -> Group:
        left = self.seconds_left()
        head = Table.grid(padding=(0, 2))
        head.add_row(
            ProgressBar(total=self._trials, completed=self._ended, width=16),
            f"{self._ended}/{self._trials} trials",
            self._best,
            "" if left is None else f"about {clock(left)} left",
        )
        return Group(head, self._running.table(min(self.side_by_side, MAX_RUNNING_ROWS)))
