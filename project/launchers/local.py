"""`hydra/launcher=local`: the jobs of a sweep side by side on this machine, the default."""

import importlib
import os
import sys
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from project.launchers.grid import (
    Experiment,
    GridSweeper,
    Job,
    JobFailedError,
    compose_grid,
)
from project.launchers.processes import ProcessPool
from project.launchers.view import SweepView
from project.runs.directory import DamagedRunError, completed_record, holder
from project.runs.provenance import other_versions


class LocalLauncher(Launcher):
    """Skips what is completed, runs the rest in processes, survives every failure of a job.

    jobs: how many side by side (null: the machine's cores). timeout_minutes: of one job (null:
    none). max_failures: stop starting jobs after that many failures (null: never).
    preload: modules that the jobs need, imported once for all.
    """

    experiment: ClassVar[Experiment]

    def __init__(
        self,
        jobs: int | None,
        timeout_minutes: float | None,
        max_failures: int | None,
        preload: list[str],
    ) -> None:
        self.jobs = jobs or len(os.sched_getaffinity(0))
        self.timeout_minutes = timeout_minutes
        self.max_failures = max_failures
        self.preload = list(preload)

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        self.config = config
        self.hydra_context = hydra_context

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        grid = compose_grid(self.hydra_context, self.config, job_overrides, self.experiment)
        returns: dict[int, JobReturn] = {}
        view = SweepView(grid, self.jobs)
        waiting = []
        skipped = []
        for job in grid:
            record = _completed(job.directory)
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
        view.begin()
        pool = ProcessPool(self.experiment.task, self.jobs, self.timeout_minutes, self.preload)
        self.experiment.check([job.values for job in waiting])
        for ended in pool.run(waiting, view.started):
            if ended.held:
                view.held(ended.job, holder(ended.job.directory))
                continue
            record = _completed(ended.job.directory)
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


def _completed(directory: Path) -> dict[str, Any] | None:
    """The record of a completed run. A damaged one is the failure of its own job alone."""
    try:
        return completed_record(directory)
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


def register(experiment: Experiment) -> None:
    """Make `hydra/launcher=local` and `hydra/sweeper=grid` known to Hydra.

    Hydra accepts plugins from the namespace package `hydra_plugins` only. A folder of that name
    would stand at the top of the project for two classes, so they get an address in it here.
    """
    LocalLauncher.experiment = experiment
    try:
        package = importlib.import_module("hydra_plugins")
    except ModuleNotFoundError:  # no other plugin is installed
        package = types.ModuleType("hydra_plugins")
        package.__path__ = []
        sys.modules["hydra_plugins"] = package
    address = "hydra_plugins.project"
    module = types.ModuleType(address)
    sys.modules[address] = module
    setattr(package, "project", module)  # noqa: B010 - the type checker knows no such attribute
    for plugin in (LocalLauncher, GridSweeper):
        setattr(module, plugin.__name__, plugin)
        plugin.__module__ = address
        Plugins.instance().register(plugin)
