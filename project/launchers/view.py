"""The display of a sweep's progress: live tables on a terminal, one line per job elsewhere."""

import os
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from project.launchers.experiment import Job
from project.launchers.progress import JobProgress, RunningJobs, clock, job_name, window
from project.launchers.suggestion import suggest_check
from project.runs.lifecycle import metric_text

# Without a terminal, rich would wrap lines at 80 characters.
WIDTH_OF_FILES = 200
MAX_RUNNING_ROWS = 8
MIN_VARIANT_ROWS = 3
# Lines besides the rows of the two tables: bar, two headings, note on hidden variants, cursor.
OTHER_ROWS = 5


class JobsView(Protocol):
    """Protocol of a display, which a launcher informs of what happens to its jobs.

    Attributes:
        side_by_side: How many jobs run at a time; the launcher sets it before it calls `begin`.
    """

    side_by_side: int

    def begin(self) -> None:
        """Begin the display; called before the first job, and only if there are jobs to run."""

    def skipped(self, job: Job, record: dict[str, Any]) -> None:
        """Show that a job's run was found completed, by an earlier sweep or by another process.

        Args:
            job: The job.
            record: The run record.
        """

    def started(self, job: Job) -> None:
        """Show that a job begins."""

    def locked(self, job: Job, holder: str) -> None:
        """Show that a job has to wait because another process works on its run.

        Args:
            job: The job.
            holder: Text that names the other process.
        """

    def lost(self, job: Job, reason: str) -> None:
        """Show that a job's machine was lost and that the job goes on elsewhere.

        Args:
            job: The job.
            reason: What happened, in one line.
        """

    def done(self, job: Job, record: dict[str, Any]) -> None:
        """Show that a job has just completed its run.

        Args:
            job: The job.
            record: The run record.
        """

    def failed(self, job: Job, reason: str, log: Path) -> None:
        """Show that a job failed.

        Args:
            job: The job.
            reason: Why it failed, in one line.
            log: The file that holds what the job printed.
        """

    def interrupted(self, job: Job) -> None:
        """Show that a job stopped because the sweep was interrupted."""

    def stop(self) -> None:
        """End the display without a summary; called if a check before the first job fails."""

    def finish(self) -> None:
        """End the display with a summary; called once no job runs any more."""


@dataclass
class _Variant:
    """Progress of one variant.

    Attributes:
        jobs: The number of its jobs.
        waiting: How many have not begun.
        ended: How many have ended, in any way.
        values: The validation metric of each completed run.
        seconds: The duration of the last session of each completed run.
    """

    jobs: int = 0
    waiting: int = 0
    ended: int = 0
    values: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


