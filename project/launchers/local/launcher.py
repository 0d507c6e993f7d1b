"""`hydra/launcher=local`: the jobs of a sweep side by side on this machine, the default."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

from project.launchers.experiment import Job
from project.launchers.launcher import TIMEOUT, GridLauncher, Number
from project.launchers.local.processes import ProcessPool
from project.runs.provenance import available_cores


class LocalLauncher(GridLauncher):
    """A process for each job.

    n_jobs: how many side by side (null: the machine's cores). timeout_minutes: of one job (null:
    none). preload: modules that the jobs need, imported once for all.
    """

    numbers: ClassVar[dict[str, Number]] = GridLauncher.numbers | {
        "n_jobs": Number(null="as many as there are cores"),
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
        self.n_jobs = n_jobs or available_cores()
        self.timeout_minutes = timeout_minutes
        self.preload = list(preload)

    @contextmanager
    def pool(self, waiting: list[Job]) -> Iterator[ProcessPool]:
        """Yield the pool of processes that carries out the waiting jobs."""
        yield ProcessPool(self.experiment.task, self.n_jobs, self.timeout_minutes, self.preload)
