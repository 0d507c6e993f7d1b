"""Claims: a sweep of hours is told of project.check, once."""

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from project.launchers.view import SweepView


def job(number: int, command: str) -> Any:
    """A job of one variant, as far as a view looks at it."""
    spec = SimpleNamespace(config={}, command=command)
    return SimpleNamespace(
        number=number, label="", spec=spec, directory=Path(f"runs/ws_al-0/seed_{number}")
    )


@pytest.mark.parametrize(
    ("command", "seconds", "is_told"),
    [("train", 2700.0, True), ("train", 899.0, False), ("disk", 1e6, False)],
)
def test_only_long_sweeps_of_nets_are_told_and_once(
    command: str, seconds: float, is_told: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs = [job(number, command) for number in range(5)]
    view = SweepView(jobs, Console(file=io.StringIO()))
    record = {"metrics": {}, "seconds": {"training": seconds, "session": seconds}}
    for each in jobs[:3]:
        view.started(each)
        view.ended("done", each, record)
    told = capsys.readouterr().err
    assert told.count("the runs will take about 3.0 hours more: `python -m project.check`") == (
        is_told
    )
    assert bool(told) is is_told
