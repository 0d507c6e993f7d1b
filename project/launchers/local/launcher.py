"""`hydra/launcher=local`: the jobs of a sweep side by side on this machine, the default."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

from project.launchers.experiment import Job
from project.launchers.launcher import TIMEOUT, GridLauncher, Number
from project.launchers.local.gpus import gpus_of_a_job, shares, visible_gpus
from project.launchers.local.processes import ProcessPool
from project.runs.provenance import available_cores


class LocalLauncher(GridLauncher):
    """A process for each job; jobs that use GPUs get one each, by CUDA_VISIBLE_DEVICES.

    Args:
        n_jobs: How many side by side. None: as many as there are GPUs for, or cores where the jobs
            use no GPU. More than GPUs share them in turn.
        timeout_minutes: Of one job; None for none.
        max_failures: See `GridLauncher`.
        preload: Modules that the jobs need, imported once for all.
    """

    numbers: ClassVar[dict[str, Number]] = GridLauncher.numbers | {
        "n_jobs": Number(null="as many as there are GPUs, or cores without one"),
        "timeout_minutes": TIMEOUT,
    }

    def __init__(
        self,
        n_jobs: int | None,
        timeout_minutes: float | None,
        max_failures: int | None,
        preload: list[str],
    ) -> None:
        super().__init__(max_failures)
        self.n_jobs = n_jobs
        self.timeout_minutes = timeout_minutes
        self.preload = list(preload)

    @contextmanager
    def pool(self, waiting: list[Job]) -> Iterator[ProcessPool]:
        """Yield the pool of processes that carries out the waiting jobs."""
        needed = gpus_of_a_job([job.spec.config for job in waiting])
        devices = shares(visible_gpus(), needed) if needed else []
        n_jobs = self.n_jobs or len(devices) or available_cores()
        yield ProcessPool(self.experiment.task, n_jobs, self.timeout_minutes, self.preload, devices)
