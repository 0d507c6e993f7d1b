"""The display of a sweep's progress: live tables on a terminal, one line per job elsewhere."""

import os
import statistics
import sys
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from project.launchers.experiment import Job
from project.launchers.progress import RunningJobs, clock, job_name
from project.runs.lifecycle import metric_text

# Without a terminal, rich would wrap lines at 80 characters.
WIDTH_OF_FILES = 200
MAX_RUNNING_ROWS = 8
MIN_VARIANT_ROWS = 3
# Lines besides the rows of the two tables: bar, two headings, note on hidden variants, cursor.
OTHER_ROWS = 5
LONG_SECONDS = 3600.0  # a sweep that takes longer gets a hint to check it first


class JobsView(ABC):
    """Base class of displays, which a launcher informs of what happens to its jobs.

    Args:
        console: Where to show the display; None for stdout.

    Attributes:
        side_by_side: How many jobs run at a time; the launcher sets it before it calls `begin`.
    """

    def __init__(self, console: Console | None) -> None:
        self._console = console or Console(
            highlight=False, markup=False, width=None if sys.stdout.isatty() else WIDTH_OF_FILES
        )
        self.side_by_side = 1
        self._running = RunningJobs()
        self._failures: list[tuple[Job, str, Path]] = []
        self._began = time.monotonic()
        self._live = Live(console=self._console, get_renderable=lambda: self, transient=True)

    def begin(self) -> None:
        """Begin the display; called before the first job, and only if there are jobs to run."""
        if self._console.is_terminal:
            self._live.start()

    def started(self, job: Job) -> None:
        """Show that a job begins."""
        self._running.start(job)

    def locked(self, job: Job, holder: str) -> None:
        """Show that a job has to wait because another process, `holder`, works on its run."""
        self._running.end(job)

    def lost(self, job: Job, reason: str) -> None:
        """Show that a job's machine was lost and that the job goes on elsewhere."""
        self._running.end(job)
        self._say(f"{job_name(job)}: {reason}; goes on elsewhere")

    def skipped(self, job: Job, record: dict[str, Any]) -> None:
        """Show that a job's run, with this record, was found completed."""
        self._ended("skipped", job, record)

    def done(self, job: Job, record: dict[str, Any]) -> None:
        """Show that a job has just completed its run, with this record."""
        self._ended("done", job, record)

    def failed(self, job: Job, reason: str, log: Path) -> None:
        """Show that a job failed, and keep what it printed in `log` for the summary."""
        self._ended("failed", job)
        self._failures.append((job, reason, log))

    def interrupted(self, job: Job) -> None:
        """Show that a job stopped because the sweep was interrupted."""
        self._ended("interrupted", job)

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

    def _ended(self, kind: str, job: Job, record: dict[str, Any] | None = None) -> None:
        self._running.end(job)

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

    def _head(self, total: int, completed: int, *texts: str) -> Table:
        left = self.seconds_left()
        head = Table.grid(padding=(0, 2))
        head.add_row(
            ProgressBar(total=total, completed=completed, width=16),
            *texts,
            "" if left is None else f"about {clock(left)} left",
        )
        return head


@dataclass
class _Variant:
    """Progress of one variant.

    Attributes:
        jobs: The number of its jobs.
        ended: How many have ended, in any way.
        values: The validation metric of each completed run.
        seconds: The duration of the last session of each completed run.
    """

    jobs: int = 0
    ended: int = 0
    values: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


