"""Settings of a sweep on a Ray cluster, and the error for a cluster that cannot be used."""

from dataclasses import dataclass


class ClusterError(Exception):
    """The Ray cluster cannot be reached or cannot run the jobs; no job was started."""

    exit_code = 2


@dataclass(frozen=True)
class Request:
    """Resources that each job takes on its node.

    Attributes:
        num_cpus: CPU cores.
        num_gpus: GPUs; a fraction shares one GPU.
        memory: Memory in bytes; 0 if it is not counted.
    """

    num_cpus: float
    num_gpus: float
    memory: int

    def needs(self) -> dict[str, float]:
        """Return the amounts by Ray's resource names (`CPU`, `GPU`, `memory`), without zeros."""
        every = {"CPU": self.num_cpus, "GPU": self.num_gpus, "memory": self.memory}
        return {name: amount for name, amount in every.items() if amount}


@dataclass(frozen=True)
class RaySettings:
    """Settings of a pool on a Ray cluster.

    Attributes:
        request: The resources that each job takes.
        task: Module and name of the function that carries out a job.
        retries: How often a job is sent again after its node was lost.
        checkpoint_seconds: Seconds until the directory of an unfinished run is fetched again.
        timeout_minutes: Time limit for each job; None: none.
        preload: Modules that the jobs need, imported once by each worker.
    """

    request: Request
    task: tuple[str, str]
    retries: int
    checkpoint_seconds: float
    timeout_minutes: float | None
    preload: tuple[str, ...]
