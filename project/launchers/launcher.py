"""GridLauncher, the base class of this project's launchers; each provides a pool of its own."""

import json
import sys
from abc import abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager, closing, suppress
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from project.launchers.experiment import Experiment, Job, JobFailedError
from project.launchers.grid import compose_grid
from project.launchers.pool import JobEnd, Pool
from project.launchers.progress import JobsView
from project.launchers.settings import LauncherSettings, read_settings
from project.launchers.view import SweepView
from project.runs.atomic import write_text
from project.runs.lock import holder
from project.runs.origin import check_stored, check_variant, platform_notice
from project.runs.record import COMPLETED, CorruptRunError, completed_record
from project.runs.spec import RunSpec

Settings = TypeVar("Settings", bound=LauncherSettings)

LAST_SWEEP = "last_sweep.json"


@dataclass(frozen=True)
class JobResult:
    """Result of a job: the metrics of its run, or None and why the job failed."""

    job: Job
    metrics: dict[str, float] | None = None
    failure: str = ""


class GridLauncher(Launcher, Generic[Settings]):
    """Base class of launchers: skips completed runs and gives the other jobs to a pool.

    Args:
        **keys: Ignored; `setup` reads them from the configuration, because Hydra would wrap an
            error of the constructor in its own.

    Attributes:
        settings: The keys of `hydra.launcher`, of the type `settings_class`; set by `setup`.
        experiment: The command whose jobs are carried out; set by `plugins.register`.
    """

    settings_class: type[Settings]
    settings: Settings
    experiment: ClassVar[Experiment]

    def __init__(self, **keys: Any) -> None:
        pass

    @abstractmethod
    def pool(self, waiting: list[Job]) -> AbstractContextManager[Pool]:
        """Return a context manager that provides a pool for the waiting jobs, at least one."""

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Check the keys of `hydra.launcher` and keep the configuration; called by Hydra."""
        keys = config.hydra.launcher
        self.settings = read_settings(self.settings_class, keys, "hydra.launcher.")
        self.config = config
        self.config_loader = hydra_context.config_loader

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Carry out a grid, given by the overrides of each job; called by the sweeper."""
        grid = self.compose(job_overrides)
        results = self.launch_jobs(grid, SweepView(grid))
        _note_sweep(grid)
        check_all_started(grid, results)
        return [_as_hydra(result) for result in results]

    def compose(self, job_overrides: Sequence[Sequence[str]]) -> list[Job]:
        """Compose and check all jobs of a grid; raises what `grid.compose_grid` raises."""
        return compose_grid(self.config_loader, self.config, job_overrides, self.experiment)

    def launch_jobs(self, grid: Sequence[Job], view: JobsView) -> list[JobResult]:
        """Carry out those jobs whose runs are not completed, and show their progress in `view`.

        Returns:
            The result of each job that has ended, in the grid's order, also of a failed one.

        Raises:
            ConflictError: Stored runs were made with other data or other code.
            Exception: What `pool`, the pool's `check` and `run`, and `Experiment.check` raise.
        """
        remade = {job.directory for job in grid if job.spec.rerun}
        for spec in _variants(grid):
            check_variant(spec, remade)
        results: dict[int, JobResult] = {}
        waiting, from_other_platform = [], []
        for job in grid:
            record = None
            if not job.spec.rerun:
                with suppress(CorruptRunError):  # makes only its own job fail
                    record = check_stored(job.spec)
            if record is None or record["status"] != COMPLETED:
                waiting.append(job)
                continue
            view.ended("skipped", job, record)
            results[job.number] = JobResult(job, record["metrics"])
            if platform_notice(job.spec, [record]):
                from_other_platform.append(record)
        if from_other_platform:
            print(platform_notice(grid[0].spec, from_other_platform), file=sys.stderr)
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
                pool.check(self.experiment.check, _variants(waiting), self.settings.here)
            except BaseException:
                view.stop()  # no job was begun, so there is nothing to summarise
                raise
            try:
                with closing(pool.run(waiting, view.started)) as ends:
                    for end in ends:
                        if end.locked:
                            view.locked(end.job, holder(end.job.directory))
                        elif end.lost:
                            view.lost(end.job, end.reason())
                        else:
                            self._ended(end, pool, view, results)
            finally:
                view.finish()

    def _ended(
        self, end: JobEnd, pool: Pool, view: JobsView, results: dict[int, JobResult]
    ) -> None:
        job, record = end.job, None
        with suppress(CorruptRunError):
            record = completed_record(job.directory)
        if end.exit_code == 0 and record is not None:
            # Another process may have completed the run before this job could begin.
            made_here = record["process"]["pid"] == end.pid
            view.ended("done" if made_here else "skipped", job, record)
            results[job.number] = JobResult(job, record["metrics"])
            end.log.unlink(missing_ok=True)
        elif pool.interrupted:
            view.ended("interrupted", job)
        else:
            reason = end.reason()
            view.failed(job, reason, end.log)
            results[job.number] = JobResult(job, failure=reason)
            failures = sum(result.metrics is None for result in results.values())
            if failures == self.settings.max_failures:
                pool.starting = False


def check_all_started(grid: Sequence[Job], results: Sequence[JobResult]) -> None:
    """Raise JobFailedError if `max_failures` ended the sweep before all jobs were started."""
    if left := len(grid) - len(results):
        raise JobFailedError(
            f"{left} jobs were not started, because hydra.launcher.max_failures was reached"
        )


def _variants(jobs: Sequence[Job]) -> list[RunSpec]:
    """Return the first run of each variant: its runs differ only in their seeds."""
    return list({job.directory.parent: job.spec for job in reversed(jobs)}.values())[::-1]


def _note_sweep(grid: Sequence[Job]) -> None:
    """Write the sweep's runs to last_sweep.json for `project.report last=true`; print a hint."""
    spec = grid[0].spec
    content = {"typed": spec.typed, "runs": [job.spec.run.name for job in grid]}
    try:
        write_text(spec.outputs / LAST_SWEEP, json.dumps(content, indent=1) + "\n")
    except OSError:
        return  # the output folder is read-only, so nothing was trained
    outputs = "" if str(spec.outputs) == "outputs" else f" paths.outputs={spec.outputs}"
    print(f"tables and figures: python -m project.report last=true{outputs}", file=sys.stderr)


def _as_hydra(result: JobResult) -> JobReturn:
    returned = JobReturn(overrides=result.job.overrides, status=JobStatus.COMPLETED)
    returned.return_value = result.metrics
    if result.metrics is None:
        returned.status = JobStatus.FAILED
        returned.return_value = JobFailedError(f"job {result.job.number} failed: {result.failure}")
    return returned
