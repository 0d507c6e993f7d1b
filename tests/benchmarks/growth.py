"""What more pairs and more runs cost: a flat line is what one hopes for."""

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.commands import TRAIN, paths_of
from tests.benchmarks.steps import train_run
from tests.benchmarks.timing import ROOT, Ratio, seconds_of, take_turns

FEW, MANY = 1_000, 30_000


def seconds_per_pair(root: Path, pairs: int, epochs: int) -> float:
    """Training seconds per pair that went through the net, one thread."""
    words = [f"data.train_pairs={pairs}", "data.val_pairs=0", f"trainer.max_epochs={epochs}"]
    return train_run(root, *words)["seconds"]["training"] / (pairs * epochs)


def pairs_ratio(root: Path, rounds: int) -> Ratio:
    """Microseconds per pair with 30,000 training pairs beside 1,000; as many pairs in all."""
    epochs = MANY // FEW
    return take_turns(
        f"a pair among {MANY:,} beside one among {FEW:,}",
        lambda: 1e6 * seconds_per_pair(root, MANY, 1),
        lambda: 1e6 * seconds_per_pair(root, FEW, epochs),
        rounds,
        limit=1.10,
        unit="us",
    )


def memory_ratio(root: Path) -> Ratio:
    """Largest memory of a run's process with 30,000 pairs beside 1,000, in MB."""

    def megabytes(pairs: int) -> float:
        with tempfile.TemporaryDirectory() as outputs:
            words = (
                *TRAIN,
                f"data.train_pairs={pairs}",
                "data.val_pairs=0",
                "trainer.max_epochs=1",
                *paths_of(outputs, root),
            )
            code = (
                "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, "
                "stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL); "
                "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
            )
            done = subprocess.run(
                (sys.executable, "-c", code, *words),
                cwd=ROOT,
                check=True,
                capture_output=True,
                text=True,
            )
            return int(done.stdout) / 1024

    return take_turns(
        f"memory of a run, {MANY:,} pairs beside {FEW:,}",
        lambda: megabytes(MANY),
        lambda: megabytes(FEW),
        1,
        limit=None,
        unit="MB",
    )


def runs_ratio(root: Path, few: int = 10, many: int = 1_000) -> Ratio:
    """Seconds per run of a sweep of 1,000 tiny runs beside one of 10, start-up included."""

    def per_run(runs: int) -> float:
        with tempfile.TemporaryDirectory() as outputs:
            words = (
                "-m",
                f"seed=range({runs})",
                "data.train_pairs=40",
                "data.val_pairs=20",
                "data.test_pairs=20",
                "trainer.max_epochs=1",
            )
            return seconds_of((*TRAIN, *words, *paths_of(outputs, root))) / runs

    return take_turns(
        f"a run among {many:,} beside one among {few}",
        lambda: per_run(many),
        lambda: per_run(few),
        1,
        limit=None,
    )
