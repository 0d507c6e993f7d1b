"""What the user sees of a sweep: one live display on a terminal, one line per job elsewhere."""

import statistics
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from project.launchers.grid import Job

CRITERION = "test/error"


class SweepView:
    """Counts jobs and keeps the mean error so far of every arm."""

    def __init__(self, total: int) -> None:
        self._console = Console(highlight=False)
        self._total = total
        self._counts = {"done": 0, "skipped": 0, "failed": 0, "interrupted": 0}
        self._failures: list[tuple[Job, str, Path]] = []
        self._errors: dict[str, list[float]] = {}
        self._started = time.monotonic()
        self._progress: Progress | None = None

    def skipped(self, job: Job, record: dict[str, Any]) -> None:
        """A job whose run was completed before."""
        self._count("skipped", job, record)

    def done(self, job: Job, record: dict[str, Any]) -> None:
        """A job that has just been completed."""
        self._count("done", job, record)
        self._say(
            f"{_name(job)}: test error {100 * record['metrics'][CRITERION]:.2f} %, "
            f"{record['seconds']['training']:.1f} s"
        )

    def failed(self, job: Job, reason: str, log: Path) -> None:
        """A job that ended in any other way."""
        self._counts["failed"] += 1
        self._failures.append((job, reason, log))
        self._say(f"{_name(job)}: FAILED, {reason}")

    def interrupted(self, job: Job) -> None:
        """A job that stopped because the sweep was asked to."""
        self._counts["interrupted"] += 1
        self._say(f"{_name(job)}: interrupted")

    @property
    def failures(self) -> int:
        """How many jobs have failed so far."""
        return len(self._failures)

    def _count(self, kind: str, job: Job, record: dict[str, Any]) -> None:
        self._counts[kind] += 1
        self._errors.setdefault(job.directory.parent.name, []).append(record["metrics"][CRITERION])

    def _say(self, line: str) -> None:
        finished = sum(self._counts.values())
        if not self._console.is_terminal:
            print(f"[{finished}/{self._total}] {line}", flush=True)
            return
        if self._progress is None:
            self._progress = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                console=self._console,
            )
            self._task = self._progress.add_task("sweep", total=self._total)
            self._progress.start()
        counts = ", ".join(f"{count} {kind}" for kind, count in self._counts.items() if count)
        self._progress.update(self._task, completed=finished, description=counts)
        self._progress.console.print(line)

    def finish(self) -> None:
        """The mean error of every arm, and what failed, where, and why."""
        if self._progress is not None:
            self._progress.stop()
        if self._errors:
            table = Table("arm", "n", "mean test error", "deviation", box=None)
            for arm, errors in self._errors.items():
                deviation = f"{100 * statistics.stdev(errors):.2f} %" if len(errors) > 1 else "-"
                mean = f"{100 * statistics.fmean(errors):.2f} %"
                table.add_row(arm, str(len(errors)), mean, deviation)
            self._console.print(table)
        counts = self._counts | {"not started": self._total - sum(self._counts.values())}
        shown = [f"{count} {kind}" for kind, count in counts.items() if count or kind == "done"]
        print(f"{', '.join(shown)}; {time.monotonic() - self._started:.1f} s")
        for job, reason, log in self._failures:
            print(f"FAILED {_name(job)}: {reason}\n       log: {log}", file=sys.stderr)


def _name(job: Job) -> str:
    return f"{job.directory.parent.name}/{job.directory.name}"
