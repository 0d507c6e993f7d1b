"""`hydra/launcher=ray`: the jobs of a sweep on a Ray cluster; their run directories are fetched."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar

from project.launchers.experiment import Job
from project.launchers.launcher import TIMEOUT, GridLauncher, Number
from project.launchers.ray.request import ClusterError, RaySettings, Request

if TYPE_CHECKING:
    from project.launchers.ray.pool import RayPool


# What Ray would print into the view: reports of nodes that are gone (the view says that), its
# reports to its makers, coming versions. Read when it is imported; `ray.init` has no word for it.
QUIET = {
    "RAY_DEDUP_LOGS": "1",
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}


class RayLauncher(GridLauncher):
    """Actors of Ray that take one job after the other and run it as the local launcher does.

    Args:
        address: Of the cluster; null: a Ray of our own on this machine, for the time of the sweep.
        num_cpus: Of each job, as num_gpus and memory_gb.
        retries: How often a job is sent again whose node was lost.
        checkpoint_seconds: How often the directory of an unfinished run is fetched.
        timeout_minutes: Of one job (null: none).
        preload: Modules that the jobs need, imported once for all.
    """

    here = False
    numbers: ClassVar[dict[str, Number]] = GridLauncher.numbers | {
        "num_cpus": Number(whole=False),  # or nothing would limit how many jobs run on a node
        "num_gpus": Number(whole=False, zero=True),
        "memory_gb": Number(null="not counted", whole=False),
        "retries": Number(zero=True),
        "checkpoint_seconds": Number(whole=False),
        "timeout_minutes": TIMEOUT,
    }

    def __init__(
        self,
        address: str | None,
        num_cpus: float,
        num_gpus: float,
        memory_gb: float | None,
        retries: int,
        checkpoint_seconds: float,
        timeout_minutes: float | None,
        max_failures: int | None,
        preload: list[str],
    ) -> None:
        super().__init__(max_failures)
        self.address = address
        self.num_cpus = num_cpus
        self.num_gpus = num_gpus
        self.memory_gb = memory_gb
        self.retries = retries
        self.checkpoint_seconds = checkpoint_seconds
        self.timeout_minutes = timeout_minutes
        self.preload = list(preload)

    @property
    def settings(self) -> RaySettings:
        """How the sweep is carried out."""
        return RaySettings(
            request=Request(self.num_cpus, self.num_gpus, round((self.memory_gb or 0) * 1e9)),
            task=self.experiment.task,
            retries=self.retries,
            checkpoint_seconds=self.checkpoint_seconds,
            timeout_minutes=self.timeout_minutes,
            preload=tuple(self.preload),
        )

    @contextmanager
    def pool(self, waiting: list[Job]) -> Iterator["RayPool"]:
        """Yield the pool of Ray workers that carries out the waiting jobs."""
        os.environ |= QUIET
        try:
            import ray  # noqa: F401 - only whether it is there
        except ModuleNotFoundError:
            raise ClusterError(
                "hydra/launcher=ray needs Ray: pip install -c .ci/constraints.txt -e '.[ray]'"
            ) from None
        if self.num_gpus > 1 and self.num_gpus % 1:
            raise ClusterError(
                f"hydra.launcher.num_gpus={self.num_gpus}: above 1 it must be a whole number, "
                "since jobs can share no more than one GPU"
            )
        from project.launchers.ray.cluster import joined
        from project.launchers.ray.pool import RayPool
        from project.launchers.ray.sent_code import copied_code

        settings = self.settings
        with copied_code(waiting) as code, joined(self.address, code, settings.request):
            yield RayPool(settings, self.experiment, len(waiting))
