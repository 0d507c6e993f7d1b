"""What the user sees of a sweep: one live display on a terminal, one line per job elsewhere."""

import os
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

from project.launchers.experiment import Job
from project.launchers.suggestion import suggest_check
from project.runs.lifecycle import metric_text

# Off a terminal nothing limits a line; rich would fold it at 80 characters.
WIDTH_OF_FILES = 200


@dataclass
class _Variant:
    """What is known of a variant so far: metrics and session seconds of its completed runs."""

    jobs: int = 0
    ended: int = 0
    values: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


class SweepView:
    """Counts jobs and keeps the mean so far of every variant's metric on the validation examples.

    Test examples have no say before a report is made.

    Attributes:
        side_by_side: How many jobs run at a time, for the time that is left; set once it is known.
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
            self._variants.setdefault(variant_name(job), _Variant()).jobs += 1
        self._counts = {"done": 0, "skipped": 0, "failed": 0, "interrupted": 0}
        self._running: set[int] = set()
        self._locked: set[int] = set()
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

    def locked(self, job: Job, holder: str) -> None:
        """A job whose run another process works on."""
        self._running.discard(job.number)
        if job.number not in self._locked:
            self._locked.add(job.number)
            self._say(f"{_name(job)}: waits for {holder}, which works on it")

    def lost(self, job: Job, reason: str) -> None:
        """A job whose machine is gone, and which goes on elsewhere."""
        self._running.discard(job.number)
        self._say(f"{_name(job)}: {reason}; goes on elsewhere")

    def done(self, job: Job, record: dict[str, Any]) -> None:
        """A job that has just been completed."""
        self._ended("done", job, record)
        if not self._console.is_terminal:
            value = record["metrics"].get(f"val/{self._metric}")
            shown = "" if value is None else f"val {self._metric} {self._text(value)}, "
            self._say(f"{_name(job)}: {shown}{record['seconds']['training']:.1f} s")
        if self._counts["done"] == 1:
            suggest_check(job.spec.command, self.seconds_left())

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
        variant = self._variants[variant_name(job)]
        variant.ended += 1
        if record is not None:
            value = record["metrics"].get(f"val/{self._metric}")
            variant.values += [] if value is None else [value]
            variant.seconds.append(record["seconds"]["session"])

    def _say(self, line: str) -> None:
        finished = sum(self._counts.values())
        self._print(f"[{finished}/{self._jobs}] {line}", soft_wrap=True)

    def _print(self, *shown: Any, **options: Any) -> None:
        try:
            self._console.print(*shown, **options)
            self._console.file.flush()
        except BrokenPipeError:
            # The reader of our output has left (`| head`); the sweep goes on without its view.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            self._console = Console(quiet=True)

    def _text(self, value: float) -> str:
        return metric_text(self._metric, value)

    def seconds_left(self) -> float | None:
        """An estimate: what is left, at the mean time of each variant's completed runs.

        None before any run is completed; a variant without completed runs counts as the mean.
        """
        every = [seconds for variant in self._variants.values() for seconds in variant.seconds]
        if not every:
            return None
        work = sum(
            (variant.jobs - variant.ended) * statistics.fmean(variant.seconds or every)
            for variant in self._variants.values()
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
        table = Table("variant", box=None)
        for heading in ("n", f"mean val {self._metric}", "std"):
            table.add_column(heading, justify="right", no_wrap=True)
        for name, variant in self._variants.items():
            values = variant.values
            std = self._text(statistics.stdev(values)) if len(values) > 1 else "-"
            mean = self._text(statistics.fmean(values)) if values else "-"
            done = len(variant.seconds)
            count = f"{done}" if done == variant.jobs else f"{done}/{variant.jobs}"
            table.add_row(name, count, mean, std)
        return table

    def finish(self) -> None:
        """Show the mean of every variant, and what failed, where, and why."""
        self._live.stop()
        self._print(self._table())
        counts = self._counts | {"not started": self._jobs - sum(self._counts.values())}
        shown = [f"{count} {kind}" for kind, count in counts.items() if count or kind == "done"]
        seconds = time.monotonic() - self._began
        self._print(f"{', '.join(shown)}; {seconds:.1f} s", soft_wrap=True)
        for job, reason, log in self._failures:
            print(f"FAILED {_name(job)}: {reason}\n       log: {log}", file=sys.stderr)


def variant_name(job: Job) -> str:
    """The variant by what tells it from the sweep's others, and by its folder."""
    return " ".join(filter(None, (job.label, job.directory.parent.name)))


def _name(job: Job) -> str:
    name = f"{job.directory.parent.name}/{job.directory.name}"
    return f"{name} ({job.label})" if job.label else name


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
