"""Whole commands as a user types them, from process start to exit."""

import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.benchmarks.timing import Ratio, seconds_of, take_turns

PYTHON = sys.executable
TRAIN = (PYTHON, "-m", "project.train")
# Ends the process at the moment at which the run's first update of the weights is made. Before it
# a batch is tried out, when there is no run yet.
FIRST_STEP = """
import glob, os, runpy, sys, torch
step = torch.optim.Adadelta.step
def first_step(*given, **named):
    if glob.glob(sys.argv[-1].partition("=")[2] + "/runs/*/*/run.json"):
        os._exit(0)
    return step(*given, **named)
torch.optim.Adadelta.step = first_step
runpy.run_module("project.train", run_name="__main__", alter_sys=True)
"""
OTHERS = {
    "a plain PyTorch script": ("tests.benchmarks.plain_sweep", 0.85),
    "Lightning with its defaults": ("tests.benchmarks.lightning_sweep", 0.50),
}


def paths_of(outputs: str, root: Path) -> tuple[str, str]:
    return f"paths.data={root}", f"paths.outputs={outputs}"


def our_sweep(root: Path, seeds: int) -> float:
    """Seconds of the sweep over `seeds` seeds in an empty output folder."""
    with tempfile.TemporaryDirectory() as outputs:
        return seconds_of((*TRAIN, "-m", f"seed=range({seeds})", *paths_of(outputs, root)))


def their_sweep(module: str, root: Path, seeds: int) -> float:
    """Seconds of the same nets, one after the other."""
    with tempfile.TemporaryDirectory() as folder:
        return seconds_of((PYTHON, "-m", module, str(root), str(seeds)), Path(folder))


def sweep_ratios(root: Path, rounds: int, seeds: int = 10) -> list[Ratio]:
    """Ten nets of the report's best model, ours beside a student's two ways."""
    ours, theirs = [], {name: [] for name in OTHERS}
    for _ in range(rounds):
        ours.append(our_sweep(root, seeds))
        for name, (module, _) in OTHERS.items():
            theirs[name].append(their_sweep(module, root, seeds))
    return [
        Ratio.of(f"{seeds} nets beside {name}", ours, theirs[name], "s", limit)
        for name, (_, limit) in OTHERS.items()
    ]


def importing(modules: str) -> Callable[[], float]:
    return lambda: seconds_of((PYTHON, "-c", f"import {modules}"))


def start_ratios(root: Path, rounds: int) -> list[Ratio]:
    """How long until something happens, beside the imports that it cannot do without."""
    with tempfile.TemporaryDirectory() as outputs:
        paths = paths_of(outputs, root)
        finished = (*TRAIN, "model=basic", "trainer.max_epochs=1", *paths)
        seconds_of(finished)
        with tempfile.TemporaryDirectory() as other:
            first_step = (PYTHON, "-c", FIRST_STEP, *paths_of(other, root))
            return [
                take_turns(
                    "--help beside import torch",
                    lambda: seconds_of((*TRAIN, "--help")),
                    importing("torch"),
                    rounds,
                    limit=0.5,
                ),
                take_turns(
                    "first step beside import torch, pytorch_lightning",
                    lambda: _of_a_new_run(first_step, Path(other)),
                    importing("torch, pytorch_lightning"),
                    rounds,
                    limit=1.3,
                ),
                take_turns(
                    "skipping a finished run beside import torch",
                    lambda: seconds_of(finished),
                    importing("torch"),
                    rounds,
                    limit=0.6,
                ),
            ]


def _of_a_new_run(words: Sequence[str], outputs: Path) -> float:
    seconds = seconds_of(words)
    shutil.rmtree(outputs / "runs")
    return seconds
