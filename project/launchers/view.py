"""The display of a sweep's progress: live tables on a terminal, one line per job elsewhere."""

import statistics
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console, Group
from rich.table import Table

from project.launchers.experiment import Job
from project.launchers.progress import MAX_RUNNING_ROWS, JobsView, job_name
from project.runs.lifecycle import metric_text

MIN_VARIANT_ROWS = 3
# Lines besides the rows of the two tables: bar, two headings, note on hidden variants, cursor.
OTHER_ROWS = 5
LONG_SECONDS = 3600.0  # a sweep that takes longer gets a hint to check it first


@dataclass
class _Variant:
    """Progress of one variant."""

    jobs: int = 0
    ended: int = 0  # in any way
    values: list[float] = field(default_factory=list)  # validation metrics of completed runs
    seconds: list[float] = field(default_factory=list)  # of the last session of completed runs


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
        """Estimate the seconds until the sweep ends; None while nothing is known of any job.

        A waiting job is expected to take as long as the mean completed run of its variant, else of
        the sweep, else as the running jobs are expected to take. A running job counts with its own
        estimate, else with the rest of that mean.
        """
        now = time.monotonic()
        running = [(each, each.seconds_left(now)) for each in self._look()]
        known = [seconds for variant in self._variants.values() for seconds in variant.seconds]
        known = known or [now - job.started + left for job, left in running if left is not None]
        if not known:
            return None
        means = {name: statistics.fmean(v.seconds or known) for name, v in self._variants.items()}
        at_work = Counter(_variant_name(each.job) for each, _ in running)
        work = sum(
            (variant.jobs - variant.ended - at_work[name]) * means[name]
            for name, variant in self._variants.items()
        )
        for each, left in running:
            rest = means[_variant_name(each.job)] - (now - each.started)
            work += max(0.0, rest) if left is None else left
        return work / self.side_by_side

    def ended(
        self, kind: str, job: Job, record: dict[str, Any] | None = None, reason: str = ""
    ) -> None:
        """Count a job that has ended, and print a line about it."""
        super().ended(kind, job, record, reason)
        self._counts[kind] += 1
        variant = self._variants[_variant_name(job)]
        variant.ended += 1
        shown = ""
        if record is not None:
            value = record["metrics"].get(f"val/{self._metric}")
            variant.values += [] if value is None else [value]
            variant.seconds.append(record["seconds"]["session"])
            shown = "" if value is None else f"val {self._metric} {self._text(value)}, "
            shown += f"{record['seconds']['training']:.1f} s"
        if kind == "failed":
            self._say(f"{job_name(job)}: FAILED, {reason}")
        elif kind != "skipped" and not self._console.is_terminal:
            self._say(f"{job_name(job)}: {shown or kind}")
        if kind == "done" and self._counts[kind] == 1 and job.spec.command == "train":
            self._suggest_check()

    def _suggest_check(self) -> None:
        left = self.seconds_left() or 0.0
        if left > LONG_SECONDS:
            print(
                f"the runs will take about {left / 3600:.1f} hours more: `python -m project.check` "
                "with the same arguments checks the experiment in a minute",
                file=sys.stderr,
            )

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
        return Group(head, self._running_table(rows), *self._scrolled(room))

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
