"""Completed runs of a second, made in this process."""

from pathlib import Path

from project.composition import compose_values
from project.train import make_plan
from tests.commands import SMALL


def train_here(outputs: Path, *words: str) -> Path:
    """The directory of a completed run of project.train, on the small budget."""
    folders = (f"paths.outputs={outputs}", f"paths.data={outputs / 'data'}")
    plan = make_plan(compose_values("train", [*SMALL, "dashboard.images=false", *words, *folders]))
    with plan.directory.locked():
        plan.carry_out()
    return plan.directory.path