class SweepView(JobsView):
    """Display of a sweep: counts of its jobs, and each variant's mean validation metric so far.

    It shows no test metrics: only reports do.

    Args:
        jobs: All jobs of the sweep.
        console: Where to show the display; None for stdout.
    """

    def __init__(self, jobs: Sequence[Job], console: Console | None = None) -> None:
        super().__init__(console)
        self._metric = str((jobs[0].spec.config.get("metric") or {"name": "error"})["name"])
        self._jobs = len(jobs)
        self._variants: dict[str, _Variant] = {}
        for job in jobs:
            self._variants.setdefault(_variant_name(job), _Variant()).jobs += 1
        self._counts = {"done": 0, "skipped": 0, "failed": 0, "interrupted": 0}
        self._locked: set[int] = set()

    def locked(self, job: Job, holder: str) -> None:
        """Print who works on a job's run, the first time."""
        super().locked(job, holder)
        if job.number not in self._locked:
            self._locked.add(job.number)
            self._say(f"{job_name(job)}: waits for {holder}, which works on it")

    def done(self, job: Job, record: dict[str, Any]) -> None:
        """Print a completed job's metric if the console is no terminal; once, the hint."""
        super().done(job, record)
        if not self._console.is_terminal:
            value = record["metrics"].get(f"val/{self._metric}")
            shown = "" if value is None else f"val {self._metric} {self._text(value)}, "
            self._say(f"{job_name(job)}: {shown}{record['seconds']['training']:.1f} s")
        if self._counts["done"] == 1 and job.spec.command == "train":
            left = self.seconds_left() or 0.0
            if left > LONG_SECONDS:
                print(
                    f"the runs will take about {left / 3600:.1f} hours more: `python -m "
                    "project.check` with the same arguments checks the experiment in a minute",
                    file=sys.stderr,
                )

    def failed(self, job: Job, reason: str, log: Path) -> None:
        """Print why a job failed."""
        super().failed(job, reason, log)
        self._say(f"{job_name(job)}: FAILED, {reason}")

    def interrupted(self, job: Job) -> None:
        """Print that a job was interrupted, if the console is no terminal."""
        super().interrupted(job)
        if not self._console.is_terminal:
            self._say(f"{job_name(job)}: interrupted")

    def finish(self) -> None:
        """End the live display; print a table of all variants, the counts, and why jobs failed."""
        self.stop()
        self._print(self._table(list(self._variants.items()), live=False))
        counts = self._counts | {"not started": self._jobs - sum(self._counts.values())}
        shown = [f"{count} {kind}" for kind, count in counts.items() if count or kind == "done"]
        seconds = time.monotonic() - self._began
        self._print(f"{', '.join(shown)}; {seconds:.1f} s", soft_wrap=True)
        super().finish()

    def seconds_left(self) -> float | None:
        """Estimate the seconds until the sweep ends.

        A waiting job is expected to take as long as the mean completed run of its variant, else of
        the sweep, else as the running jobs are expected to take. A running job counts with its own
        estimate, else with the rest of that mean.

        Returns:
            None while no job is completed and no running job has an estimate.
        """
        now = time.monotonic()
        running = [(each, each.seconds_left(now)) for each in self._running.look()]
        known = [seconds for variant in self._variants.values() for seconds in variant.seconds]
        known = known or [now - job.started + left for job, left in running if left is not None]
        if not known:
            return None
        means = {name: statistics.fmean(v.seconds or known) for name, v in self._variants.items()}
        at_work = Counter(_variant_name(each.job) for each, _ in running)
        work = 0.0
        for name, variant in self._variants.items():
            work += (variant.jobs - variant.ended - at_work[name]) * means[name]
        for each, left in running:
            rest = means[_variant_name(each.job)] - (now - each.started)
            work += max(0.0, rest) if left is None else left
        return work / self.side_by_side

    def _ended(self, kind: str, job: Job, record: dict[str, Any] | None = None) -> None:
        super()._ended(kind, job, record)
        self._counts[kind] += 1
        variant = self._variants[_variant_name(job)]
        variant.ended += 1
        if record is not None:
            value = record["metrics"].get(f"val/{self._metric}")
            variant.values += [] if value is None else [value]
            variant.seconds.append(record["seconds"]["session"])

    def _say(self, line: str) -> None:
        super()._say(f"[{sum(self._counts.values())}/{self._jobs}] {line}")

    def _text(self, value: float) -> str:
        return metric_text(self._metric, value)

    def __rich__(self) -> Group:
        """Return the live display, never higher than the terminal."""
        counts = self._counts | {"running": len(self._running)}
        shown = [f"{count} {kind}" for kind, count in counts.items() if count]
        text = ", ".join(shown) or f"{self._jobs} jobs"
        head = self._head(self._jobs, sum(self._counts.values()), text)
        rows = min(self.side_by_side, self._jobs, MAX_RUNNING_ROWS)
        room = max(MIN_VARIANT_ROWS, self._console.height - OTHER_ROWS - rows)
        return Group(head, self._running.table(rows), *self._scrolled(room))

    def _scrolled(self, rows: int) -> list[Any]:
        """Return a table of at most `rows` variants, from the first that has jobs left."""
        variants = list(self._variants.items())
        open_ones = (n for n, (_, each) in enumerate(variants) if each.ended < each.jobs)
        begin = max(0, min(next(open_ones, 0), len(variants) - rows))
        table = self._table(variants[begin : begin + rows], live=True)
        if len(variants) <= rows:
            return [table]
        return [table, f" ... {begin} above, {len(variants) - begin - rows} below"]

    def _table(self, variants: Sequence[tuple[str, _Variant]], live: bool) -> Table:
        table = Table(box=None, expand=live)
        table.add_column("variant", ratio=1 if live else None, no_wrap=live)
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


def _variant_name(job: Job) -> str:
    """Return the job's label, if any, and its variant's folder; together they name the variant."""
    return " ".join(filter(None, (job.label, job.directory.parent.name)))
