"""What `project.disk` left on disk, read back: runs grouped into arms that may be compared."""

import csv
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from project.runs.directory import COMPLETED, FAILED, DamagedRunError, read_record
from project.runs.identity import canonical

# What an arm of the learning-rate study may differ in; in anything else, arms are not compared.
COMPARED = ("activation", "lr")
PLACE_AND_SEED = ("seed", "paths", "rerun")


class NoRunsError(Exception):
    """There is nothing to draw."""

    exit_code = 2


@dataclass(frozen=True)
class DiskRun:
    """A completed run: where it is, its resolved configuration, its metrics."""

    directory: Path
    config: dict[str, Any]
    metrics: dict[str, float]

    def columns(self, name: str) -> dict[str, list[float]]:
        """The columns of `history.csv` or `predictions.csv`; raises DamagedRunError."""
        path = self.directory / name
        try:
            with open(path, newline="") as file:
                rows = list(csv.DictReader(file, strict=True))
            return {key: [float(row[key]) for row in rows] for key in rows[0]}
        except (OSError, ValueError, TypeError, LookupError, csv.Error) as error:
            raise DamagedRunError(f"{path} cannot be read: {error}") from None


@dataclass(frozen=True)
class Arm:
    """The completed runs (perhaps none) of one activation and learning rate, by seed.

    failed: how many ended in a loss that is not finite, or in another error.
    """

    runs: list[DiskRun]
    failed: int

    def values(self, metric: str) -> list[float]:
        """One number per run."""
        return [run.metrics[metric] for run in self.runs]


Arms = dict[tuple[str, float], Arm]


def read_arms(outputs: Path) -> tuple[Arms, list[str]]:
    """Arms by (activation, lr), sorted, and what was left out of them, in words.

    Runs that differ in more than `COMPARED` are not compared: of several such families the one
    with the most runs is taken. Raises NoRunsError, DamagedRunError.
    """
    families: dict[str, list[tuple[DiskRun, str]]] = defaultdict(list)
    for directory in sorted(outputs.glob("runs/disk_*/seed=*"), key=_arm_and_seed):
        record = read_record(directory)
        # A run that was moved aside is called seed=0.before-1.
        if record is None or not re.fullmatch(r"seed=\d+", directory.name):
            continue
        config = _read_config(directory)
        family = canonical(
            {key: value for key, value in config.items() if key not in COMPARED + PLACE_AND_SEED}
        )
        run = DiskRun(directory, config, record.get("metrics", {}))
        families[str(family)].append((run, record["status"]))
    largest = max(families.values(), key=len, default=[])
    arms = _arms(largest)
    if not any(arm.runs for arm in arms.values()):
        raise NoRunsError(
            f"no completed runs of project.disk under {outputs / 'runs'}; make them with "
            "`python -m project.disk -m +study=disk_learning_rate`"
        )
    others = [len(runs) for runs in families.values() if runs is not largest]
    return arms, [f"{count} runs of another setup (epochs, batch, ...)" for count in others]


def _arms(runs: list[tuple[DiskRun, str]]) -> Arms:
    grouped: dict[tuple[str, float], list[tuple[DiskRun, str]]] = defaultdict(list)
    for run, status in runs:
        grouped[run.config["activation"], float(run.config["lr"])].append((run, status))
    return {
        key: Arm(
            runs=[run for run, status in group if status == COMPLETED],
            failed=sum(status == FAILED for _, status in group),
        )
        for key, group in sorted(grouped.items())
    }


def _arm_and_seed(directory: Path) -> tuple[str, int, str]:
    digits = re.match(r"seed=(\d+)", directory.name)
    return directory.parent.name, int(digits.group(1)) if digits else 0, directory.name


def _read_config(directory: Path) -> dict[str, Any]:
    path = directory / "config.yaml"
    try:
        config = yaml.safe_load(path.read_text())
        if {"activation", "lr", "seed"} <= config.keys():
            return config
    except (OSError, ValueError, AttributeError, yaml.YAMLError) as error:
        raise DamagedRunError(f"{path} cannot be read: {error}") from None
    raise DamagedRunError(f"{path} is no configuration of project.disk")
