"""A list of 1,000 runs within 1 s, and a report on 10,000 within 15 s and 500 MB.

    python -m tests.benchmarks.many_runs FOLDER               100 variants x 100 seeds
    python -m tests.benchmarks.many_runs FOLDER 10 20          10 variants x 20 seeds

Fills FOLDER, unless it holds runs already, with finished runs whose numbers are made up: for timing
and for nothing else. What a reader reads of a run is as `project.train` writes it; there are no
checkpoints, events and logs. The files were just written, so they are read from memory and not from
the disk.
"""

import argparse
import copy
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from project.config.compose import compose
from project.config.identity import identify
from project.runs.provenance import provenance
from project.runs.record import COMPLETED, SCHEMA

ROOT = Path(__file__).parents[2]
MODELS = ("basic", "ws_al", "ws_al_do", "ws_al_bn", "ws_al_bn_do")
MAX_SECONDS, MAX_MEGABYTES = 15, 500
QUANTITIES = ("auxiliary_loss", "comparison_loss", "digit_error", "error", "loss")
STAGES = ("train", "val")


def made_up_configs(count: int) -> list[dict[str, Any]]:
    """Return five models in turn, at one learning rate after the other, as runs store them."""
    composed = [compose("train", [f"model={model}"]) for model in MODELS]
    configs = []
    for number in range(count):
        config = copy.deepcopy(composed[number % len(MODELS)])
        config["optimizer"]["lr"] = round(0.05 * (1 + number // len(MODELS)), 2)
        config["data"] |= {"dataset": "mnist", "train_pairs": 1000, "test_pairs": 1000}
        configs.append(config)
    return configs


def write_variant(outputs: Path, config: dict[str, Any], error: float, seeds: int) -> None:
    """Write the variant's runs at seeds 0, 1, ..., whose nets err about `error`."""
    origin = provenance(threads=1)
    definitions = {f"project.made_up:Class{k}": f"{k:064x}" for k in range(25)}
    for seed in range(seeds):
        run = identify(config | {"seed": seed})
        # What a seed does to a run it does to all variants.
        luck = np.random.default_rng(seed).normal(0, 0.005)
        rng = np.random.default_rng([seed, int(run.hash, 16)])
        directory = run.directory(outputs)
        directory.mkdir(parents=True)
        wrong = rng.binomial(1000, min(1, max(0.001, error + luck + rng.normal(0, 0.003)))) / 1000
        last = _write_history(directory / "history.csv", config, wrong, rng)
        tested = {f"test/{name}": last[f"val/{name}"] for name in QUANTITIES}
        record = {
            "schema": SCHEMA, "status": COMPLETED, "command": "train",
            "model": config["model"]["name"], "data": config["data"]["name"],
            "task": config["task"]["name"], "variant": run.hash, "name": run.name, "seed": seed,
            "metric": config["metric"], "config": config | {"seed": seed}, "parameters": 75_000,
            "metrics": last | tested | {"test/error": wrong}, "stopped_early": False,
            "epochs": config["trainer"]["max_epochs"], "tags": [], "notes": "",
            "seconds": {"training": rng.uniform(4, 6), "session": rng.uniform(6, 7)},
            "process": {"pid": 1, "host": "made-up"}, "typed": "python -m project.train",
            "started": "2026-01-01T00:00:00+00:00", "ended": "2026-01-01T00:00:07+00:00",
            "provenance": origin | {
                "device": "cpu",
                "code": {"digest": "0" * 64, "definitions": definitions},
                "data": {"dataset": "mnist", "source": "0" * 64, "train": f"{seed:064x}",
                         "test": f"{seed:064x}"},
            },
        }  # fmt: skip
        (directory / "run.json").write_text(json.dumps(record, indent=2) + "\n")


def _write_history(
    path: Path, config: dict[str, Any], error: float, rng: np.random.Generator
) -> dict[str, float]:
    """Write one row per epoch; return the last, without epoch and learning rate."""
    epochs = config["trainer"]["max_epochs"]
    names = [f"{stage}/{name}" for stage in STAGES for name in QUANTITIES]
    falling = error + 0.4 * np.exp(-np.arange(1, epochs + 1) / 3)
    values = falling[:, None] * rng.uniform(0.8, 1.2, (epochs, len(names)))
    rows = np.float32(values).astype(float).tolist()
    lines = [",".join(["epoch", "lr", *names])]
    for epoch, row in enumerate(rows, start=1):
        lines.append(",".join([str(epoch), str(config["optimizer"]["lr"]), *map(repr, row)]))
    path.write_text("\n".join(lines) + "\n")
    return dict(zip(names, rows[-1], strict=True))


def fill(outputs: Path, variants: int, seeds: int) -> None:
    """Write so many variants at so many seeds each."""
    for number, config in enumerate(made_up_configs(variants)):
        write_variant(outputs, config, 0.02 + 0.3 * number / variants, seeds)


def main() -> None:
    """Make the runs, make the report, say what it took."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("variants", type=int, nargs="?", default=100)
    parser.add_argument("seeds", type=int, nargs="?", default=100)
    asked = parser.parse_args()
    outputs, variants, seeds = asked.folder, asked.variants, asked.seeds
    if not (outputs / "runs").exists():
        started = time.perf_counter()
        fill(outputs, variants, seeds)
        print(f"{variants * seeds:,} runs made up in {time.perf_counter() - started:.1f} s")
    started = time.perf_counter()
    words = [sys.executable, "-m", "project.report", f"paths.outputs={outputs}"]
    done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT)
    seconds = time.perf_counter() - started
    if done.returncode:
        sys.exit(done.stderr)
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    # Kilobytes on Linux; of the largest process, should the report use several.
    megabytes = usage.ru_maxrss / 1024
    runs = sum(1 for _ in outputs.glob("runs/*/seed_*"))
    print(
        f"report on {runs:,} runs: {seconds:.1f} s (limit {MAX_SECONDS}), of it "
        f"{usage.ru_utime + usage.ru_stime:.1f} s at work; "
        f"{megabytes:,.0f} MB at most (limit {MAX_MEGABYTES:,})"
    )
    sys.exit(seconds > MAX_SECONDS or megabytes > MAX_MEGABYTES)


if __name__ == "__main__":
    main()
