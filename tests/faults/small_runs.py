"""Runs of project.train in this process: a tiny net on synthetic digits, a fraction of a second."""

import contextlib
import copy
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from omegaconf import OmegaConf

from project.command import report_and_exit
from project.train import execute
from project.training.checkpoint import LAST, AtomicCheckpointIO

VALUES: dict[str, Any] = {
    "seed": 0,
    "seeds": {"data": 0, "init": 0, "order": 0},
    "model": {
        "name": "tiny",
        "_target_": "project.models.Basic",
        "channels": [4, 6],
        "hidden": 8,
    },
    "data": {
        "source": "auto",
        "train_pairs": 40,
        "val_pairs": 0,
        "test_pairs": 20,
        "batch_size": 20,
        "shuffle": True,
        "normalise": True,
    },
    "optimizer": {
        "_target_": "torch.optim.Adadelta",
        "lr": 1.0,
        "rho": 0.9,
        "eps": 1e-6,
        "weight_decay": 0.0,
    },
    "loss": {"auxiliary_weight": 1.0},
    "trainer": {"max_epochs": 2, "accelerator": "cpu", "devices": 1, "threads": 1},
    "dashboard": {"images": False},
    "checkpoints": {"time_share": 1.0},
    "paths": {"outputs": "outputs", "data": "nowhere"},
    "rerun": False,
    "verify": None,
}


def configuration(outputs: Path, **changes: Any) -> dict[str, Any]:
    """The small run's values; `trainer__max_epochs=3` changes `trainer.max_epochs`."""
    values = copy.deepcopy(VALUES)
    for path, value in (changes | {"paths__outputs": str(outputs)}).items():
        *sections, key = path.split("__")
        node = values
        for section in sections:
            node = node[section]
        node[key] = value
    return values


@dataclass(frozen=True)
class Ended:
    """What a user sees of a command that has ended."""

    exit_code: int
    output: str
    errors: str


def run(outputs: Path, **changes: Any) -> Ended:
    """Carry out the small run as the command would; a bug is raised, as the command raises it."""
    return watched(lambda: execute(OmegaConf.create(configuration(outputs, **changes))))


def watched(act: Callable[[], object]) -> Ended:
    """What the user would see of `act`."""
    output, errors = io.StringIO(), io.StringIO()
    code = 0
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        try:
            act()
        except BaseException as error:
            code = report_and_exit(error, "train", [])
    return Ended(code, output.getvalue(), errors.getvalue())


def only_run(outputs: Path) -> Path:
    """The directory of the one run under `outputs`."""
    (directory,) = (path for path in outputs.glob("runs/*/seed=*") if path.is_dir())
    return directory


def record(directory: Path) -> dict[str, Any]:
    """What run.json says."""
    return json.loads((directory / "run.json").read_text())


@dataclass(frozen=True, eq=False)
class Result:
    """What two equal runs have in common to the byte."""

    history: bytes
    metrics: dict[str, float]
    weights: dict[str, torch.Tensor]

    @classmethod
    def of(cls, directory: Path) -> "Result":
        """Of a completed run."""
        done = record(directory)
        assert done["status"] == "completed"
        checkpoint = AtomicCheckpointIO().load_checkpoint(directory / LAST)
        history = (directory / "history.csv").read_bytes()
        return cls(history, done["metrics"], checkpoint["state_dict"])

    def assert_same(self, other: "Result") -> None:
        """The same bytes in history, metrics and weights."""
        assert self.history == other.history
        assert self.metrics == other.metrics
        assert self.weights.keys() == other.weights.keys()
        for name, weights in self.weights.items():
            assert torch.equal(weights, other.weights[name]), name


def leave_unfinished(directory: Path) -> None:
    """Turn a completed run into one that was killed before its last line was written."""
    unfinished = record(directory) | {"status": "running"}
    (directory / "run.json").write_text(json.dumps(unfinished))
