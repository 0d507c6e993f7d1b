"""What the user sees of a sweep: one live display on a terminal, one line per job elsewhere."""

import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from project.launchers.grid import Job

CRITERION = "test/error"
# Off a terminal nothing limits a line; rich would fold it at 80 characters.
WIDTH_OF_FILES = 200


@dataclass
class _Arm:
    """What is known of an arm so far: errors and session seconds of its completed runs."""

    jobs: int = 0
    ended: int = 0
    errors: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


class SweepView:
    """Counts jobs and keeps the mean error so far of every arm.

    side_by_side: how many jobs run at a time, for the time that is left; set once it is known.
    """

    def __init__(self, jobs: Sequence[Job], console: Console | None = None) -> None:
        self._console = console or Console(
            highlight=False, markup=False, width=None if sys.stdout.isatty() else WIDTH_OF_FILES
        )
        self.side_by_side = 1
        self._jobs = len(jobs)
        self._arms: dict[str, _Arm] = {}
        for job in jobs:
            self._arms.setdefault(arm_name(job), _Arm()).jobs += 1
        self._counts = {"done": 0, "skipped": 0, "failed": 0, "interrupted": 0}
        self._running: set[int] = set()
        self._held: set[int] = set()
        self._failures: list[tuple[Job, str, Path]] = []
        self._began = self._last_change = time.monotonic()
        self._live = Live(
            console=self._console, get_renderable=self._render, transient=True, auto_refresh=True
        )

    def begin(self) -> None:
        """There are jobs to run: on a terminal, show the display until `finish`."""
        if self._console.is_terminal:
            self._live.start()

    def skipped(self, job: Job, record: dict[str, Any]) -> None:
        """A job whose run was completed before, or by another process in the meantime."""
        self._ended("skipped", job, record)

    def started(self, job: Job) -> None:
        """A job that begins."""
        self._running.add(job.number)

    def held(self, job: Job, holder: str) -> None:
        """A job whose run another process works on."""
        self._running.discard(job.number)
        if job.number not in self._held:
            self._held.add(job.number)
            self._say(f"{_name(job)}: waits for {holder}, which works on it")

    def lost(self, job: Job, reason: str) -> None:
        """A job whose machine is gone, and which goes on elsewhere."""
        self._running.discard(job.number)
        self._say(f"{_name(job)}: {reason}; goes on elsewhere")

    def done(self, job: Job, record: dict[str, Any]) -> None:
        """A job that has just been completed."""
        self._ended("done", job, record)
        if not self._console.is_terminal:
            self._say(
                f"{_name(job)}: test error {100 * record['metrics'][CRITERION]:.2f} %, "
                f"{record['seconds']['training']:.1f} s"
            )

    def failed(self, job: Job, reason: str, log: Path) -> None:
        """A job that ended in any other way."""
        self._ended("failed", job, None)
        self._failures.append((job, reason, log))
        self._say(f"{_name(job)}: FAILED, {reason}")

    def interrupted(self, job: Job) -> None:
        """A job that stopped because the sweep was asked to."""
        self._ended("interrupted", job, None)
        if not self._console.is_terminal:
            self._say(f"{_name(job)}: interrupted")

    @property
    def failures(self) -> int:
        """How many jobs have failed so far."""
        return len(self._failures)

    def _ended(self, kind: str, job: Job, record: dict[str, Any] | None) -> None:
        self._counts[kind] += 1
        self._running.discard(job.number)
        self._last_change = time.monotonic()
        arm = self._arms[arm_name(job)]
        arm.ended += 1
        if record is not None:
            arm.errors.append(record["metrics"][CRITERION])
            arm.seconds.append(record["seconds"]["session"])

    def _say(self, line: str) -> None:
        finished = sum(self._counts.values())
        self._console.print(f"[{finished}/{self._jobs}] {line}", soft_wrap=True)

    def seconds_left(self) -> float | None:
        """An estimate: what is left, at the mean time of each arm's completed runs.

        None before any run is completed; an arm without completed runs counts as the mean of all.
        """
        every = [seconds for arm in self._arms.values() for seconds in arm.seconds]
        if not every:
            return None
        work = sum(
            (arm.jobs - arm.ended) * statistics.fmean(arm.seconds or every)
            for arm in self._arms.values()
        )
        return max(0.0, work / self.side_by_side - (time.monotonic() - self._last_change))

    def _render(self) -> Group:
        counts = self._counts | {"running": len(self._running)}
        shown = [f"{count} {kind}" for kind, count in counts.items() if count]
        left = self.seconds_left()
        head = Table.grid(padding=(0, 2))
        head.add_row(
            ProgressBar(total=self._jobs, completed=sum(self._counts.values()), width=16),
            ", ".join(shown) or f"{self._jobs} jobs",
            "" if left is None else f"about {_clock(left)} left",
        )
        return Group(head, self._table())

    def _table(self) -> Table:
        table = Table("arm", box=None)
        for heading in ("n", "mean test error", "deviation"):
            table.add_column(heading, justify="right", no_wrap=True)
        for name, arm in self._arms.items():
            n = len(arm.errors)
            deviation = f"{100 * statistics.stdev(arm.errors):.2f} %" if n > 1 else "-"
            mean = f"{100 * statistics.fmean(arm.errors):.2f} %" if n else "-"
            table.add_row(name, f"{n}" if n == arm.jobs else f"{n}/{arm.jobs}", mean, deviation)
        return table

    def finish(self) -> None:
        """The mean error of every arm, and what failed, where, and why."""
        self._live.stop()
        self._console.print(self._table())
        counts = self._counts | {"not started": self._jobs - sum(self._counts.values())}
        shown = [f"{count} {kind}" for kind, count in counts.items() if count or kind == "done"]
        seconds = time.monotonic() - self._began
        self._console.print(f"{', '.join(shown)}; {seconds:.1f} s", soft_wrap=True)
        for job, reason, log in self._failures:
            print(f"FAILED {_name(job)}: {reason}\n       log: {log}", file=sys.stderr)


def arm_name(job: Job) -> str:
    """The arm by what tells it from the sweep's others, and by its folder."""
    return " ".join(filter(None, (job.arm, job.directory.parent.name)))


def _name(job: Job) -> str:
    name = f"{job.directory.parent.name}/{job.directory.name}"
    return f"{name} ({job.arm})" if job.arm else name


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
