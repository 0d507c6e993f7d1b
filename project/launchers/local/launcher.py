"""The launcher `hydra/launcher=local`, the default: jobs run in parallel on this machine."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

from project.launchers.experiment import Job
from project.launchers.launcher import TIMEOUT, GridLauncher, Number
from project.launchers.local.gpus import gpus_of_a_job, shares, visible_gpus
from project.launchers.local.processes import ProcessPool
from project.runs.provenance import available_cores


class LocalLauncher(GridLauncher):
    """Launcher that runs each job as a process on this machine.

    Jobs that use GPUs get their own, through CUDA_VISIBLE_DEVICES.

    Args:
        n_jobs: How many jobs run at a time. None: as many as the GPUs suffice for, or the number of
            cores if no job uses a GPU. If it is higher than the GPUs suffice for, jobs share them.
        timeout_minutes: Time limit for each job; None: none.
        max_failures: Start no more jobs after this many failures; None: go on.
        preload: Modules that the jobs need, imported once for all of them.
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
        """Provide, inside a `with` block, the process pool that carries out the waiting jobs."""
        needed = gpus_of_a_job([job.spec.config for job in waiting])
        devices = shares(visible_gpus(), needed) if needed else []
        n_jobs = self.n_jobs or len(devices) or available_cores()
        yield ProcessPool(self.experiment.task, n_jobs, self.timeout_minutes, self.preload, devices)