class SweepView:
    """Display of a sweep: counts of its jobs, and each variant's mean validation metric so far.

    Implements JobsView. It shows no test metrics: only reports do.

    Args:
        jobs: All jobs of the sweep.
        console: Where to show the display; None for stdout.
    """

    def __init__(self, jobs: Sequence[Job], console: Console | None = None) -> None:
        self._console = console or Console(
            highlight=False, markup=False, width=None if sys.stdout.isatty() else WIDTH_OF_FILES
        )
        self.side_by_side = 1
        self._metric = str((jobs[0].spec.config.get("metric") or {"name": "error"})["name"])
        self._jobs = len(jobs)
        self._variants: dict[str, _Variant] = {}
        for job in jobs:
            variant = self._variants.setdefault(variant_name(job), _Variant())
            variant.jobs += 1
            variant.waiting += 1
        self._counts = {"done": 0, "skipped": 0, "failed": 0, "interrupted": 0}
        self._running = RunningJobs()
        self._locked: set[int] = set()
        self._failures: list[tuple[Job, str, Path]] = []
        self._began = time.monotonic()
        self._live = Live(console=self._console, get_renderable=lambda: self, transient=True)

    def begin(self) -> None:
        """Start the live display if the console is a terminal; `finish` or `stop` ends it."""
        if self._console.is_terminal:
            self._live.start()

    def skipped(self, job: Job, record: dict[str, Any]) -> None:
        """Count a job whose run was found completed, and its validation metric."""
        self._ended("skipped", job, record)

    def started(self, job: Job) -> None:
        """Move a job from the waiting to the running ones."""
        self._running.start(job)
        self._variants[variant_name(job)].waiting -= 1

    def locked(self, job: Job, holder: str) -> None:
        """Move a job back to the waiting ones; the first time, print who works on its run."""
        self._put_back(job)
        if job.number not in self._locked:
            self._locked.add(job.number)
            self._say(f"{job_name(job)}: waits for {holder}, which works on it")

    def lost(self, job: Job, reason: str) -> None:
        """Move a job back to the waiting ones and print that it goes on elsewhere."""
        self._put_back(job)
        self._say(f"{job_name(job)}: {reason}; goes on elsewhere")

    def done(self, job: Job, record: dict[str, Any]) -> None:
        """Count a completed job; if the console is no terminal, print its validation metric.

        After the first completed job of a long sweep, a hint to use project.check is printed too.
        """
        self._ended("done", job, record)
        if not self._console.is_terminal:
            value = record["metrics"].get(f"val/{self._metric}")
            shown = "" if value is None else f"val {self._metric} {self._text(value)}, "
            self._say(f"{job_name(job)}: {shown}{record['seconds']['training']:.1f} s")
        if self._counts["done"] == 1:
            suggest_check(job.spec.command, self.seconds_left())

    def failed(self, job: Job, reason: str, log: Path) -> None:
        """Count a failed job, print why it failed, and keep its log's path for the summary."""
        self._ended("failed", job, None)
        self._failures.append((job, reason, log))
        self._say(f"{job_name(job)}: FAILED, {reason}")

    def interrupted(self, job: Job) -> None:
        """Count an interrupted job; if the console is no terminal, print a line about it."""
        self._ended("interrupted", job, None)
        if not self._console.is_terminal:
            self._say(f"{job_name(job)}: interrupted")

    def _ended(self, kind: str, job: Job, record: dict[str, Any] | None) -> None:
        self._counts[kind] += 1
        self._put_back(job)
        variant = self._variants[variant_name(job)]
        variant.waiting -= 1
        variant.ended += 1
        if record is not None:
            value = record["metrics"].get(f"val/{self._metric}")
            variant.values += [] if value is None else [value]
            variant.seconds.append(record["seconds"]["session"])

    def _put_back(self, job: Job) -> None:
        """Move a job back from the running to the waiting ones; do nothing if it does not run."""
        if self._running.end(job):
            self._variants[variant_name(job)].waiting += 1

    def _say(self, line: str) -> None:
        finished = sum(self._counts.values())
        self._print(f"[{finished}/{self._jobs}] {line}", soft_wrap=True)

    def _print(self, *shown: Any, **options: Any) -> None:
        try:
            self._console.print(*shown, **options)
            self._console.file.flush()
        except BrokenPipeError:
            # The process that reads our output has ended (`| head`): go on without a display.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            self._console = Console(quiet=True)

    def _text(self, value: float) -> str:
        return metric_text(self._metric, value)

    def seconds_left(self) -> float | None:
        """Estimate the seconds until the sweep ends.

        A waiting job is expected to take as long as the mean completed run of its variant, else of
        the sweep, else as the running jobs are expected to take. A running job counts with its own
        estimate, else with the rest of that mean.

        Returns:
            None while no job is completed and no running job has an estimate.
        """
        now = time.monotonic()
        running = self._running.look()
        left = [each.seconds_left(now) for each in running]
        known = [seconds for variant in self._variants.values() for seconds in variant.seconds]
        if not known:
            known = [
                now - job.started + seconds
                for job, seconds in zip(running, left, strict=True)
                if seconds is not None
            ]
        if not known:
            return None
        variants = self._variants.values()
        work = sum(each.waiting * statistics.fmean(each.seconds or known) for each in variants)
        work += sum(
            self._rest(job, known, now) if seconds is None else seconds
            for job, seconds in zip(running, left, strict=True)
        )
        return work / self.side_by_side

    def _rest(self, progress: JobProgress, known: list[float], now: float) -> float:
        variant = self._variants[variant_name(progress.job)]
        return max(0.0, statistics.fmean(variant.seconds or known) - (now - progress.started))

    def __rich__(self) -> Group:
        """Return the live display, never higher than the terminal."""
        counts = self._counts | {"running": len(self._running)}
        shown = [f"{count} {kind}" for kind, count in counts.items() if count]
        left = self.seconds_left()
        head = Table.grid(padding=(0, 2))
        head.add_row(
            ProgressBar(total=self._jobs, completed=sum(self._counts.values()), width=16),
            ", ".join(shown) or f"{self._jobs} jobs",
            "" if left is None else f"about {clock(left)} left",
        )
        rows = min(self.side_by_side, self._jobs, MAX_RUNNING_ROWS)
        room = max(MIN_VARIANT_ROWS, self._console.height - OTHER_ROWS - rows)
        return Group(head, self._running.table(rows), *self._scrolled(room))

    def _scrolled(self, rows: int) -> list[Any]:
        """Return a table of at most `rows` variants, from the first that has jobs left."""
        variants = list(self._variants.items())
        open_ones = (n for n, (_, each) in enumerate(variants) if each.ended < each.jobs)
        begin, shown = window(variants, next(open_ones, 0), rows)
        table = self._table(shown, live=True)
        after = len(variants) - begin - len(shown)
        hidden = [f"{begin} above", f"{after} below"] if len(shown) < len(variants) else []
        return [table, f" ... {', '.join(hidden)}"] if hidden else [table]

    def _table(self, variants: Sequence[tuple[str, _Variant]], live: bool) -> Table:
        table = Table(box=None, expand=live)
        if live:
            table.add_column("variant", ratio=1, no_wrap=True)
        else:
            table.add_column("variant")
        for heading in ("n", f"mean val {self._metric}", "std"):
            table.add_column(heading, justify="right", no_wrap=True, min_width=7 if live else None)
        for name, variant in variants:
            values = variant.values
            std = self._text(statistics.stdev(values)) if len(values) > 1 else "-"
            mean = self._text(statistics.fmean(values)) if values else "-"
            done = len(variant.seconds)
            count = f"{done}" if done == variant.jobs else f"{done}/{variant.jobs}"
            table.add_row(name, count, mean, std)
        return table

    def stop(self) -> None:
        """End the live display and print nothing."""
        self._live.stop()

    def finish(self) -> None:
        """End the live display; print a table of all variants, the counts, and why jobs failed."""
        self.stop()
        self._print(self._table(list(self._variants.items()), live=False))
        counts = self._counts | {"not started": self._jobs - sum(self._counts.values())}
        shown = [f"{count} {kind}" for kind, count in counts.items() if count or kind == "done"]
        seconds = time.monotonic() - self._began
        self._print(f"{', '.join(shown)}; {seconds:.1f} s", soft_wrap=True)
        for job, reason, log in self._failures:
            print_failure(job, reason, log)


def print_failure(job: Job, reason: str, log: Path) -> None:
    """Print on stderr why a job failed and where its log is."""
    print(f"FAILED {job_name(job)}: {reason}\n       log: {log}", file=sys.stderr)


def variant_name(job: Job) -> str:
    """Return the job's label, if any, and its variant's folder; together they name the variant."""
    return " ".join(filter(None, (job.label, job.directory.parent.name)))
