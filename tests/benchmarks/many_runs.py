"""A report on 10,000 runs: the promise is under 20 s and 1 GB.

    python -m tests.benchmarks.many_runs FOLDER               100 arms x 100 seeds
    python -m tests.benchmarks.many_runs FOLDER 10 20          10 arms x 20 seeds

Fills FOLDER, unless it holds runs already, with finished runs whose numbers are made up: for timing
and for nothing else. What the report reads of a run is as `project.train` writes it; there are no
checkpoints, events and logs. Then makes the report of it and says what that took. The files were
just written, so they are read from memory and not from the disk.
"""

import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from project.runs.directory import COMPLETED, SCHEMA
from project.runs.identity import Run, identify
from project.runs.provenance import provenance
from tests.benchmarks.timing import ROOT, seconds_of

MODELS = ("basic", "ws_al", "ws_al_do", "ws_al_bn", "ws_al_bn_do")
MOST_SECONDS, MOST_MEGABYTES = 20, 1000
# Stands for the seed wherever a configuration names it, until each run puts in its own.
SEED = 987654321
SHA256 = "0" * 64
QUANTITIES = ("comparison_loss", "error", "loss")
MORE_QUANTITIES = ("auxiliary_loss", "comparison_loss", "digit_error", "error", "loss")


@dataclass(frozen=True)
class FakeArm:
    """config: as YAML, with SEED in place of the seed. error: what its nets err about."""

    run: Run
    config: str
    lr: float
    epochs: int
    error: float
    provenance: dict[str, Any]

    @property
    def quantities(self) -> tuple[str, ...]:
        """What is measured in training and in validation."""
        return QUANTITIES if self.run.model == "basic" else MORE_QUANTITIES


def fake_arms(count: int) -> list[FakeArm]:
    """Five models in turn, at one learning rate after the other."""
    sources = provenance(threads=1)
    sources["data"] = {"dataset": "mnist", "fetched_from": "folder", "sha256": SHA256}
    configurations = [_composed(f"model={model}", f"seed={SEED}") for model in MODELS]
    arms = []
    for number in range(count):
        config = configurations[number % len(MODELS)]
        config["optimizer"]["lr"] = round(0.05 * (1 + number // len(MODELS)), 2)
        arms.append(
            FakeArm(
                run=identify(config, "mnist"),
                config=yaml.safe_dump(config, sort_keys=False),
                lr=config["optimizer"]["lr"],
                epochs=config["trainer"]["max_epochs"],
                error=0.02 + 0.3 * number / count,
                provenance=sources,
            )
        )
    return arms


def _composed(*overrides: str) -> dict[str, Any]:
    # Not `steps.composed`: with torch this process is large, and a child's count of memory begins
    # with its parent's.
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        values: Any = OmegaConf.to_container(compose("train", list(overrides)), resolve=True)
    return values


def write_arm(outputs: Path, arm: FakeArm, seeds: int) -> None:
    """The directories of the arm's runs at seeds 0, 1, ..."""
    folder = arm.run.directory(outputs).parent
    folder.mkdir(parents=True)
    for seed in range(seeds):
        # What a seed does to a run it does to all arms.
        luck = np.random.default_rng(seed).normal(0, 0.005)
        rng = np.random.default_rng([seed, int(arm.run.arm_hash, 16)])
        directory = folder / f"seed={seed}"
        directory.mkdir()
        (folder / f".seed={seed}.lock").touch()
        (directory / "config.yaml").write_text(arm.config.replace(str(SEED), str(seed)))
        error = max(0.001, arm.error + luck + rng.normal(0, 0.003))
        last_epoch = _write_history(directory / "history.csv", arm, error, rng)
        _write_record(directory / "run.json", arm, seed, last_epoch, rng)


def _write_history(
    path: Path, arm: FakeArm, error: float, rng: np.random.Generator
) -> dict[str, float]:
    """One row per epoch; returns the last, without epoch and learning rate."""
    names = [f"{stage}/{quantity}" for stage in ("train", "val") for quantity in arm.quantities]
    falling = error + 0.4 * np.exp(-np.arange(1, arm.epochs + 1) / 3)
    values = falling[:, None] * rng.uniform(0.8, 1.2, (arm.epochs, len(names)))
    for column, name in enumerate(names):
        if name.endswith("error"):
            values[:, column] = values[:, column].round(3)  # of 1,000 pairs
    rows = np.float32(values).astype(float).tolist()
    lines = [",".join(["epoch", "lr", *names])]
    for epoch, row in enumerate(rows, start=1):
        lines.append(",".join([str(epoch), str(arm.lr), *map(repr, row)]))
    path.write_text("\n".join(lines) + "\n")
    return dict(zip(names, rows[-1], strict=True))


def _write_record(
    path: Path, arm: FakeArm, seed: int, last_epoch: dict[str, float], rng: np.random.Generator
) -> None:
    tested = {f"test/{quantity}": last_epoch[f"val/{quantity}"] for quantity in arm.quantities}
    wrong = rng.binomial(1000, min(1, last_epoch["val/error"]))
    record = {
        "schema": SCHEMA,
        "status": COMPLETED,
        "model": arm.run.model,
        "seed": seed,
        "arm": arm.run.arm_hash,
        "parameters": 75_000,
        "metrics": last_epoch | tested | {"test/error": float(np.float32(wrong / 1000))},
        "seconds": {"training": rng.uniform(4, 6), "session": rng.uniform(6, 7)},
        "process": {"pid": os.getpid(), "host": "made-up"},
        "provenance": arm.provenance,
    }
    path.write_text(json.dumps(record, indent=2) + "\n")


def main() -> None:
    """Make the runs, make the report, say what it took."""
    outputs = Path(sys.argv[1])
    arms, seeds = (int(word) for word in sys.argv[2:4] or ("100", "100"))
    if not (outputs / "runs").exists():
        started = time.perf_counter()
        for arm in fake_arms(arms):
            write_arm(outputs, arm, seeds)
        print(f"{arms * seeds:,} runs made up in {time.perf_counter() - started:.1f} s")
    try:
        seconds = seconds_of((sys.executable, "-m", "project.report", f"paths.outputs={outputs}"))
    except subprocess.CalledProcessError as error:
        sys.exit(error.stderr.decode())
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    # Kilobytes on Linux; of the largest process, should the report use several.
    megabytes = usage.ru_maxrss / 1024
    runs = sum(1 for _ in outputs.glob("runs/*/seed=*"))
    print(
        f"report on {runs:,} runs: {seconds:.1f} s (limit {MOST_SECONDS}), of it "
        f"{usage.ru_utime + usage.ru_stime:.1f} s at work; "
        f"{megabytes:,.0f} MB at most (limit {MOST_MEGABYTES:,})"
    )
    sys.exit(seconds > MOST_SECONDS or megabytes > MOST_MEGABYTES)


if __name__ == "__main__":
    main()
