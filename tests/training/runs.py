"""Runs of a fraction of a second without the command line, and ways for them to end early."""

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from project.runs import lifecycle
from project.runs.prepare import prepare_run
from project.training.checkpoint import LAST, AtomicCheckpointIO
from project.training.execute import execute
from tests.small_runs import record

EPOCHS = 3
STRANGERS = "tests.training.strangers"


class Killed(BaseException):
    """A process that dies at this place."""


def own_config(outputs: Path, seed: int = 0, **changes: Any) -> dict[str, Any]:
    """Return the resolved configuration of a run of a stranger's task on a stranger's data.

    Args:
        outputs: The output folder.
        seed: The seed.
        changes: Sections; of `task`, `data` and `trainer` only the keys that differ.
    """
    sections: dict[str, Any] = {
        "task": {"name": "own", "_target_": f"{STRANGERS}.Own"},
        "data": {"name": "points", "_target_": f"{STRANGERS}.Points"},
        "trainer": {"max_epochs": EPOCHS, "accelerator": "cpu", "devices": 1, "threads": 1},
    }
    for name, section in sections.items():
        sections[name] = section | changes.pop(name, {})
    config: dict[str, Any] = {
        "seed": seed,
        "seeds": {"data": None, "init": None, "order": None},
        "metric": {"name": "error", "direction": "min"},
        "model": None,
        "optimizer": None,
        "scheduler": None,
        "augmentation": None,
        "callbacks": {},
        "logger": {},
        "checkpoints": {"max_overhead": 1.0},
        "paths": {"outputs": str(outputs), "data": str(outputs / "data")},
        "tags": [],
        "notes": "",
        "rerun": False,
        "verify": None,
        "code": None,
        "trust_code": False,
    }
    return config | sections | changes


def train(config: dict[str, Any]) -> Path:
    """Carry a run out, or go on with it, as a job does; returns its directory."""
    # A new process knows nothing of the generators of the one before.
    torch.seed()
    np.random.seed()
    random.seed()
    spec = prepare_run(config)
    with spec.directory.locked():
        lifecycle.run(spec, execute)
    return spec.directory.path


def kill_at_each_checkpoint(config: dict[str, Any], after: bool = True) -> int:
    """Train until each checkpoint of last.ckpt in turn, where the process dies; then to the end.

    Args:
        config: The run's configuration.
        after: Whether it dies right after the file is there, else right before.

    Returns:
        How often it died.
    """
    deaths = 0
    written = AtomicCheckpointIO.save_checkpoint
    done: set[int] = set()

    def save(io: AtomicCheckpointIO, checkpoint: dict[str, Any], path: Any, **more: Any) -> None:
        epoch = checkpoint["epoch"]
        dies = Path(path).name == LAST and epoch not in done
        if dies and not after:
            done.add(epoch)
            raise Killed
        written(io, checkpoint, path, **more)
        if dies:
            done.add(epoch)
            raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AtomicCheckpointIO, "save_checkpoint", save)
        while True:
            try:
                train(config)
            except Killed:
                deaths += 1
            else:
                return deaths


def checkpoint(directory: Path, name: str = LAST) -> dict[str, Any]:
    """Return what a checkpoint of a run holds."""
    return AtomicCheckpointIO().load_checkpoint(directory / name)


def result(directory: Path) -> dict[str, Any]:
    """Return all that must be equal to the bit in two runs that are the same."""
    stored = checkpoint(directory)
    facts = record(directory)
    keys = ("metrics", "epochs", "stopped_early", "tested_epoch", "weights_sha256")
    return {
        "history": (directory / "history.csv").read_text(),
        "record": {key: facts[key] for key in keys} | {"data": facts["provenance"]["data"]},
        "checkpoint": plain({k: stored[k] for k in stored if k not in ("loops", "callbacks")}),
        "callbacks": plain({
            name: state for name, state in stored["callbacks"].items() if name != "RunRecorder"
        }),
    }  # fmt: skip


def plain(value: Any) -> Any:
    """Return nested containers with tensors as their type, shape and bytes."""
    if isinstance(value, torch.Tensor):
        return str(value.dtype), tuple(value.shape), value.contiguous().numpy().tobytes()
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, list | tuple) else value


def classify_config(outputs: Path, seed: int = 0, **changes: Any) -> dict[str, Any]:
    """Return the configuration of a run whose net and optimizer the platform builds."""
    changes["task"] = {"name": "classify", "_target_": f"{STRANGERS}.Classify"}
    model = {"name": "net", "_target_": f"{STRANGERS}.Net"} | changes.pop("model", {})
    optimizer = {"_target_": "torch.optim.Adam", "lr": 0.05} | changes.pop("optimizer", {})
    return own_config(outputs, seed, model=model, optimizer=optimizer, **changes)
