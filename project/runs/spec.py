"""A prepared run, which is all that a job needs to know, and the result of its execution."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from project.config.identity import Run
from project.runs.directory import RunDirectory
from project.runs.interruption import StopFlag


@dataclass(frozen=True)
class RunSpec:
    """A prepared run: a checked configuration, the run directory, and what the run record needs.

    Attributes:
        command: `train` or `disk`.
        config: The resolved configuration, as plain values; stored in config.yaml.
        threads: How many threads to compute with.
        data: Facts about the data: `name`, `dataset`, `fetched_from`, `source`.
        code: Fingerprints of the code that decides the result (`project.runs.code`).
        targets: The dotted names whose code has these fingerprints.
        typed: The command as it was typed.
        overrides: The overrides that lead to this configuration.
        rerun: Whether to execute the run again if it is completed.
        accepts_code: Whether stored runs made with other code are accepted.
        data_folder: The folder of the data on this machine; None if the configuration says it.
    """

    command: str
    config: dict[str, Any]
    run: Run
    outputs: Path
    threads: int
    data: dict[str, Any]
    code: dict[str, Any]
    targets: tuple[str, ...] = ()
    typed: str = ""
    overrides: tuple[str, ...] = ()
    rerun: bool = False
    accepts_code: bool = False
    data_folder: str | None = None

    @property
    def directory(self) -> RunDirectory:
        """The run directory."""
        return RunDirectory(self.run, self.outputs)

    def at_seed(self, seed: int, overrides: Sequence[str]) -> "RunSpec":
        """Return the run of the same variant at another seed, to which `overrides` lead."""
        return replace(
            self,
            config=self.config | {"seed": seed},
            run=replace(self.run, seed=seed),
            overrides=tuple(overrides),
        )


@dataclass(frozen=True)
class Result:
    """The result of an executed run, for its record.

    Attributes:
        metrics: `train/...` and `val/...` of the last epoch, and `test/...`.
        training_seconds: The training time over all sessions, without start-up and final test.
        facts: Further keys of the run record, such as `epochs`.
        data: Further keys of `provenance.data`, such as `test`.
        machine: `device`, and further keys of `provenance.machine`.
    """

    parameters: int
    metrics: dict[str, float]
    training_seconds: float
    facts: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    machine: dict[str, Any] = field(default_factory=dict)


Execute = Callable[[RunSpec, StopFlag], Result]
