"""Claims: a sweep of hours is told of project.check, once."""

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from project.launchers.suggestion import suggest_check
from project.launchers.view import SweepView


def job(number: int) -> Any:
    """A job of one variant, as far as a view looks at it."""
    spec = SimpleNamespace(config={}, command="train")
    return SimpleNamespace(
        number=number, label="", spec=spec, directory=Path(f"runs/ws_al-0/seed_{number}")
    )


@pytest.mark.parametrize(
    ("command", "seconds", "is_told"),
    [
        ("train", 3 * 3600.0, True),
        ("train", 3599.0, False),
        ("train", None, False),
        ("disk", 1e6, False),
    ],
)
def test_only_long_sweeps_of_nets_are_told(
    command: str, seconds: float | None, is_told: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    suggest_check(command, seconds)
    told = capsys.readouterr().err
    assert (
        told.startswith("the runs will take about 3.0 hours more: `python -m project.check`")
        is is_told
    )
    assert bool(told) is is_told


def test_a_sweep_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    jobs = [job(number) for number in range(5)]
    view = SweepView(jobs, Console(file=io.StringIO()))
    record = {"metrics": {}, "seconds": {"training": 2000.0, "session": 2000.0}}
    for each in jobs[:3]:
        view.started(each)
        view.done(each, record)
    assert capsys.readouterr().err.count("project.check") == 1
