"""Commands typed in this process, and a run of a fraction of a second: a tiny net, few digits."""

import contextlib
import importlib
import io
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

# Beside the fixture `small_mnist`, which serves synthetic digits to this process.
SMALL = (
    "model=basic",
    "model.channels=[4,6]",
    "model.hidden=8",
    "data=mnist_pairs",
    "data.train_pairs=40",
    "data.val_pairs=20",
    "data.test_pairs=20",
    "data.batch_size=20",
    "trainer.max_epochs=2",
    "checkpoints.max_overhead=1",
    "callbacks.pictures=null",
    "logger=none",
)

# The same of a net that draws noise, has batch statistics and names the digits.
SIAMESE = (
    "model=ws_al_bn_do",
    "model.channels=[4,6]",
    "model.hidden_digit=8",
    "model.hidden_comparison=7",
    *(word for word in SMALL if not word.startswith("model")),
)


# Images to be classified: real ones, which need no network.
IMAGES = (
    "task=image_classification",
    "data=digits8x8",
    "data.train_images=60",
    "data.val_images=30",
    "data.test_images=40",
    "data.batch_size=20",
    "model=mlp",
    "model.hidden=[8]",
    "trainer.max_epochs=2",
    "checkpoints.max_overhead=1",
    "logger=none",
)


@dataclass(frozen=True)
class CommandEnd:
    """What a user sees of a command that has ended."""

    exit_code: int
    output: str
    errors: str


def type_command(module: str, *words: str) -> CommandEnd:
    """Type `python -m <module> <words>` in this process; a bug is raised."""
    output, errors = io.StringIO(), io.StringIO()
    code: Any = 0
    program = ["python", "-m", module, *words]
    with (
        contextlib.redirect_stdout(output),
        contextlib.redirect_stderr(errors),
        mock.patch.object(sys, "argv", [module, *words]),
        mock.patch.object(sys, "orig_argv", program),
    ):
        try:
            importlib.import_module(module).main()
        except SystemExit as exit_:
            code = exit_.code or 0
    return CommandEnd(code, output.getvalue(), errors.getvalue())


def run_small(outputs: Path, *words: str) -> CommandEnd:
    """Carry out the small run, or one that differs from it in `words`."""
    return type_command("project.train", *SMALL, f"paths.outputs={outputs}", *words)


def run_siamese(outputs: Path, *words: str) -> CommandEnd:
    """Carry out the small run of a net that names the digits."""
    return type_command("project.train", *SIAMESE, f"paths.outputs={outputs}", *words)


def run_images(outputs: Path, *words: str) -> CommandEnd:
    """Carry out the small run of a net that classifies images."""
    return type_command("project.train", *IMAGES, f"paths.outputs={outputs}", *words)


def run_directories(outputs: Path) -> list[Path]:
    """Return the run directories under an output folder, sorted."""
    return sorted(path for path in outputs.glob("runs/*/seed_*") if path.is_dir())


def only_run(outputs: Path) -> Path:
    """Return the directory of the one run under an output folder."""
    (directory,) = run_directories(outputs)
    return directory


def record(directory: Path) -> dict[str, Any]:
    """Return what run.json says."""
    return json.loads((directory / "run.json").read_text())
