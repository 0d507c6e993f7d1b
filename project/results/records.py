"""The record of one run as read from disk: its run.json and its CSV files."""

import csv
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from project.results.text import printable
from project.runs.record import FAILED, WAY_OUT, CorruptRunError


def entry(node: Any, *keys: str) -> Any:
    """Return the value at a path of keys in nested dicts; None if there is none."""
    for key in keys:
        node = node.get(key) if isinstance(node, dict) else None
    return node


@dataclass(frozen=True)
class Problem:
    """A run directory that cannot be read as a run; `reason` says why, and what to do about it."""

    directory: Path
    reason: str

    @property
    def name(self) -> str:
        """The run's name, `<variant>/seed_<k>`."""
        return f"{self.directory.parent.name}/{self.directory.name}"

    def __str__(self) -> str:
        return f"{self.directory}: {self.reason}"


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run: its run directory and the content of its run.json."""

    directory: Path
    record: dict[str, Any]  # not to be changed: runs share equal parts of it
    metrics: dict[str, float]  # the finite ones, by name (`test/error`); empty unless completed

    @property
    def name(self) -> str:
        """The run's name, `<variant>/seed_<k>`."""
        return f"{self.variant}/{self.directory.name}"

    @property
    def variant(self) -> str:
        """The name of the folder of its runs, `<prefix>-<hash>`."""
        return self.directory.parent.name

    @property
    def prefix(self) -> str:
        """The variant's name without its hash: `<model>-<data>`, or `<model>` for the EPFL data."""
        return self.variant.rpartition("-")[0]

    @property
    def model(self) -> str:
        """The model's name; `prefix` if the record names no model."""
        return printable(str(self.record.get("model") or self.prefix))

    @property
    def task(self) -> str:
        """The name of the task; for a run of another command than project.train, the command."""
        return printable(str(self.record.get("task")))

    @property
    def dataset(self) -> str:
        """The data set that the run used; the data section's name if it was not recorded."""
        return printable(str(self.origin("data", "dataset") or self.record.get("data")))

    @property
    def seed(self) -> int:
        """The run's seed."""
        return self.record["seed"]

    @property
    def status(self) -> str:
        """`completed`, `failed`, `interrupted` or `running`; a killed run keeps the last one."""
        return printable(self.record["status"])

    @property
    def config(self) -> dict[str, Any]:
        """The run's resolved configuration."""
        return self.record["config"]

    @property
    def parameters(self) -> int | None:
        """The number of trained parameters; None if it was not recorded."""
        return self.record.get("parameters")

    @property
    def epochs(self) -> int | None:
        """The number of trained epochs; None if it was not recorded."""
        return self.record.get("epochs")

    @property
    def stopped_early(self) -> bool:
        """Whether a callback ended the training before its last epoch."""
        return bool(self.record.get("stopped_early"))

    @property
    def seconds(self) -> float | None:
        """The training time in seconds; None if it was not recorded."""
        return entry(self.record, "seconds", "training")

    @property
    def diverged(self) -> bool:
        """Whether loss or weights became infinite or NaN, as they would again."""
        return self.status == FAILED and bool(self.record.get("diverged"))

    @property
    def error(self) -> str:
        """The error of a failed run, on one line; empty if there is none."""
        return printable(str(self.record.get("error") or ""))

    @property
    def code(self) -> str | None:
        """The fingerprint of the code that determines the result; None if it was not recorded."""
        return self.origin("code", "digest")

    @property
    def test_data(self) -> str | None:
        """The fingerprint of the test examples, without which no runs are paired."""
        return self.origin("data", "test")

    def origin(self, *keys: str) -> Any:
        """Return the entry of the provenance at a path of keys; None if it was not recorded."""
        return entry(self.record, "provenance", *keys)

    def columns(self, name: str = "history.csv") -> dict[str, list[float]]:
        """Return the columns of a CSV file in the run directory, by name; empty cells are NaN.

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
