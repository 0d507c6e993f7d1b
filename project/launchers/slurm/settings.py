"""The keys of `hydra/launcher=slurm` and `submitit_local`."""

from typing import Any, Literal

from pydantic import ConfigDict, NonNegativeInt, PositiveFloat, PositiveInt

from project.launchers.settings import LauncherSettings

# Keys that submitit takes for Slurm under the same names.
OF_SLURM = ("partition", "account", "qos", "constraint", "array_parallelism")


class SlurmSettings(LauncherSettings):
    """The keys of `hydra/launcher=slurm`, as its file in `conf/` explains them."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    cluster: Literal["slurm", "local"]
    partition: str | None
    account: str | None
    qos: str | None
    constraint: str | None
    timeout_minutes: PositiveInt
    cpus_per_task: PositiveInt | None
    gpus_per_node: NonNegativeInt | None
    mem_gb: PositiveFloat | None
    setup: list[str] | None
    additional_parameters: dict[str, Any] | None
    array_parallelism: PositiveInt | None
    array_size: PositiveInt
    max_num_timeout: NonNegativeInt
    signal_delay_s: NonNegativeInt

    @property
    def here(self) -> bool:
        """Whether the jobs are processes on this machine rather than jobs of Slurm."""
        return self.cluster == "local"

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of submitit's executor, by name."""
        asked = {
            "name": "ablation",
            "timeout_min": self.timeout_minutes,
            "stderr_to_stdout": True,
            # Slurm queues a job again if its node fails.
            "slurm_additional_parameters": {"requeue": True} | (self.additional_parameters or {}),
            "slurm_signal_delay_s": self.signal_delay_s,
            "slurm_setup": self.setup or None,
            **{key: getattr(self, key) for key in ("cpus_per_task", "gpus_per_node", "mem_gb")},
            **{f"slurm_{key}": getattr(self, key) for key in OF_SLURM},
        }
        return {key: value for key, value in asked.items() if value is not None}
