"""What launchers and commands know of each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from project.runs.spec import RunSpec


class JobFailedError(Exception):
    """Some jobs of the sweep failed or were not started; which and why has been printed."""

    exit_code = 1


class Experiment(Protocol):
    """The command whose jobs a launcher carries out.

    Attributes:
        task: Module and name of the function that carries out one job, given its RunSpec.
        config_name: The command's file in `conf/`.
    """

    task: tuple[str, str]
    config_name: str

    def prepare(self, config: dict[str, Any], words: Sequence[str]) -> RunSpec:
        """Check a job's configuration and name its run, once for launcher and job.

        Args:
            config: Resolved plain values.
            words: The overrides that led to it.

        Raises:
            Exception: With `exit_code`, for a bad configuration.
        """
        ...

    def check(self, waiting: Sequence[RunSpec], here: bool) -> None:
        """Do what is too slow to check for jobs that may be completed already; raises too.

        Args:
            waiting: The runs that are to be executed.
            here: Whether they will run on this machine.
        """
        ...

    def files_to_send(self, spec: RunSpec) -> dict[str, bytes]:
        """Return what a run's data folder has to hold on another machine, by path in it."""
        ...


@dataclass(frozen=True)
class Job:
    """One cell of the grid.

    Attributes:
        number: Its place in the grid.
        overrides: The words that lead to it.
        label: Those that tell its variant from the others of the grid; empty if there is one.
        spec: Its run.
    """

    number: int
    overrides: tuple[str, ...]
    label: str
    spec: RunSpec

    @property
    def directory(self) -> Path:
        """The run directory."""
        return self.spec.directory.path
