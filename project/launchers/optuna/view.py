"""What the user sees of a search: on a terminal a bar and the running jobs; a line per trial."""

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
    """Shows a search while it is entered; a `project.launchers.view.JobsView` for its jobs.

    Args:
        trials: How many there will be.
        ended: How many there are already.
        console: Where it is shown; None for stdout.
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
        """A trial is about to be carried out."""
        self._began = time.monotonic()
        self._trained = False

    def trial_ended(self, line: str, best: str) -> None:
        """Say how a trial ended.

        Args:
            line: What there is to say of it.
            best: The best so far, for the bar.
        """
        self._ended += 1
        self._best = best
        if self._trained:
            self._seconds.append(time.monotonic() - self._began)
        self._say(line)

    def begin(self) -> None:
        """See `JobsView`."""
        self._trained = True

    def skipped(self, job: Job, record: dict[str, Any]) -> None:
        """See `JobsView`."""
        self._running.end(job)

    def started(self, job: Job) -> None:
        """See `JobsView`."""
        self._running.start(job)

    def locked(self, job: Job, holder: str) -> None:
        """See `JobsView`."""
        self._running.end(job)

    def lost(self, job: Job, reason: str) -> None:
        """See `JobsView`."""
        self._running.end(job)
        self._say(f"{job_name(job)}: {reason}; goes on elsewhere")

    def done(self, job: Job, record: dict[str, Any]) -> None:
        """See `JobsView`."""
        self._running.end(job)

    def failed(self, job: Job, reason: str, log: Path) -> None:
        """See `JobsView`."""
        self._running.end(job)
        self._failures.append((job, reason, log))

    def interrupted(self, job: Job) -> None:
        """See `JobsView`."""
        self._running.end(job)

    def stop(self) -> None:
        """See `JobsView`."""

    def finish(self) -> None:
        """Say which jobs of the trial failed, where, and why."""
        while self._failures:
            print_failure(*self._failures.pop(0))

    def _say(self, line: str) -> None:
        self._console.print(line, soft_wrap=True)
        self._console.file.flush()

    def seconds_left(self) -> float | None:
        """Estimate how long the search takes; None before a trial of this session has ended."""
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
