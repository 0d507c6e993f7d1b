"""`hydra/launcher=ray`: the jobs of a sweep on a Ray cluster, their directories brought home."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from project.launchers.grid import Job
from project.launchers.launching import GridLauncher

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


class ClusterError(Exception):
    """The cluster is not there, or cannot do what is asked of it; no job was started."""

    exit_code = 2


@dataclass(frozen=True)
class Request:
    """What each job takes of its node; memory in bytes."""

    num_cpus: float
    num_gpus: float
    memory: int

    def needs(self) -> dict[str, float]:
        """By Ray's names, without what is not needed."""
        every = {"CPU": self.num_cpus, "GPU": self.num_gpus, "memory": self.memory}
        return {name: amount for name, amount in every.items() if amount}


class RayLauncher(GridLauncher):
    """Actors of Ray that take one job after the other and run it as the local launcher does.

    address: of the cluster; null: a Ray of our own on this machine, as long as the sweep. num_cpus,
    num_gpus, memory_gb: of each job. retries: how often a job is sent again whose node was lost.
    checkpoint_seconds: how often the directory of an unfinished run comes home.
    """

    here = False

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
        self.request = Request(num_cpus, num_gpus, round((memory_gb or 0) * 1e9))
        self.retries = retries
        self.checkpoint_seconds = checkpoint_seconds
        self.timeout_minutes = timeout_minutes
        self.preload = list(preload)

    @contextmanager
    def pool(self, waiting: list[Job]) -> Iterator["RayPool"]:
        os.environ |= QUIET
        try:
            import ray  # noqa: F401 - only whether it is there
        except ModuleNotFoundError:
            raise ClusterError(
                "hydra/launcher=ray needs Ray: pip install -c .ci/constraints.txt -e '.[ray]'"
            ) from None
        from project.launchers.ray.cluster import joined
        from project.launchers.ray.pool import RayPool
        from project.launchers.ray.sent_code import copied_code

        if self.request.num_cpus <= 0:
            raise ClusterError(
                f"hydra.launcher.num_cpus={self.request.num_cpus}: must be above 0, "
                "or nothing would limit how many jobs run on a node"
            )
        with copied_code(waiting) as code, joined(self.address, code, self.request):
            yield RayPool(self, len(waiting))
