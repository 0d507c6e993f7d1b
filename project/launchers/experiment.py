"""The interface between commands and launchers: Experiment and Job."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from project.runs.spec import RunSpec


class JobFailedError(Exception):
    """Some jobs of the sweep failed or were not started; which and why has been printed."""

    exit_code = 1


class Experiment(Protocol):
    """A command whose jobs a launcher carries out; its exceptions have an `exit_code`.

    Attributes:
        task: Module and name of the function that carries out one job, given its RunSpec.
        preload: Modules that all jobs need; processes that fork jobs import them once.
    """

    task: tuple[str, str]
    preload: tuple[str, ...]

    def prepare(self, config: dict[str, Any], words: Sequence[str]) -> RunSpec:
        """Check a job's configuration and return its run; the launcher calls this once for a job.

        Args:
            config: The resolved configuration as plain values.
            words: The overrides that lead to this configuration.
        """
        ...

    def check(self, waiting: Sequence[RunSpec], here: bool) -> None:
        """Make slow checks of runs that are about to be executed, on this machine if `here`."""

    def files_to_send(self, spec: RunSpec) -> dict[str, bytes]:
        """Return the files that a run needs on another machine, by path in the data folder."""
        ...


@dataclass(frozen=True)
class Job:
    """One job of a grid: a run, and the overrides that lead to it."""

    number: int  # its index in the grid
    overrides: tuple[str, ...]
    label: str  # the overrides that distinguish its variant from the grid's others; may be empty
    spec: RunSpec

    @property
    def directory(self) -> Path:
        """The run directory."""
        return self.spec.directory.path
