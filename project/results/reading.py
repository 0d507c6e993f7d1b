"""Read run directories, without ever writing to them.

A run whose parts disagree (directory name, run.json, length of history.csv) is a `Problem`, and
none of its values are used. run.json also holds the configuration, so no YAML is parsed.
"""

import fnmatch
import math
import os
import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from project.results.records import Problem, RunRecord
from project.results.text import is_number, printable
from project.runs.record import COMPLETED, WAY_OUT, CorruptRunError, read_record

RUN_NAME = re.compile(r"seed_(\d+)")
# Seconds before the second attempt: far longer than replacing a run directory takes.
PAUSE = 0.1


def read_runs(
    outputs: Path, patterns: Sequence[str] = (), histories: bool = False
) -> tuple[list[RunRecord], list[Problem]]:
    """Read the runs under `<outputs>/runs`, sorted by variant and seed, and other runs' problems.

    Args:
        outputs: The output folder.
        patterns: Globs for `<variant>/seed_<k>` or `<variant>`, also with the folder's path in
            front; empty: all runs.
        histories: Whether history.csv of each completed run must have a row for each epoch.
    """
    reader = _Reader(histories)
    globs = [
        each.rstrip("/").removeprefix(f"{outputs}/").removeprefix("runs/") for each in patterns
    ]
    runs, problems = reader.read_all(_directories(outputs / "runs", globs))
    if problems:
        # For a moment neither the old directory nor the one that replaces it exists.
        time.sleep(PAUSE)
        whole, problems = reader.read_all(problem.directory for problem in problems)
        runs += whole
    return sorted(runs, key=lambda run: (run.variant, run.seed)), problems


def read_directory(directory: Path) -> RunRecord:
    """Read one run directory.

    Raises:
        CorruptRunError: The directory holds no run, or the parts of the run disagree.
    """
    return _Reader(histories=False).read(directory.absolute())


class _Reader:
    """Reads records; equal parts of consecutive records become one object, to save memory."""

    def __init__(self, histories: bool) -> None:
        self.histories = histories
        self.variant: Path | None = None
        self.last: dict[str, dict[str, Any]] = {"config": {}, "provenance": {}}

    def read_all(self, directories: Iterator[Path]) -> tuple[list[RunRecord], list[Problem]]:
        runs: list[RunRecord] = []
        problems: list[Problem] = []
        for directory in directories:
            try:
                runs.append(self.read(directory))
            except (CorruptRunError, OSError) as error:
                reason = str(error).removeprefix(f"{directory}{os.sep}")
                problems.append(Problem(directory, printable(reason)))
        return runs, problems

    def read(self, directory: Path) -> RunRecord:
        record = read_record(directory)
        if record is None:
            raise CorruptRunError(f"holds no run.json; start the run again, or {WAY_OUT}")
        metrics = _check(directory, record)
        if self.histories and record["status"] == COMPLETED:
            _check_history(directory, record.get("epochs"))
        if directory.parent != self.variant:
            # Share within a variant only: `1` and `true` are equal in Python, but not as settings.
            self.variant, self.last["config"] = directory.parent, {}
        for part, last in self.last.items():
            own = record[part]
            last |= {key: each for key, each in own.items() if key not in last or last[key] != each}
            record[part] = {key: last[key] for key in own}
        return RunRecord(directory, record, metrics)


def _check(directory: Path, record: dict[str, Any]) -> dict[str, float]:
    """Return the run's finite metrics; raise CorruptRunError if the parts of the run disagree."""
    path = directory / "run.json"
    said = f"{directory.parent.name}/{directory.name}"
    if record["name"] != said or directory.name != f"seed_{record['seed']}":
        raise CorruptRunError(f"{path} belongs to the run {record['name']}; {WAY_OUT}")
    if record["config"].get("seed") != record["seed"]:
        raise CorruptRunError(f"{path} holds the configuration of another seed; {WAY_OUT}")
    match record.get("metric"):
        case {"name": str(name), "direction": "min" | "max"}:
            pass
        case _:
            raise CorruptRunError(f"{path} lacks the metric's name or direction; {WAY_OUT}")
    if record["status"] != COMPLETED:
        return {}
    metrics = record["metrics"]
    needed = {key: metrics.get(key, 0.0) for key in (f"val/{name}", f"test/{name}")}
    needed["seconds.training"] = record["seconds"]["training"]
    for key, value in needed.items():
        if not _is_finite(value):
            raise CorruptRunError(f"{path} has an invalid value, {key} = {value}; {WAY_OUT}")
    return {key: value for key, value in metrics.items() if _is_finite(value)}


def _is_finite(value: Any) -> bool:
    return is_number(value) and math.isfinite(value)


def _check_history(directory: Path, epochs: int | None) -> None:
    """Raise CorruptRunError unless history.csv has a whole row for each epoch."""
    path = directory / "history.csv"
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise CorruptRunError(f"{directory}{os.sep}holds no history.csv; {WAY_OUT}") from None
    header, *rows = content.split(b"\n")
    whole = rows and not rows[-1] and rows[-2:-1] and rows[-2].count(b",") == header.count(b",")
    if not whole or len(rows) - 1 != epochs:
        count = max(0, len(rows) - 1)
        raise CorruptRunError(
            f"{path} is incomplete: {count} whole rows for {epochs} epochs; {WAY_OUT}"
        )


def _directories(root: Path, patterns: Sequence[str]) -> Iterator[Path]:
    if not root.is_dir():
        return
    # scandir knows which entries are directories, without a disk access for each of 10,000.
    with os.scandir(root) as entries:
        variants = sorted(entry.name for entry in entries if entry.is_dir())
    for variant in variants:
        with os.scandir(root / variant) as entries:
            names = [entry.name for entry in entries if RUN_NAME.fullmatch(entry.name)]
        for name in sorted(names, key=lambda text: (len(text), text)):
            if not patterns or any(
                fnmatch.fnmatchcase(candidate, pattern)
                for pattern in patterns
                for candidate in (f"{variant}/{name}", variant)
            ):
                yield root / variant / name


class _LastSweep(BaseModel):
    runs: list[str]


def read_last_sweep(outputs: Path) -> list[str] | None:
    """Return the names of the last sweep's runs; None without a sweep.

    Raises:
        CorruptRunError: <outputs>/last_sweep.json is damaged.
    """
    path = outputs / "last_sweep.json"
    try:
        return _LastSweep.model_validate_json(path.read_bytes()).runs
    except FileNotFoundError:
        return None
    except ValidationError:
        raise CorruptRunError(f"{path} is damaged; the next sweep writes it anew") from None
