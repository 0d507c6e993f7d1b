"""What a job has to know, and what it leaves: a run that is prepared, and its result."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from project.config.identity import Run
from project.runs.directory import RunDirectory
from project.runs.interruption import StopFlag


@dataclass(frozen=True)
class RunSpec:
    """A validated configuration with its run directory: all that a job has to know.

    Attributes:
        command: `train` or `disk`.
        config: Resolved plain values, as they are stored.
        run: Which run it is.
        outputs: The output folder.
        threads: How many threads compute.
        data: What is known of the data before they are read: `dataset`, `fetched_from`, `source`.
        code: Fingerprints of the code that decides the result (`project.runs.code`).
        targets: The names whose code that is.
        typed: The command as it was typed.
        overrides: The words of the command line that lead to this configuration.
        rerun: Whether a completed run is to be made again.
        accepts_code: Whether runs of other code may be kept and extended.
        data_folder: Where the data are on this machine, if not where the configuration says.
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
        """Return the run of the same variant at another seed.

        Args:
            seed: The seed.
            overrides: The words of the command line that lead to it.
        """
        return replace(
            self,
            config=self.config | {"seed": seed},
            run=replace(self.run, seed=seed),
            overrides=tuple(overrides),
        )


@dataclass(frozen=True)
class Result:
    """What an executed run leaves beside its files.

    Attributes:
        parameters: Number of trainable parameters.
        metrics: `train/...` and `val/...` of the last epoch, and `test/...`.
        training_seconds: Over all sessions, without start-up and the final test.
        facts: Further keys of the run record, such as `epochs`.
        data: Further keys of its provenance of data, such as `test`.
        machine: `device`, and further keys of its provenance of the machine.
    """

    parameters: int
    metrics: dict[str, float]
    training_seconds: float
    facts: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    machine: dict[str, Any] = field(default_factory=dict)


Execute = Callable[[RunSpec, StopFlag], Result]
