"""The launcher `hydra/launcher=ray`: jobs run on a Ray cluster, which returns their directories."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar

from project.launchers.experiment import Job
from project.launchers.launcher import TIMEOUT, GridLauncher, Number
from project.launchers.ray.request import ClusterError, RaySettings, Request

if TYPE_CHECKING:
    from project.launchers.ray.pool import RayPool


# Keep Ray from printing into the display: reports of lost nodes (the display shows them), usage
# statistics, changes in coming versions. Ray reads them on import; `ray.init` has no such option.
QUIET = {
    "RAY_DEDUP_LOGS": "1",
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}


class RayLauncher(GridLauncher):
    """Launcher that runs jobs in workers on a Ray cluster.

    A worker takes one job after another and runs each as the local launcher does.

    Args:
        address: `auto` or HOST:PORT of the cluster; None starts one on this machine for the sweep.
        num_cpus: CPU cores for each job.
        num_gpus: GPUs for each job; a fraction shares one GPU.
        memory_gb: Memory for each job, in GB; None: not counted.
        retries: How often a job is sent again after its node was lost.
        checkpoint_seconds: Seconds until the directory of an unfinished run is fetched again.
        timeout_minutes: Time limit for each job; None: none.
        max_failures: Start no more jobs after this many failures; None: go on.
        preload: Modules that the jobs need, imported once by each worker.
    """

    here = False
    numbers: ClassVar[dict[str, Number]] = GridLauncher.numbers | {
        "num_cpus": Number(whole=False),  # above 0, to limit how many jobs run on a node
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
        """The settings of the pool, from the launcher's arguments."""
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
        """Provide, inside a `with` block, the pool of Ray workers for the waiting jobs.

        Raises:
            ClusterError: Ray is not installed, or the cluster cannot run the jobs.
            JobFailedError: As `RayPool`.
        """
        os.environ.update(QUIET)
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
