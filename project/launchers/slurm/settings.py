"""What a sweep asks of Slurm, and what is said where nothing can be submitted."""

from dataclasses import dataclass
from typing import Any


class SubmissionError(Exception):
    """Nothing can be submitted from here, or not so."""

    exit_code = 2


@dataclass(frozen=True)
class SlurmSettings:
    """How a sweep is carried out.

    Attributes:
        here: Whether the jobs are processes of this machine.
        task: Module and name of the function that carries out a job.
        array_parallelism: How many run side by side; None for submitit's own limit.
        array_size: The longest array that the site allows.
        max_num_timeout: How often a job is queued again whose time was up.
        parameters: Of submitit's executor.
    """

    here: bool
    task: tuple[str, str]
    array_parallelism: int | None
    array_size: int
    max_num_timeout: int
    parameters: dict[str, Any]
