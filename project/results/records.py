"""One run as it stands on disk: what its run.json says, and its tables."""

import csv
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from project.results.text import printable
from project.runs.record import FAILED, WAY_OUT, CorruptRunError


@dataclass(frozen=True)
class Problem:
    """A directory that should be a run and cannot be read as one, with the way out."""

    directory: Path
    reason: str

    @property
    def name(self) -> str:
        """`<variant>/seed_<k>`."""
        return f"{self.directory.parent.name}/{self.directory.name}"

    def __str__(self) -> str:
        return f"{self.directory}: {self.reason}"


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run directory and its run.json; parts are shared between runs and must not be changed.

    `metrics` are the finite numbers among its metrics; empty unless the run completed.
    """

    directory: Path
    record: dict[str, Any]
    metrics: dict[str, float]

    @property
    def name(self) -> str:
        """`<variant>/seed_<k>`."""
        return f"{self.variant}/{self.directory.name}"

    @property
    def variant(self) -> str:
        """`<prefix>-<hash>`, the name of the folder that holds the variant's runs."""
        return self.directory.parent.name

    @property
    def prefix(self) -> str:
        """The variant's name without its hash: the model, and the data where they are named."""
        return self.variant.rpartition("-")[0]

    @property
    def model(self) -> str:
        """The name of the model."""
        return printable(str(self.record.get("model") or self.prefix))

    @property
    def task(self) -> str:
        """The name of the task."""
        return printable(str(self.record.get("task")))

    @property
    def dataset(self) -> str:
        """The data set that was found, or the name of the data section."""
        return printable(str(self.origin("data", "dataset") or self.record.get("data")))

    @property
    def seed(self) -> int:
        """The run's seed."""
        return self.record["seed"]

    @property
    def status(self) -> str:
        """`completed`, `running` (also what a killed process leaves), `failed`, `interrupted`."""
        return printable(self.record["status"])

    @property
    def config(self) -> dict[str, Any]:
        """The resolved configuration."""
        return self.record["config"]

    @property
    def parameters(self) -> int | None:
        """How many parameters were trained; None where the record does not say."""
        return self.record.get("parameters")

    @property
    def epochs(self) -> int | None:
        """How many epochs were trained."""
        return self.record.get("epochs")

    @property
    def stopped_early(self) -> bool:
        """Whether a callback ended the training before its last epoch."""
        return bool(self.record.get("stopped_early"))

    @property
    def seconds(self) -> float | None:
        """Of training."""
        return (self.record.get("seconds") or {}).get("training")

    @property
    def diverged(self) -> bool:
        """Whether it failed because its loss was no number: run again, it would do so again."""
        return self.status == FAILED and bool(self.record.get("diverged"))

    @property
    def error(self) -> str:
        """Why a failed run failed, on one line."""
        return printable(str(self.record.get("error") or ""))

    @property
    def code(self) -> str | None:
        """The fingerprint of the code that decided the result."""
        return self.origin("code", "digest")

    @property
    def test_data(self) -> str | None:
        """The fingerprint of the test examples; runs pair only where it agrees."""
        return self.origin("data", "test")

    def origin(self, *keys: str) -> Any:
        """Return one fact of the run's provenance; None where it was not recorded."""
        node: Any = self.record.get("provenance")
        for key in keys:
            node = node.get(key) if isinstance(node, dict) else None
        return node

    def columns(self, name: str = "history.csv") -> dict[str, list[float]]:
        """Return the columns of a table in the run directory.

        Raises:
            CorruptRunError: The file cannot be read as a table of numbers.
        """
        path = self.directory / name
        try:
            with open(path, newline="", encoding="utf-8") as file:
                header, *rows = csv.reader(file, strict=True)
            return {
                key: [float(value) if value else math.nan for value in column]
                for key, column in zip(header, zip(*rows, strict=True), strict=True)
            }
        except (OSError, ValueError, csv.Error) as error:
            raise CorruptRunError(f"{path} cannot be read ({error}); {WAY_OUT}") from None
