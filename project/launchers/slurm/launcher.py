"""The launcher `hydra/launcher=slurm`: jobs as a Slurm job array on a shared file system.

`hydra/launcher=submitit_local` carries out the same jobs in the same way on this machine.
"""

import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from project.launchers.experiment import Job
from project.launchers.launcher import GridLauncher, Number
from project.launchers.slurm.settings import SlurmSettings, SubmissionError

if TYPE_CHECKING:
    from project.launchers.slurm.pool import SubmititPool


class SlurmLauncher(GridLauncher):
    """Launcher that submits jobs through submitit, to Slurm or as processes on this machine.

    The nodes write to the run directories themselves, so they must share a file system with this
    machine. An argument that is None is left to the site's default. Processes on this machine obey
    only the time limit and the number of GPUs.

    Args:
        cluster: `slurm`, or `local` for processes on this machine.
        partition: Option of sbatch.
        account: Option of sbatch.
        qos: Option of sbatch.
        constraint: Option of sbatch.
        timeout_minutes: Time limit for each job; a job that needs longer is queued again.
        cpus_per_task: CPU cores for each job.
        gpus_per_node: GPUs for each job.
        mem_gb: Memory for each job, in GB.
        setup: Lines for the shell to run before each job.
        additional_parameters: Further options of sbatch, by name.
        array_parallelism: How many jobs run at a time; None: the number of this machine's cores, or
            submitit's limit of 256 on Slurm.
        array_size: The longest job array that the site allows.
        max_num_timeout: How often a job that reached its time limit is queued again.
        signal_delay_s: How many seconds before its time limit a job is asked to stop.
        max_failures: Start no more jobs after this many failures; None: go on.
    """

    numbers: ClassVar[dict[str, Number]] = GridLauncher.numbers | {
        "timeout_minutes": Number(),
        "cpus_per_task": Number(null="as the site has it"),
        "gpus_per_node": Number(null="as the site has it", zero=True),
        "mem_gb": Number(null="as the site has it", whole=False),
        "array_parallelism": Number(null="the machine's cores, or submitit's 256"),
        "array_size": Number(),
        "max_num_timeout": Number(zero=True),
        "signal_delay_s": Number(zero=True),
    }

    def __init__(
        self,
        cluster: Literal["slurm", "local"],
        partition: str | None,
        account: str | None,
        qos: str | None,
        constraint: str | None,
        timeout_minutes: int,
        cpus_per_task: int | None,
        gpus_per_node: int | None,
        mem_gb: float | None,
        setup: list[str] | None,
        additional_parameters: dict[str, Any] | None,
        array_parallelism: int | None,
        array_size: int,
        max_num_timeout: int,
        signal_delay_s: int,
        max_failures: int | None,
    ) -> None:
        super().__init__(max_failures)
        self.here = cluster == "local"
        self.array_parallelism = array_parallelism
        self.array_size = array_size
        self.max_num_timeout = max_num_timeout
        asked = {
            "name": "ablation",
            "timeout_min": timeout_minutes,
            "cpus_per_task": cpus_per_task,
            "gpus_per_node": gpus_per_node,
            "mem_gb": mem_gb,
            "stderr_to_stdout": True,
            "slurm_signal_delay_s": signal_delay_s,
            "slurm_setup": list(setup) if setup else None,
            "slurm_partition": partition,
            "slurm_account": account,
            "slurm_qos": qos,
            "slurm_constraint": constraint,
            "slurm_array_parallelism": array_parallelism,
            # Slurm queues a job again if its node fails.
            "slurm_additional_parameters": {"requeue": True} | dict(additional_parameters or {}),
        }
        self.parameters = {key: value for key, value in asked.items() if value is not None}

    @property
    def settings(self) -> SlurmSettings:
        """The settings of the pool, from the launcher's arguments."""
        return SlurmSettings(
            here=self.here,
            task=self.experiment.task,
            array_parallelism=self.array_parallelism,
            array_size=self.array_size,
            max_num_timeout=self.max_num_timeout,
            parameters=self.parameters,
        )

    @contextmanager
    def pool(self, waiting: list[Job]) -> Iterator["SubmititPool"]:
        """Provide, inside a `with` block, the pool that submits the waiting jobs.

        Raises:
            SubmissionError: submitit is not installed, this machine has no sbatch, or the settings
                are not allowed.
        """
        try:
            import submitit  # noqa: F401 - only whether it is there
        except ModuleNotFoundError:
            raise SubmissionError(
                "this launcher needs submitit: pip install -c .ci/constraints.txt -e '.[slurm]'"
            ) from None
        if not self.here and not (shutil.which("sbatch") and shutil.which("srun")):
            raise SubmissionError(
                "there is no sbatch on this machine: hydra/launcher=slurm needs a machine that "
                "can submit to Slurm; hydra/launcher=submitit_local runs the same jobs here"
            )
        from project.launchers.slurm.pool import SubmititPool

        outputs = waiting[0].spec.outputs
        with closing(SubmititPool(self.settings, outputs.absolute() / "submitit")) as pool:
            yield pool
