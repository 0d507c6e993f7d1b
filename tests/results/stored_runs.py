"""Run directories with numbers of one's choice, as the commands leave them (schema 2)."""

import copy
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from project.config.identity import Run, identify, identity_settings
from project.results.reading import read_runs
from project.results.records import RunRecord
from project.results.variants import Variant, group

CONFIG: dict[str, Any] = {
    "seed": 0,
    "seeds": {"data": None, "init": None, "order": None},
    "metric": {"name": "error", "direction": "min"},
    "task": {"name": "digit_pairs", "_target_": "lab.Task", "auxiliary_weight": 1.0},
    "data": {
        "name": "epfl_pairs",
        "_target_": "lab.Pairs",
        "dataset": "mnist",
        "train_pairs": 1000,
        "test_pairs": 1000,
        "batch_size": 100,
        "shuffle": False,
    },
    "model": {"name": "ws_al", "_target_": "lab.Siamese", "auxiliary_input": "probabilities"},
    "optimizer": {"_target_": "lab.Adadelta", "lr": 1.0, "rho": 0.9},
    "scheduler": None,
    "augmentation": None,
    "callbacks": {},
    "logger": {"tensorboard": {"_target_": "lab.Logger"}},
    "trainer": {"max_epochs": 2, "accelerator": "cpu"},
    "checkpoints": {"max_overhead": 0.01},
    "paths": {"outputs": "outputs", "data": "outputs/data"},
    "tags": [],
    "notes": "",
    "rerun": False,
    "code": None,
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
HISTORY = {
    f"{stage}/{name}": [0.5, 0.25] for stage in ("train", "val")
    for name in ("accuracy", "error", "loss")
}  # fmt: skip
DIVERGED = "NonFiniteLossError: the loss became inf in epoch 3, step 24; a smaller lr usually helps"


def provenance(**changes: Any) -> dict[str, Any]:
    """Where the numbers come from; changes: a section each, whose keys replace those here."""
    sections: dict[str, Any] = {
        "git": {"commit": "c0ffee00" * 5, "dirty": False},
        "versions": {"python": "3.11.7", "torch": "2.14.1"},
        "machine": {"system": "Linux", "processor": "a processor", "cores": 2},
        "threads": 1,
        "device": "cpu",
        "code": {"digest": "c0de" * 16, "definitions": {"lab.Siamese": "5e" * 32}},
        "data": {"dataset": "mnist", "fetched_from": "folder", "source": "50" * 32},
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
    diverged: bool = False,
    failure: str = "RuntimeError: out of luck",
    origin: Mapping[str, Any] | None = None,
    metrics: Mapping[str, float] | None = None,
    record: Mapping[str, Any] | None = None,
    **settings: Any,
) -> Path:
    """Write a run of project.train and return its directory.

    Args:
        outputs: The output folder.
        model: The model's name.
        seed: The seed.
        error: The test error.
        val_error: The validation error; by default 1 point above the test error.
        status: Of the run.
        diverged: Whether it failed because its loss was no number.
        failure: Why it failed.
        origin: Changes of the provenance.
        metrics: In the place of all metrics.
        record: Further keys of run.json.
        settings: By dotted keys with `__` for the dot: `optimizer__lr=0.5`; or whole sections.
    """
    config = copy.deepcopy(CONFIG)
    config["model"]["name"], config["seed"] = model, seed
    for key, value in settings.items():
        section, _, name = key.partition("__")
        if name:
            config[section] = (config.get(section) or {}) | {name: value}
        else:
            config[section] = value
    sources = provenance(**(origin or {}))
    data_seed = config["seeds"]["data"]
    drawn = f"{seed if data_seed is None else data_seed}, {config['data']['test_pairs']} pairs"
    sources["data"] = {"train": f"train {drawn}", "test": f"test {drawn}"} | sources["data"]
    if metrics is None:
        val_error = error + 0.01 if val_error is None else val_error
        metrics = {"train/error": 0.0, "val/error": val_error, "test/error": error}
    written: dict[str, Any] = {"command": "train", "model": model, "task": config["task"]["name"]}
    written |= {"data": config["data"]["name"], "parameters": 75908}
    return _write(outputs, identify(config), config, written, status, metrics, sources,
                  {"diverged": True, "error": DIVERGED} if diverged else {"error": failure},
                  record or {})  # fmt: skip


def write_variant(
    outputs: Path, errors: Sequence[float] | Mapping[int, float], model: str = "ws_al", **more: Any
) -> list[Path]:
    """Write a run for each test error, at seeds 0, 1, ... or those that are given."""
    by_seed = dict(errors) if isinstance(errors, Mapping) else dict(enumerate(errors))
    return [write_run(outputs, model, seed, error, **more) for seed, error in by_seed.items()]


def write_composed(outputs: Path, config: dict[str, Any], seeds: Sequence[int]) -> Path:
    """Write runs of a configuration that conf/ has today; return their variant's folder."""
    data = {"dataset": "mnist", "train_pairs": 1000, "val_pairs": 1000, "test_pairs": 1000}
    for seed in seeds:
        own = config | {"seed": seed, "data": config["data"] | data}
        written = {"command": "train", "model": own["model"]["name"], "task": own["task"]["name"]}
        written |= {"data": own["data"]["name"], "parameters": 75908}
        metrics = {f"{stage}/error": 0.1 + seed / 100 for stage in ("train", "val", "test")}
        sources = provenance()
        sources["data"] |= {"test": f"test {seed}", "train": f"train {seed}"}
        _write(outputs, identify(own), own, written, "completed", metrics, sources, {}, {})
    return identify(own).directory(outputs).parent


def write_disk_run(
    outputs: Path,
    seed: int = 0,
    error: float = 0.02,
    status: str = "completed",
    diverged: bool = False,
    **settings: Any,
) -> Path:
    """Write a run of project.disk and return its directory."""
    config = copy.deepcopy(DISK_CONFIG) | {"seed": seed} | settings
    run = Run(f"disk_{config['activation']}", None, identity_settings(config), seed)
    data = {"dataset": "disk", "test": f"test {seed}", "train": f"train {seed}"}
    metrics = {f"{stage}/error": error for stage in ("train", "val", "test")}
    metrics |= {f"{stage}/accuracy": 1 - error for stage in ("train", "val", "test")}
    written = {"command": "disk", "model": run.model, "task": "disk", "data": "disk"}
    failure = {"diverged": True, "error": DIVERGED} if diverged else {"error": "RuntimeError: no"}
    directory = _write(
        outputs, run, config, written | {"parameters": 1427}, status, metrics,
        provenance(data=data), failure, {},
    )  # fmt: skip
    if status == "completed":
        points = {"x": [0.5, 0.1, 0.5, 0.1], "y": [0.5, 0.1, 0.89, 0.9], "label": [1, 0, 1, 0]}
        write_table(directory / "predictions.csv", points | {"prediction": [1, 0, 0, 1]})
    return directory


def write_disk_variant(
    outputs: Path, errors: Sequence[float], diverged: int = 0, **more: Any
) -> None:
    """Write a run of project.disk for each test error, and so many that diverged."""
    for seed, error in enumerate(errors):
        write_disk_run(outputs, seed, error, **more)
    for seed in range(len(errors), len(errors) + diverged):
        write_disk_run(outputs, seed, status="failed", diverged=True, **more)


def _write(
    outputs: Path,
    run: Run,
    config: dict[str, Any],
    written: dict[str, Any],
    status: str,
    metrics: Mapping[str, float],
    sources: dict[str, Any],
    failure: dict[str, Any],
    more: Mapping[str, Any],
) -> Path:
    directory = run.directory(outputs)
    directory.mkdir(parents=True)
    record: dict[str, Any] = {"schema": 2, "status": status} | written
    record |= {"variant": run.hash, "name": run.name, "seed": run.seed, "config": config}
    record |= {"metric": {"name": "error", "direction": "min"}, "provenance": sources}
    record |= {"tags": [], "notes": "", "typed": f"python -m project.{written['command']}"}
    record |= {"started": "2026-11-29T15:00:00+00:00", "ended": "2026-11-29T15:01:00+00:00"}
    if status == "completed":
        record |= {"metrics": dict(metrics), "epochs": 2, "stopped_early": False}
        record["seconds"] = {"training": 14.0, "session": 15.0}
        write_table(directory / "history.csv", {"epoch": [1, 2], "lr": [1.0, 1.0], **HISTORY})
    if status == "failed":
        record |= failure
    (directory / "run.json").write_text(json.dumps(record | dict(more)))
    return directory


def write_table(path: Path, columns: Mapping[str, Sequence[float]]) -> None:
    """Write a run's history.csv or predictions.csv."""
    rows = [",".join(map(str, row)) for row in zip(*columns.values(), strict=True)]
    path.write_text("\n".join([",".join(columns), *rows]) + "\n")


def write_predictions(directory: Path, prediction: Sequence[float], target: Sequence[int]) -> None:
    """Write a run's predictions.npz."""
    arrays = {"prediction": np.array(prediction), "target": np.array(target)}
    np.savez_compressed(directory / "predictions.npz", **arrays)


def change_record(directory: Path, **changes: Any) -> None:
    """Change keys of a run.json; None takes one away."""
    path = directory / "run.json"
    record = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: each for key, each in record.items() if each is not None}))


def read(outputs: Path, *patterns: str) -> list[RunRecord]:
    """Return the runs, of which none is damaged."""
    runs, problems = read_runs(outputs, patterns)
    assert problems == []
    return runs


def variants(outputs: Path, **more: Any) -> list[Variant]:
    """Return the variants."""
    return group(read(outputs), **more)


def variant(outputs: Path, model: str) -> Variant:
    """Return the one variant of a model."""
    (found,) = [each for each in variants(outputs) if each.prefix == model]
    return found
