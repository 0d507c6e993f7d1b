"""What every launcher of ours does with a sweep; they differ in where the jobs are carried out."""

import math
import sys
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig
from rich.console import Console

from project.launchers.grid import Experiment, Job, JobFailedError, compose_grid
from project.launchers.pool import Pool
from project.launchers.view import SweepView
from project.refusing import ConfigurationError
from project.runs.directory import DamagedRunError, completed_record, holder
from project.runs.provenance import other_versions


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


class GridLauncher(Launcher):
    """Skips what is completed, hands the rest to a pool, survives every failure of a job.

    max_failures: stop starting jobs after that many failures (null: never). here: whether the jobs
    run on this machine, and its devices are theirs. quiet: whether nothing is said of jobs that end
    well. numbers: the rules of the launcher's keys.
    """

    here = True
    quiet = False
    numbers: ClassVar[dict[str, Number]] = {"max_failures": Number(null="go on")}

    experiment: ClassVar[Experiment]

    def __init__(self, max_failures: int | None) -> None:
        self.max_failures = max_failures

    @abstractmethod
    def pool(self, waiting: list[Job]) -> AbstractContextManager[Pool]:
        """A pool for these jobs, which stands as long as it is entered; there is at least one."""

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        # Not in the constructor: Hydra would wrap the message in its own.
        check_numbers(config.hydra.launcher, self.numbers)
        self.config = config
        self.hydra_context = hydra_context

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        grid = compose_grid(self.hydra_context, self.config, job_overrides, self.experiment)
        returns: dict[int, JobReturn] = {}
        view = SweepView(grid, Console(quiet=True) if self.quiet else None)
        waiting = []
        skipped = []
        for job in grid:
            record = _completed(job)
            if record is None or job.values["rerun"]:
                waiting.append(job)
            else:
                view.skipped(job, record)
                skipped.append(record)
                returns[job.number] = _returned(job, record)
        if line := other_versions(skipped):
            print(line, file=sys.stderr)
        try:
            if waiting:
                self._run(waiting, view, returns)
        finally:
            view.finish()
        if len(returns) < len(grid):
            left = len(grid) - len(returns)
            raise JobFailedError(f"{left} jobs were not started: hydra.launcher.max_failures")
        return [returns[number] for number in sorted(returns)]

    def _run(self, waiting: list[Job], view: SweepView, returns: dict[int, JobReturn]) -> None:
        with self.pool(waiting) as pool:
            view.side_by_side = pool.slots
            view.begin()
            pool.check(self.experiment.check, [job.values for job in waiting], self.here)
            for ended in pool.run(waiting, view.started):
                if ended.held:
                    view.held(ended.job, holder(ended.job.directory))
                    continue
                if ended.lost:
                    view.lost(ended.job, ended.reason())
                    continue
                record = _completed(ended.job)
                if ended.exit_code == 0 and record is not None:
                    # Another process may have completed the run before this job could begin.
                    made_here = record["process"]["pid"] == ended.pid
                    (view.done if made_here else view.skipped)(ended.job, record)
                    returns[ended.job.number] = _returned(ended.job, record)
                    ended.log.unlink(missing_ok=True)
                elif pool.interrupted:
                    view.interrupted(ended.job)
                else:
                    reason = ended.reason()
                    view.failed(ended.job, reason, ended.log)
                    returns[ended.job.number] = _failure(ended.job, reason)
                    if self.max_failures is not None and view.failures >= self.max_failures:
                        pool.starting = False


def _completed(job: Job) -> dict[str, Any] | None:
    """The record of a completed run. A damaged one is the failure of its own job alone."""
    try:
        return completed_record(job.directory)
    except DamagedRunError:
        return None


def _returned(job: Job, record: dict[str, Any]) -> JobReturn:
    result = JobReturn(overrides=job.overrides, status=JobStatus.COMPLETED)
    result.return_value = record["metrics"]
    return result


def _failure(job: Job, reason: str) -> JobReturn:
    result = JobReturn(overrides=job.overrides, status=JobStatus.FAILED)
    result.return_value = JobFailedError(f"job {job.number} failed: {reason}")
    return result
