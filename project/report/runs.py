"""Run directories, read back and never written: what completed, what did not, what is damaged.

Nothing of a run is believed before its parts agree: the directory's name, run.json, config.yaml and
the length of history.csv. A run whose parts disagree is a `Problem` and gives no number.
"""

import csv
import fnmatch
import math
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from project.runs.directory import COMPLETED, FAILED, DamagedRunError, read_record
from project.runs.identity import identify

PAIRS, DISK = "pairs", "disk"  # the experiments of project.train and of project.disk

RUN_NAME = re.compile(r"seed=(\d+)")
# The only lines in which the runs of one arm differ, as `yaml.safe_dump` writes them.
SEED_LINE = re.compile(r"^seed: (\d+)\n", re.MULTILINE)
SEEDS_BLOCK = re.compile(r"^seeds:\n((?:  \w+: \d+\n)+)", re.MULTILINE)
WAY_OUT = "move its directory away and run it again"
# Seconds; far longer than a run's directory is away while another one takes its place.
MOMENT = 0.1


@dataclass(frozen=True)
class Problem:
    """A directory that should be a run and cannot be read as one, and why."""

    directory: Path
    reason: str

    def __str__(self) -> str:
        return f"{self.directory}: {self.reason}"


@dataclass(frozen=True, slots=True)
class StoredRun:
    """One run directory: completed, failed, interrupted or running.

    config: resolved, nested, shared between runs: not to be changed. metrics: shares, not percent;
    empty unless completed. seconds: of training, and of the session. error: why it failed.
    """

    directory: Path
    model: str
    seed: int
    arm_hash: str
    status: str
    config: dict[str, Any]
    metrics: dict[str, float]
    parameters: int | None
    seconds: dict[str, float]
    provenance: dict[str, Any]
    error: str | None = None

    @property
    def diverged(self) -> bool:
        """It failed because its loss left the numbers: run again, it would do so again."""
        return self.status == FAILED and (self.error or "").startswith("NonFiniteLossError")

    @property
    def name(self) -> str:
        """`<model>-<arm hash>/seed=<k>`"""
        return f"{self.directory.parent.name}/{self.directory.name}"

    @property
    def experiment(self) -> str:
        """PAIRS or DISK: part 1 or part 2 of the report; never in one table."""
        return PAIRS if "model" in self.config else DISK

    @property
    def max_epochs(self) -> int:
        """How many rows history.csv has once the run is completed."""
        holder = self.config["trainer"] if self.experiment == PAIRS else self.config
        return holder["max_epochs"]

    def columns(self, name: str) -> dict[str, list[float]]:
        """The columns of `history.csv` or `predictions.csv`; raises DamagedRunError."""
        path = self.directory / name
        try:
            with open(path, newline="") as file:
                header, *rows = csv.reader(file, strict=True)
            return {
                key: [float(value) for value in column]
                for key, column in zip(header, zip(*rows, strict=True), strict=True)
            }
        except (OSError, ValueError, csv.Error) as error:
            raise DamagedRunError(f"{path} cannot be read ({error}); {WAY_OUT}") from None

    def history(self) -> list[dict[str, float]]:
        """The rows of history.csv, one for each epoch; raises DamagedRunError."""
        columns = self.columns("history.csv")
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


@dataclass(frozen=True)
class Known:
    """What was found once and holds for all runs of an arm.

    configurations: by their text without seeds; arms: model and hash by that text, the data set
    and the sources of chance that are held fixed.
    """

    configurations: dict[str, dict[str, Any]]
    arms: dict[tuple[str, str, tuple[Any, ...]], tuple[str, str]]


def read_runs(outputs: Path, pattern: str | None) -> tuple[list[StoredRun], list[Problem]]:
    """The runs under `outputs`/runs by model, arm and seed, and what could not be read.

    pattern: a glob for names `<model>-<arm hash>/seed=<k>` or `<model>-<arm hash>`; None: all.
    A run that was moved aside (`seed=0.before-1`) is none.
    """
    known = Known({}, {})
    runs, problems = _read_all(_directories(outputs / "runs", pattern), known)
    if problems:
        # A run that comes home from another machine takes the place of what is there, and for a
        # moment neither is: what seems damaged is looked at twice.
        time.sleep(MOMENT)
        whole, problems = _read_all([problem.directory for problem in problems], known)
        runs += whole
    return sorted(runs, key=lambda run: (run.model, run.arm_hash, run.seed)), problems


def _read_all(directories: list[Path], known: Known) -> tuple[list[StoredRun], list[Problem]]:
    runs: list[StoredRun] = []
    problems: list[Problem] = []
    for directory in directories:
        try:
            runs.append(_read_run(directory, known))
        except (DamagedRunError, OSError) as error:
            # The messages of `project.runs` begin with the path of the file.
            problems.append(Problem(directory, str(error).removeprefix(f"{directory}{os.sep}")))
    return runs, problems


def _directories(root: Path, pattern: str | None) -> list[Path]:
    if not root.is_dir():
        return []
    found = []
    # scandir knows what is a directory without asking the disk for each of 10,000.
    with os.scandir(root) as arms:
        arm_names = sorted(arm.name for arm in arms if arm.is_dir())
    for arm_name in arm_names:
        with os.scandir(root / arm_name) as entries:
            names = [entry.name for entry in entries if RUN_NAME.fullmatch(entry.name)]
        for name in sorted(names, key=lambda text: (len(text), text)):
            if _matches(f"{arm_name}/{name}", arm_name, pattern):
                found.append(root / arm_name / name)
    return found


