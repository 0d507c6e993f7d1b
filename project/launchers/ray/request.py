"""What a sweep asks of a Ray cluster, and what is said where it cannot be had."""

from dataclasses import dataclass


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
        """Return the amounts by Ray's names, without what is not needed."""
        every = {"CPU": self.num_cpus, "GPU": self.num_gpus, "memory": self.memory}
        return {name: amount for name, amount in every.items() if amount}


@dataclass(frozen=True)
class RaySettings:
    """How a sweep is carried out.

    Attributes:
        request: What each job takes.
        task: Module and name of the function that carries out a job.
        retries: How often a job is sent again whose node was lost.
        checkpoint_seconds: How often the directory of an unfinished run is fetched.
        timeout_minutes: Of one job; None for none.
        preload: Modules that the jobs need, imported once for all.
    """

    request: Request
    task: tuple[str, str]
    retries: int
    checkpoint_seconds: float
    timeout_minutes: float | None
    preload: tuple[str, ...]
