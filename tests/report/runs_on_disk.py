"""Run directories as both experiments leave them, written with numbers of one's choice."""

import copy
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from project.composition import compose_values
from project.runs.identity import Run, canonical, identify

CONFIG: dict[str, Any] = {
    "data": {
        "source": "auto",
        "train_pairs": 1000,
        "val_pairs": 1000,
        "test_pairs": 1000,
        "batch_size": 100,
        "shuffle": False,
        "normalise": False,
    },
    "trainer": {"max_epochs": 2, "accelerator": "cpu", "threads": 1},
    "model": {"name": "ws_al", "_target_": "project.models.Siamese", "channels": [32, 64]},
    "optimizer": {"lr": 1.0, "_target_": "torch.optim.Adadelta", "rho": 0.9},
    "seed": 0,
    "loss": {"auxiliary_weight": 1.0},
    "paths": {"outputs": "outputs", "data": "outputs/data"},
    "rerun": False,
}
DISK_CONFIG: dict[str, Any] = {
    "seed": 0,
    "activation": "tanh",
    "lr": 0.1,
    "max_epochs": 2,
    "loss": "mse",
    "optimizer": {"name": "sgd"},
    "paths": {"outputs": "outputs"},
    "rerun": False,
}
HISTORY = "epoch,lr,train/error,val/error\n1,1.0,0.5,0.6\n2,1.0,0.2,0.3\n"
DISK_HISTORY = (
    "epoch,lr,train/accuracy,train/error,train/loss,val/accuracy,val/error,val/loss\n"
    "1,0.1,0.5,0.5,0.3,0.5,0.5,0.4\n2,0.1,0.8,0.2,0.1,0.7,0.3,0.2\n"
)
DIVERGED = "NonFiniteLossError: the loss became inf in epoch 3, step 24; a smaller lr usually helps"


def provenance(**changes: Any) -> dict[str, Any]:
    """Where the numbers come from; changes: a section each, whose keys replace those here."""
    sections: dict[str, Any] = {
        "git": {"commit": "c0ffee00" * 5, "dirty": False},
        "versions": {"python": "3.11.7", "torch": "2.14.1"},
        "machine": {"system": "Linux", "processor": "a processor", "cores": 2},
        "threads": 1,
        "data": {"dataset": "mnist", "fetched_from": "folder", "sha256": "5a" * 32},
    }
    for name, change in changes.items():
        sections[name] = sections[name] | change if isinstance(change, dict) else change
    return sections


def write_run(
    outputs: Path,
    model: str = "ws_al",
    seed: int = 0,
    error: float = 0.2,
    val_error: float | None = None,
    status: str = "completed",
    failure: str = "RuntimeError: out of luck",
    origin: dict[str, Any] | None = None,
    **settings: Any,
) -> Path:
    """A run of part 1. settings: by dotted keys with `__` for the dot, `optimizer__lr=0.5`.

    val_error: by default 1 point above the test error. origin: changes of its provenance.
    """
    config = copy.deepcopy(CONFIG)
    config["model"]["name"], config["seed"] = model, seed
    for key, value in settings.items():
        section, _, name = key.partition("__")
        config.setdefault(section, {})
        if name:
            config[section][name] = value
        else:
            config[section] = value
    sources = provenance(**(origin or {}))
    run = identify(config, sources["data"]["dataset"])
    directory = outputs / "runs" / run.name
    metrics = {"train/error": 0.0, "test/error": error}
    metrics["val/error"] = error + 0.01 if val_error is None else val_error
    _write(directory, config, run.model, run.arm_hash, status, failure, metrics, sources)
    return directory


def write_composed_arm(outputs: Path, seeds: Iterable[int], *words: str) -> None:
    """Runs of the configuration that conf/ has today; only their numbers are made up."""
    config = compose_values("train", words)
    epochs = range(1, config["trainer"]["max_epochs"] + 1)
    history = [HISTORY.splitlines()[0], *(f"{epoch},1.0,0.5,0.6" for epoch in epochs)]
    del config["seed"]
    net = config.pop("model")
    name = net.pop("name")
    config |= {f"model__{key}": value for key, value in net.items()}
    for seed in seeds:
        own = config | {"seeds": dict.fromkeys(config["seeds"], seed)}
        directory = write_run(outputs, name, seed, 0.1 + seed / 100, **own)
        (directory / "history.csv").write_text("\n".join(history) + "\n")


def write_disk_run(
    outputs: Path, seed: int = 0, error: float = 0.02, status: str = "completed", **settings: Any
) -> Path:
    """A run of part 2; a failed one has diverged."""
    config = copy.deepcopy(DISK_CONFIG) | {"seed": seed} | settings
    arm = {key: value for key, value in config.items() if key not in ("seed", "paths", "rerun")}
    model = f"disk_{config['activation']}"
    arm_hash = Run(model, canonical(arm), seed).arm_hash
    directory = outputs / "runs" / f"{model}-{arm_hash}" / f"seed={seed}"
    data = {"dataset": "disk", "fetched_from": "generated", "sha256": f"{seed:064x}"}
    metrics = {f"{stage}/error": error for stage in ("train", "val", "test")}
    metrics |= {f"{stage}/accuracy": 1 - error for stage in ("train", "val", "test")}
    sources = provenance(data=data)
    _write(directory, config, model, arm_hash, status, DIVERGED, metrics, sources)
    if status == "completed":
        (directory / "history.csv").write_text(DISK_HISTORY)
        (directory / "predictions.csv").write_text(
            "x,y,label,prediction\n0.5,0.5,1,1\n0.1,0.1,0,0\n0.5,0.89,1,0\n0.1,0.9,0,1\n"
        )
    return directory


def _write(
    directory: Path,
    config: dict[str, Any],
    model: str,
    arm_hash: str,
    status: str,
    failure: str,
    metrics: dict[str, float],
    sources: dict[str, Any],
) -> None:
    directory.mkdir(parents=True)
    (directory / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    record: dict[str, Any] = {"schema": 1, "status": status, "model": model}
    record |= {"seed": config["seed"], "arm": arm_hash}
    if status == "completed":
        record |= {"parameters": 75908, "metrics": metrics}
        record["seconds"] = {"training": 14.0, "session": 15.0}
        (directory / "history.csv").write_text(HISTORY)
    if status == "failed":
        record["error"] = failure
    (directory / "run.json").write_text(json.dumps(record | {"provenance": sources}))