def _matches(run_name: str, arm_name: str, pattern: str | None) -> bool:
    if pattern is None:
        return True
    return fnmatch.fnmatchcase(run_name, pattern) or fnmatch.fnmatchcase(arm_name, pattern)


def _read_run(directory: Path, known: Known) -> StoredRun:
    """Raises DamagedRunError where anything about the run is not what it should be."""
    record = read_record(directory)
    if record is None:
        raise DamagedRunError(f"holds no run.json; start the run again, or {WAY_OUT}")
    config, text = _read_config(directory / "config.yaml", known)
    try:
        run = StoredRun(
            directory=directory,
            model=record["model"],
            seed=record["seed"],
            arm_hash=record["arm"],
            status=record["status"],
            config=config,
            metrics=record.get("metrics", {}),
            parameters=record.get("parameters"),
            seconds=record.get("seconds", {}),
            provenance=record["provenance"],
            error=record.get("error"),
        )
        _check_identity(run, text, known)
        if run.status == COMPLETED:
            _check_completed(run)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise DamagedRunError(
            f"run.json or config.yaml is incomplete ({error!r}); {WAY_OUT}"
        ) from None
    return run


def _read_config(path: Path, known: Known) -> tuple[dict[str, Any], str]:
    """The configuration, and its text without seeds, for all runs of which it is parsed once.

    Parsing is slow (4 ms a file): 10,000 of them would take 40 s.
    """
    try:
        text = path.read_text()
        seeds: dict[str, Any] = {}
        if match := SEED_LINE.search(text):
            seeds["seed"] = int(match.group(1))
        if block := SEEDS_BLOCK.search(text):
            lines = (line.split(":") for line in block.group(1).splitlines())
            seeds["seeds"] = {name.strip(): int(value) for name, value in lines}
        rest = SEEDS_BLOCK.sub("", SEED_LINE.sub("", text, count=1), count=1)
        if rest not in known.configurations:
            known.configurations[rest] = dict(yaml.load(rest, Loader=yaml.CSafeLoader))
    except FileNotFoundError:
        raise DamagedRunError(f"holds no config.yaml; {WAY_OUT}") from None
    except (ValueError, TypeError, yaml.YAMLError) as error:
        problem = " ".join(str(error).split())
        raise DamagedRunError(f"config.yaml cannot be read ({problem}); {WAY_OUT}") from None
    return known.configurations[rest] | seeds, rest


def _check_identity(run: StoredRun, text: str, known: Known) -> None:
    """The name of the directory, run.json and config.yaml speak of the same run."""
    said = f"{run.model}-{run.arm_hash}/seed={run.seed}"
    if said != run.name:
        raise DamagedRunError(f"run.json is that of {said}; {WAY_OUT}")
    if run.config["seed"] != run.seed:
        raise DamagedRunError(f"config.yaml is that of seed {run.config['seed']}; {WAY_OUT}")
    if run.experiment == DISK:
        # How these are named is known to project.disk alone.
        if run.model != f"disk_{run.config['activation']}":
            raise DamagedRunError(f"config.yaml is none of {run.model}; {WAY_OUT}")
        return
    described = _described(run, text, known)
    if described != (run.model, run.arm_hash):
        raise DamagedRunError(f"config.yaml is that of {'-'.join(described)}; {WAY_OUT}")


def _described(run: StoredRun, text: str, known: Known) -> tuple[str, str]:
    """Model and hash of the arm that config.yaml, of that `text` without seeds, describes."""
    dataset, seeds = run.provenance["data"]["dataset"], run.config.get("seeds", {})
    held = tuple((source, seed) for source, seed in seeds.items() if seed != run.seed)
    key = (text, dataset, held)
    if key not in known.arms:
        described = identify(run.config, dataset)
        known.arms[key] = described.model, described.arm_hash
    return known.arms[key]


def _check_completed(run: StoredRun) -> None:
    """What a completed run must say is there, and its numbers are possible."""
    for metric in ("train/error", "val/error", "test/error"):
        # There may be no validation pairs.
        value = run.metrics[metric] if metric != "val/error" else run.metrics.get(metric, 0.0)
        if not 0 <= value <= 1:
            raise DamagedRunError(f"run.json says {metric} = {value}; {WAY_OUT}")
    if not (math.isfinite(run.seconds["training"]) and isinstance(run.parameters, int)):
        raise DamagedRunError(f"run.json lacks seconds or parameters; {WAY_OUT}")
    if not isinstance(run.provenance["data"]["sha256"], str):
        raise DamagedRunError(f"run.json lacks the checksum of the data; {WAY_OUT}")
    try:
        content = (run.directory / "history.csv").read_bytes()
    except FileNotFoundError:
        raise DamagedRunError(f"holds no history.csv; {WAY_OUT}") from None
    header, *rows = content.split(b"\n")
    whole = rows and not rows[-1] and rows[-2:-1] and rows[-2].count(b",") == header.count(b",")
    if not whole or len(rows) - 1 != run.max_epochs:
        raise DamagedRunError(
            f"history.csv is torn: {max(0, len(rows) - 1)} whole rows for {run.max_epochs} epochs; "
            f"{WAY_OUT}"
        )
