"""What a run comes to, and how it looks when it was killed at its end."""

import json
from dataclasses import dataclass
from pathlib import Path

import torch

from project.training.checkpoint import LAST, AtomicCheckpointIO
from tests.small_runs import record


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


def outputs_of(directory: Path) -> Path:
    """Return the output folder of a run directory."""
    return directory.parents[2]


def contents(directory: Path) -> dict[str, bytes]:
    """Return the bytes of every file of a directory."""
    return {path.name: path.read_bytes() for path in directory.iterdir()}
