"""Settings of a sweep on Slurm, and the error for jobs that cannot be submitted."""

from dataclasses import dataclass
from typing import Any


class SubmissionError(Exception):
    """The jobs cannot be submitted from this machine, or not with these settings."""

    exit_code = 2


@dataclass(frozen=True)
class SlurmSettings:
    """Settings of a pool that submits jobs through submitit.

    Attributes:
        here: Whether the jobs are processes on this machine rather than jobs of Slurm.
        task: Module and name of the function that carries out a job.
        array_parallelism: How many jobs run at a time. None: the number of cores on this machine,
            submitit's limit of 256 on Slurm.
        array_size: The longest job array that the site allows.
        max_num_timeout: How often a job that reached its time limit is queued again.
        parameters: Parameters of submitit's executor, by name.
    """

    here: bool
    task: tuple[str, str]
    array_parallelism: int | None
    array_size: int
    max_num_timeout: int
    parameters: dict[str, Any]
