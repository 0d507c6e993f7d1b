"""What is shown of a search while it works."""

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from project.launchers import progress
from project.launchers.optuna import view
from project.launchers.optuna.view import SearchView
from tests.launchers.odd_jobs import odd_job


def shown(search: SearchView, console: Console) -> list[str]:
    assert isinstance(console.file, io.StringIO)
    console.file.seek(0)
    console.file.truncate()
    console.print(search)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_a_terminal_shows_trials_the_best_the_jobs_and_the_time_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    for module in (view, progress):
        monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    console = Console(file=io.StringIO(), width=80, highlight=False, markup=False)
    jobs = [odd_job(tmp_path, seed, "nothing", trainer={"max_epochs": 9}) for seed in (100, 101)]
    search = SearchView(trials=10, ended=4, console=console)
    search.side_by_side = 2
    search.begin()
    search.started(jobs[0])
    lines = shown(search, console)
    assert lines[0].endswith("4/10 trials")
    assert lines[1].split() == ["running", "epoch", "left"]
    assert lines[2].split() == [f"{jobs[0].directory.parent.name}/seed_100", "-", "-"]
    assert len(lines) == 4  # a row for each job that may run
    now[0] = 30.0
    search.ended("done", jobs[0], {})
    search.trial_ended("trial 4 complete", "best val/error 0.25000")
    now[0] = 40.0
    lines = shown(search, console)
    assert lines[0].endswith("5/10 trials  best val/error 0.25000  about 2:20 left")
    assert len(lines) == 4


def test_off_a_terminal_there_is_a_line_for_each_trial_and_its_failed_jobs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job = odd_job(tmp_path, 100, "nothing")
    found: dict[str, Any] = {}
    with SearchView(trials=2, ended=0) as search:
        search.begin()
        search.started(job)
        search.failed(job, "ValueError: no", Path("the.log"))
        search.ended("skipped", job, found)
        search.finish()
        search.trial_ended("[1/2] trial 0 failed", "")
    output, errors = capsys.readouterr()
    assert output == "[1/2] trial 0 failed\n"
    name = f"{job.directory.parent.name}/seed_100"
    assert errors == f"FAILED {name}: ValueError: no\n       log: the.log\n"
