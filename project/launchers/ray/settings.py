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
    """The keys of `hydra/launcher=ray`, as its file in `conf/` explains them."""

    address: str | None
    num_cpus: PositiveFloat
    num_gpus: Annotated[NonNegativeFloat, AfterValidator(_shareable)]
    memory_gb: PositiveFloat | None
    retries: NonNegativeInt
    checkpoint_seconds: PositiveFloat
    timeout_minutes: PositiveFloat | None

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
