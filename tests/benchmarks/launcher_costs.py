"""What each launcher costs per job, and what grows with the number of jobs.

    python -m tests.benchmarks.launcher_costs launchers               200 jobs with each launcher
    python -m tests.benchmarks.launcher_costs launchers local ray     with some
    python -m tests.benchmarks.launcher_costs slopes                  composing, finding, memory

The figures of project/launchers/README.md, on a machine that does nothing else. The jobs train one
batch of a small net, so what is measured is everything around the training.
"""

import os
import subprocess
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path

import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from torch import Tensor

from project.config.compose import CONF
from project.launchers.grid import compose_grid
from project.models import Basic
from project.models.prediction import Prediction
from project.runs.record import completed_record
from project.train import TrainExperiment
from tests.benchmarks.many_runs import made_up_configs, write_variant
from tests.benchmarks.sweep_times import TRIVIAL
from tests.commands import command
from tests.small_runs import run_directories

JOBS = 200
SIDE_BY_SIDE = 2
STEPS = "LAUNCHER_COSTS_STEPS"
STAMPED = (
    *TRIVIAL,
    "callbacks.pictures=null",
    "model._target_=tests.benchmarks.launcher_costs.Stamped",
    "model.channels=[4,6]",
    "model.hidden=8",
)
LAUNCHERS = {
    "basic": ("hydra/launcher=basic",),
    "joblib": ("hydra/launcher=joblib", f"hydra.launcher.n_jobs={SIDE_BY_SIDE}"),
    "local": (f"hydra.launcher.n_jobs={SIDE_BY_SIDE}",),
    "ray": ("hydra/launcher=ray",),
    "submitit_local": (
        "hydra/launcher=submitit_local",
        f"hydra.launcher.array_parallelism={SIDE_BY_SIDE}",
    ),
}


class Stamped(Basic):
    """Writes down when its first training step begins; CLOCK_MONOTONIC is one for all processes."""

    def forward(self, pairs: Tensor) -> Prediction:
        if self.training and not hasattr(self, "began"):
            self.began = time.monotonic()
            with open(os.environ[STEPS], "a") as file:
                file.write(f"{self.began}\n")
        return super().forward(pairs)


def launcher(name: str, outputs: Path) -> None:
    """A sweep of 200 jobs, as typed."""
    steps = outputs / "steps"
    outputs.mkdir()
    words = command("project.train", outputs, *STAMPED, "-m", f"seed=range({JOBS})")
    typed = time.monotonic()
    subprocess.run(
        [*words, *LAUNCHERS[name]],
        check=True,
        capture_output=True,
        env=os.environ | {STEPS: str(steps)},
    )
    ended = time.monotonic()
    assert len(run_directories(outputs)) == JOBS
    began = sorted(float(line) for line in steps.read_text().splitlines())
    further = (began[-1] - began[0]) / (JOBS - 1)
    print(
        f"{name}: first step after {began[0] - typed:.1f} s, {further:.3f} s for each further job, "
        f"{ended - began[-1]:.1f} s from the last job's first step to the end; "
        f"{ended - typed:.1f} s for {JOBS} jobs",
        flush=True,
    )


def composition(outputs: Path, variants: int, seeds: int) -> None:
    """Seconds and bytes of each job of a grid."""
    folders = (f"paths.outputs={outputs}", f"paths.data={outputs}")
    grid = [
        (f"++optimizer.lr={1 + variant / 1000}", f"seed={seed}")
        for variant in range(variants)
        for seed in range(seeds)
    ]
    with hydra.initialize_config_dir(str(CONF)):
        loader = GlobalHydra.instance().config_loader()
        words = [f"++{word}" if "." in word else word for word in STAMPED]
        config = loader.load_configuration("train", [*words, *folders], RunMode.MULTIRUN)
        began = time.perf_counter()
        jobs = compose_grid(loader, config, grid, TrainExperiment())
        seconds = time.perf_counter() - began
        tracemalloc.start()
        jobs = compose_grid(loader, config, grid[: min(len(grid), 1000)], TrainExperiment())
        size, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    print(
        f"composing {variants} variants x {seeds} seeds: {1e3 * seconds / len(grid):.2f} ms a job, "
        f"{size / len(jobs) / 1e3:.1f} kB a job",
        flush=True,
    )


def finding(outputs: Path, variants: int, seeds: int) -> None:
    """Seconds to make the directories of runs, and to find them completed."""
    began = time.perf_counter()
    for number, config in enumerate(made_up_configs(variants)):
        write_variant(outputs, config, 0.02 + 0.3 * number / variants, seeds)
    made = time.perf_counter() - began
    began = time.perf_counter()
    directories = [path for path in outputs.glob("runs/*/seed_*") if completed_record(path)]
    seconds = time.perf_counter() - began
    runs = len(directories)
    assert runs == variants * seeds
    files = [path for directory in directories for path in directory.iterdir()]
    print(
        f"{runs} runs: {1e3 * made / runs:.2f} ms to make each of them up, "
        f"{1e3 * seconds / runs:.3f} ms to find each completed, {len(files)} files",
        flush=True,
    )


def main() -> None:
    what, *names = sys.argv[1:] or ["slopes"]
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as folder:
        if what == "launchers":
            for name in names or LAUNCHERS:
                launcher(name, Path(folder) / name)
            return
        for variants, seeds in ((10, 100), (100, 100)):
            composition(Path(folder), variants, seeds)
        for variants, seeds in ((10, 100), (100, 100)):
            finding(Path(folder) / f"{variants}", variants, seeds)


if __name__ == "__main__":
    main()
