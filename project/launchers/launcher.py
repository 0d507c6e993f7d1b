"""What every launcher of ours does with a sweep; they differ in where the jobs are carried out."""

import json
import math
import sys
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from project.config.errors import ConfigurationError
from project.launchers.experiment import Experiment, Job, JobFailedError
from project.launchers.grid import compose_grid
from project.launchers.pool import JobEnd, Pool
from project.launchers.view import JobsView, SweepView
from project.runs.atomic import write_text
from project.runs.lock import holder
from project.runs.origin import check_stored, check_variant, platform_notice
from project.runs.record import COMPLETED, CorruptRunError, completed_record


@dataclass(frozen=True)
class Number:
    """What may stand at a key of `hydra.launcher`: a number above 0.

    null: what it means if there is none; empty: there must be one. whole: no fractions. zero: 0 is
    allowed too.
    """

    null: str = ""
    whole: bool = True
    zero: bool = False

    def allows(self, value: Any) -> bool:
        """Return whether the rule allows a value."""
        if value is None:
            return bool(self.null)
        if type(value) is not int and (self.whole or type(value) is not float):
            return False  # true is no number either
        return 0 < value < math.inf or (self.zero and value == 0)

    def __str__(self) -> str:
        number = "a whole number" if self.whole else "a number"
        least = "of at least 0" if self.zero else "above 0"
        return f"{number} {least}" + (f", or null ({self.null})" if self.null else "")


TIMEOUT = Number(null="none", whole=False)


def check_numbers(values: Mapping[str, Any], numbers: Mapping[str, Number]) -> None:
    """Raise ConfigurationError, a line for each key whose value is not allowed."""
    lines = [
        f"hydra.launcher.{key}={'null' if values[key] is None else values[key]}: must be {number}"
        for key, number in numbers.items()
        if not number.allows(values[key])
    ]
    if lines:
        raise ConfigurationError("\n".join(lines))


@dataclass(frozen=True)
class JobResult:
    """What came of a job: the run's metrics, or why there are none."""

    job: Job
    metrics: dict[str, float] | None = None
    failure: str = ""


