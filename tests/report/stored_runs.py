"""Stored runs with numbers of one's choice, as `read_runs` would give them."""

import copy
import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from project.report.arms import Arm, group
from project.report.runs import StoredRun
from project.runs.identity import Run, canonical, identify

CONFIG: dict[str, Any] = {
    "data": {"source": "auto", "train_pairs": 1000, "val_pairs": 1000, "test_pairs": 1000},
    "trainer": {"max_epochs": 2},
    "model": {"name": "ws_al", "auxiliary_on": "probabilities", "dropout_conv": 0},
    "optimizer": {"lr": 1},
    "loss": {"auxiliary_weight": 1},
}
DISK_CONFIG: dict[str, Any] = {"activation": "tanh", "lr": 0.1, "max_epochs": 2, "loss": "mse"}


def pair_runs(
    errors: Sequence[float] | Mapping[int, float],
    model: str = "ws_al",
    train_error: float = 0.0,
    seconds: float = 10.0,
    parameters: int = 75908,
    folder: Path = Path("outputs"),
    diverged: int = 0,
    **settings: Any,
) -> list[StoredRun]:
    """Runs of one arm of part 1, by the test errors of their seeds; the validation errs 1 % more.

    settings: `optimizer__lr=0.5`. diverged: so many more runs ended without a number.
    """
    by_seed = dict(errors) if isinstance(errors, Mapping) else dict(enumerate(errors))
    runs = []
    for seed in [*by_seed, *range(len(by_seed), len(by_seed) + diverged)]:
        config = copy.deepcopy(CONFIG) | {"seed": seed}
        config["model"]["name"] = model
        for key, value in settings.items():
            section, _, name = key.partition("__")
            config.setdefault(section, {})[name] = value
        run = identify(config, "mnist")
        error = by_seed.get(seed)
        metrics = {} if error is None else {"train/error": train_error, "val/error": error + 0.01}
        if error is not None:
            metrics["test/error"] = error
        runs.append(_stored(run, config, metrics, parameters, seconds + seed, folder, "mnist"))
    return runs


def disk_runs(
    errors: Sequence[float],
    activation: str = "tanh",
    lr: float = 0.1,
    folder: Path = Path("outputs"),
    diverged: int = 0,
    **settings: Any,
) -> list[StoredRun]:
    """Runs of one arm of part 2, likewise."""
    runs = []
    for seed in range(len(errors) + diverged):
        settings |= {"activation": activation, "lr": lr}
        config = DISK_CONFIG | settings
        run = Run(f"disk_{activation}", canonical(config | {"dataset": "disk"}), seed)
        metrics = {}
        if seed < len(errors):
            metrics = {f"{stage}/error": errors[seed] for stage in ("train", "val", "test")}
            metrics |= {"test/accuracy": 1 - errors[seed], "val/accuracy": 1 - errors[seed]}
        runs.append(_stored(run, config | {"seed": seed}, metrics, 1427, 5.0, folder, "disk"))
    return runs


def _stored(
    run: Run,
    config: dict[str, Any],
    metrics: dict[str, float],
    parameters: int,
    seconds: float,
    folder: Path,
    dataset: str,
) -> StoredRun:
    return StoredRun(
        directory=run.directory(folder),
        model=run.model,
        seed=run.seed,
        arm_hash=run.arm_hash,
        status="completed" if metrics else "failed",
        config=config,
        metrics=metrics,
        parameters=parameters if metrics else None,
        seconds={"training": seconds} if metrics else {},
        provenance={
            "data": {
                "dataset": dataset,
                "sha256": "5a" * 32 if dataset == "mnist" else str(run.seed),
            },
            "machine": {"processor": "a processor"},
        },
        error=None if metrics else "NonFiniteLossError: the loss became nan",
    )


def arm_of(runs: Sequence[StoredRun]) -> Arm:
    """The one arm that the runs are of."""
    (arm,) = group(runs)
    return arm


def write_table(run: StoredRun, name: str, columns: Mapping[str, Sequence[float]]) -> None:
    """The run's history.csv or predictions.csv."""
    run.directory.mkdir(parents=True, exist_ok=True)
    with open(run.directory / name, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
