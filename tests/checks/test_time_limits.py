"""How many batches fit into a time limit."""

import math
from typing import Any

import pytest

from project.checks.probe import Probe
from project.checks.session import Session


def session(**batches: int | None) -> Session:
    nothing: Any = None
    made = Session(nothing, nothing, nothing, batches=batches)
    made.first = Probe(step_seconds=[9.0], evaluation_seconds=[0.5])
    return made


def test_seconds_are_medians_of_the_short_training_else_of_the_first_step() -> None:
    found = session()
    assert (found.step_seconds, found.evaluation_seconds) == (9.0, 0.5)
    found.short = Probe(step_seconds=[0.1, 5.0, 0.1], evaluation_seconds=[0.2, 0.2, 3.0])
    assert (found.step_seconds, found.evaluation_seconds) == (0.1, 0.2)
    found.first = found.short = Probe()
    assert (found.step_seconds, found.evaluation_seconds) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("stage", "seconds", "least", "count"),
    [
        ("train", 27.0, 1, 3),
        ("train", 1.0, 1, 1),
        ("train", 1.0, 4, 4),
        ("train", 1.0, 20, 5),  # there are no more
        ("train", math.inf, 1, 5),
        ("val", 3.0, 1, 6),
        ("val", math.inf, 1, 10**6),  # their number is unknown
    ],
)
def test_batches_are_as_many_as_fit_as_are_needed_and_as_there_are(
    stage: str, seconds: float, least: int, count: int
) -> None:
    assert session(train=5, val=None).affordable(stage, seconds, least) == count
