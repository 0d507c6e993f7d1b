"""Runs of the real command on few real digits, and what they should come to."""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from project.command import CONFIGURATION_FOLDER
from tests.commands import SMALL, command

# Its checkpoints are of 0.85 MB.
WORDS = ("model=basic", *SMALL)


def train(
    outputs: Path, *words: str, prefix: Sequence[str] = (), **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run `python -m project.train` to its end; prefix: a program that starts it."""
    return subprocess.run(
        [*prefix, *command("project.train", outputs, *WORDS, *words)],
        capture_output=True,
        text=True,
        timeout=240,
        **options,
    )


def composed(outputs: Path, *words: str) -> dict[str, Any]:
    """The configuration of `train(outputs, *words)`."""
    folders = [f"paths.outputs={outputs}", f"paths.data={outputs / 'data'}"]
    overrides = [*WORDS, *words, *folders]
    with initialize_config_dir(str(CONFIGURATION_FOLDER), version_base="1.3"):
        values: Any = OmegaConf.to_container(compose("train", overrides=overrides), resolve=True)
    return values
