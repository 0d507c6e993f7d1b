"""`hydra/launcher=local`: the jobs of a sweep side by side on this machine, the default."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

from project.launchers.grid import Job
from project.launchers.launching import TIMEOUT, GridLauncher, Number
from project.launchers.processes import ProcessPool


class LocalLauncher(GridLauncher):
    """A process for each job.

    jobs: how many side by side (null: the machine's cores). timeout_minutes: of one job (null:
    none). preload: modules that the jobs need, imported once for all.
    """

    numbers: ClassVar[dict[str, Number]] = GridLauncher.numbers | {
        "jobs": Number(null="as many as there are cores"),
        "timeout_minutes": TIMEOUT,
    }

    def __init__(
        self,
        jobs: int | None,
        timeout_minutes: float | None,
        max_failures: int | None,
        preload: list[str],
    ) -> None:
        super().__init__(max_failures)
        self.jobs = jobs or len(os.sched_getaffinity(0))
        self.timeout_minutes = timeout_minutes
        self.preload = list(preload)

    @contextmanager
    def pool(self, waiting: list[Job]) -> Iterator[ProcessPool]:
        yield ProcessPool(self.experiment.task, self.jobs, self.timeout_minutes, self.preload)