class GridLauncher(Launcher):
    """Skips what is completed, hands the rest to a pool, survives every failure of a job.

    Attributes:
        here: Whether the jobs run on this machine, and its devices are theirs.
        names_failures: It has said which jobs failed, and why.
        numbers: The rules of the launcher's keys.

    Args:
        max_failures: Stop starting jobs after that many failures (null: never).
    """

    here = True
    names_failures = True
    numbers: ClassVar[dict[str, Number]] = {"max_failures": Number(null="go on")}

    experiment: ClassVar[Experiment]

    def __init__(self, max_failures: int | None) -> None:
        self.max_failures = max_failures

    @abstractmethod
    def pool(self, waiting: list[Job]) -> AbstractContextManager[Pool]:
        """Return a pool for these jobs, at least one, which stands while it is entered."""

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Check the launcher's own keys."""
        # Not in the constructor: Hydra would wrap the message in its own.
        check_numbers(config.hydra.launcher, self.numbers)
        self.config = config
        self.config_loader = hydra_context.config_loader

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Carry out a grid, as Hydra asks.

        Raises:
            JobFailedError: Some jobs were not started.
        """
        grid = self.compose(job_overrides)
        results = self.launch_jobs(grid, SweepView(grid))
        _note_sweep(grid)
        check_all_started(grid, results)
        return [_as_hydra(result) for result in results]

    def compose(self, job_overrides: Sequence[Sequence[str]]) -> list[Job]:
        """Compose and check all jobs of a grid; see `project.launchers.grid.compose_grid`."""
        return compose_grid(self.config_loader, self.config, job_overrides, self.experiment)

    def launch_jobs(self, grid: Sequence[Job], view: JobsView) -> list[JobResult]:
        """Carry out jobs.

        Args:
            grid: The jobs.
            view: Shows what happens.

        Returns:
            A result for each job that was started or found completed, in the grid's order.
        """
        results: dict[int, JobResult] = {}
        waiting = []
        for job, record in _stored(grid):
            if record is None:
                waiting.append(job)
            else:
                view.skipped(job, record)
                results[job.number] = JobResult(job, record["metrics"])
        if waiting:
            self._run(waiting, view, results)
        else:
            view.finish()
        return [results[number] for number in sorted(results)]

    def _run(self, waiting: list[Job], view: JobsView, results: dict[int, JobResult]) -> None:
        with self.pool(waiting) as pool:
            view.side_by_side = pool.slots
            view.begin()
            try:
                # One run of each variant is enough: they differ in their seeds alone.
                specs = {job.directory.parent: job.spec for job in reversed(waiting)}
                pool.check(self.experiment.check, list(specs.values())[::-1], self.here)
            except BaseException:
                view.stop()  # nothing was begun, so there is nothing to sum up
                raise
            try:
                for end in pool.run(waiting, view.started):
                    self._told(end, pool, view, results)
            finally:
                view.finish()

    def _told(self, end: JobEnd, pool: Pool, view: JobsView, results: dict[int, JobResult]) -> None:
        if end.locked:
            view.locked(end.job, holder(end.job.directory))
        elif end.lost:
            view.lost(end.job, end.reason())
        else:
            self._ended(end, pool, view, results)

    def _ended(
        self, end: JobEnd, pool: Pool, view: JobsView, results: dict[int, JobResult]
    ) -> None:
        job, record = end.job, _completed(end.job)
        if end.exit_code == 0 and record is not None:
            # Another process may have completed the run before this job could begin.
            made_here = record["process"]["pid"] == end.pid
            (view.done if made_here else view.skipped)(job, record)
            results[job.number] = JobResult(job, record["metrics"])
            end.log.unlink(missing_ok=True)
        elif pool.interrupted:
            view.interrupted(job)
        else:
            reason = end.reason()
            view.failed(job, reason, end.log)
            results[job.number] = JobResult(job, failure=reason)
            failures = sum(result.metrics is None for result in results.values())
            if self.max_failures is not None and failures >= self.max_failures:
                pool.starting = False


def check_all_started(grid: Sequence[Job], results: Sequence[JobResult]) -> None:
    """Raise JobFailedError if `max_failures` has ended a sweep before all jobs were started."""
    if left := len(grid) - len(results):
        raise JobFailedError(f"{left} jobs were not started: hydra.launcher.max_failures")


def _stored(grid: Sequence[Job]) -> Iterator[tuple[Job, dict[str, Any] | None]]:
    """Yield each job with the record of its completed run, if that need not be made again.

    Raises:
        ConflictError: A run of one of the variants has other data or other code.
    """
    seen: set[Path] = set()
    remade = {job.directory for job in grid if job.spec.rerun}
    notices = []
    for job in grid:
        folder = job.directory.parent
        if folder not in seen:
            seen.add(folder)
            check_variant(job.spec, remade)
        record = None
        if not job.spec.rerun:
            # A damaged record is the failure of its own job alone.
            try:
                record = check_stored(job.spec)
            except CorruptRunError:
                record = None
        if record is not None and record["status"] != COMPLETED:
            record = None
        if record is not None and platform_notice(job.spec, [record]):
            notices.append(record)
        yield job, record
    if notices and (line := platform_notice(grid[0].spec, notices)):
        print(line, file=sys.stderr)


def _completed(job: Job) -> dict[str, Any] | None:
    try:
        return completed_record(job.directory)
    except CorruptRunError:
        return None


LAST_SWEEP = "last_sweep.json"


def _note_sweep(grid: Sequence[Job]) -> None:
    """Note which runs the sweep consisted of, for `project.report last=true`, and say so."""
    spec = grid[0].spec
    content = {"typed": spec.typed, "runs": [job.spec.run.name for job in grid]}
    try:
        write_text(spec.outputs / LAST_SWEEP, json.dumps(content, indent=1) + "\n")
    except OSError:
        return  # the outputs can be read and not written: nothing was trained
    outputs = "" if str(spec.outputs) == "outputs" else f" paths.outputs={spec.outputs}"
    print(f"tables and figures: python -m project.report last=true{outputs}", file=sys.stderr)


def _as_hydra(result: JobResult) -> JobReturn:
    status = JobStatus.FAILED if result.metrics is None else JobStatus.COMPLETED
    returned = JobReturn(overrides=result.job.overrides, status=status)
    if result.metrics is None:
        number = result.job.number
        returned.return_value = JobFailedError(f"job {number} failed: {result.failure}")
    else:
        returned.return_value = result.metrics
    return returned
