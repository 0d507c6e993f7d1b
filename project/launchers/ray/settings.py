"""The keys of `hydra/launcher=ray`."""

from typing import Annotated

from pydantic import AfterValidator, NonNegativeFloat, NonNegativeInt, PositiveFloat

from project.launchers.settings import LauncherSettings


def _shareable(gpus: float) -> float:
    if gpus > 1 and gpus % 1:
        raise ValueError(
            "above 1 it must be a whole number, since jobs can share no more than one GPU"
        )
    return gpus


class RaySettings(LauncherSettings):
    """The keys of `hydra/launcher=ray`.

    Attributes:
        address: `auto` or HOST:PORT of the cluster; None starts one on this machine for the sweep.
        num_cpus: CPU cores for each job; above 0, to limit how many jobs run on a node.
        num_gpus: GPUs for each job; a fraction shares one GPU.
        memory_gb: Memory for each job, in GB; None: not counted.
        retries: How often a job is sent again after its node was lost.
        checkpoint_seconds: Seconds until the directory of an unfinished run is fetched again.
        timeout_minutes: Time limit for each job; None: none.
        preload: Modules that the jobs need, imported once by each worker.
    """

    address: str | None
    num_cpus: PositiveFloat
    num_gpus: Annotated[NonNegativeFloat, AfterValidator(_shareable)]
    memory_gb: PositiveFloat | None
    retries: NonNegativeInt
    checkpoint_seconds: PositiveFloat
    timeout_minutes: PositiveFloat | None
    preload: list[str]

    @property
    def here(self) -> bool:
        """False: the jobs run on the nodes of a cluster."""
        return False

    @property
    def needs(self) -> dict[str, float]:
        """What a job takes, without zeros, by Ray's names: `CPU`, `GPU`, and `memory` in bytes."""
        memory = round((self.memory_gb or 0) * 1e9)
        every = {"CPU": self.num_cpus, "GPU": self.num_gpus, "memory": memory}
        return {name: amount for name, amount in every.items() if amount}
