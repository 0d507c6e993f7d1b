"""What is shown of a sweep, on a terminal and elsewhere."""

import io
import re
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from project.launchers import view
from project.launchers.grid import Job
from project.launchers.view import SweepView


def job(number: int, arm: str = "", seed: int = 0) -> Job:
    folder = f"net-{arm[-3:] or 'abc'}"
    return Job(number, (), arm, {}, Path("outputs/runs") / folder / f"seed={seed}")


def record(error: float, seconds: float = 10.0) -> dict[str, Any]:
    return {"metrics": {"test/error": error}, "seconds": {"training": 1.25, "session": seconds}}


def terminal(width: int = 80) -> Console:
    return Console(
        file=io.StringIO(), force_terminal=True, width=width, highlight=False, markup=False
    )


def printed(console: Console) -> str:
    """Without colours and cursor movements."""
    assert isinstance(console.file, io.StringIO)
    return re.sub(r"\x1b\[[?0-9;]*[A-Za-z]", "", console.file.getvalue())


GRID = [job(seed, "optimizer.lr=0.1", seed) for seed in range(2)] + [
    job(2 + seed, "optimizer.lr=0.2", seed) for seed in range(2)
]


def test_off_a_terminal_there_is_a_line_for_each_finished_job(
    capsys: pytest.CaptureFixture[str],
) -> None:
    shown = SweepView(GRID)
    shown.skipped(GRID[0], record(0.25))
    shown.begin()
    for each in GRID[1:]:
        shown.started(each)
    shown.done(GRID[1], record(0.5))
    shown.failed(GRID[2], "ValueError: no", Path("the.log"))
    shown.interrupted(GRID[3])
    shown.finish()
    output, errors = capsys.readouterr()
    assert [line.rstrip() for line in output.splitlines()[:-1]] == [
        "[2/4] net-0.1/seed=1 (optimizer.lr=0.1): test error 50.00 %, 1.2 s",
        "[3/4] net-0.2/seed=0 (optimizer.lr=0.2): FAILED, ValueError: no",
        "[4/4] net-0.2/seed=1 (optimizer.lr=0.2): interrupted",
        " arm                         n  mean test error  deviation",
        " optimizer.lr=0.1 net-0.1    2          37.50 %    17.68 %",
        " optimizer.lr=0.2 net-0.2  0/2                -          -",
    ]
    assert re.fullmatch(
        r"1 done, 1 skipped, 1 failed, 1 interrupted; \d\.\d s", output.splitlines()[-1]
    )
    assert errors == (
        "FAILED net-0.2/seed=0 (optimizer.lr=0.2): ValueError: no\n       log: the.log\n"
    )


def test_an_arm_is_named_by_its_folder_if_it_is_the_only_one() -> None:
    console = terminal()
    jobs = [job(0), job(1, seed=1)]
    shown = SweepView(jobs, console)
    shown.skipped(jobs[0], record(0.25))
    shown.finish()
    assert " net-abc  1/2" in printed(console)


@pytest.mark.parametrize("width", [80, 120])
def test_a_terminal_shows_counts_time_left_and_errors_so_far(
    width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view.time, "monotonic", lambda: 100.0)
    console = terminal(width)
    shown = SweepView(GRID, console)
    shown.side_by_side = 2
    shown.skipped(GRID[0], record(0.25, seconds=60))
    shown.started(GRID[1])
    shown.started(GRID[2])
    console.print(shown._render())
    lines = [line.rstrip() for line in printed(console).splitlines()]
    # Three jobs of a minute each, two at a time.
    assert lines[0].endswith("1 skipped, 2 running  about 1:30 left")
    assert lines[1:] == [
        " arm                         n  mean test error  deviation",
        " optimizer.lr=0.1 net-0.1  1/2          25.00 %          -",
        " optimizer.lr=0.2 net-0.2  0/2                -          -",
    ]


def test_a_long_name_of_an_arm_is_folded_and_hides_no_number() -> None:
    console = terminal(80)
    long = "model=ws_al_bn_do model.dropout_conv=0.1 model.dropout_fc=0.2 optimizer.lr=0.001"
    jobs = [job(0, long)]
    shown = SweepView(jobs, console)
    shown.skipped(jobs[0], record(0.125))
    console.print(shown._render())
    text = printed(console)
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "12.50 %" in text
    assert all(word in re.sub(r"\s+", " ", text) for word in long.split())


def test_values_in_brackets_are_shown_as_they_are() -> None:
    console = terminal()
    jobs = [job(0, "optimizer.betas=[0.9,0.99]")]
    shown = SweepView(jobs, console)
    shown.begin()
    shown.failed(jobs[0], "no [bold]way", Path("log"))
    shown.finish()
    assert "optimizer.betas=[0.9,0.99]): FAILED, no [bold]way" in printed(console)


def test_the_time_left_goes_by_arms_and_falls_between_events(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 0.0
    monkeypatch.setattr(view.time, "monotonic", lambda: now)
    shown = SweepView(GRID, terminal())
    shown.side_by_side = 2
    assert shown.seconds_left() is None
    shown.skipped(GRID[0], record(0.1, seconds=10))
    assert shown.seconds_left() == pytest.approx(3 * 10 / 2)
    shown.done(GRID[2], record(0.1, seconds=100))
    assert shown.seconds_left() == pytest.approx((10 + 100) / 2)
    now = 20.0
    assert shown.seconds_left() == pytest.approx((10 + 100) / 2 - 20)
    now = 1000.0
    assert shown.seconds_left() == 0


def test_a_thousand_skipped_runs_are_one_line_for_each_arm() -> None:
    console = terminal()
    jobs = [job(seed, seed=seed) for seed in range(1000)]
    shown = SweepView(jobs, console)
    for each in jobs:
        shown.skipped(each, record(0.5))
    shown.finish()
    lines = printed(console).splitlines()
    assert len(lines) == 3
    assert lines[1].split() == ["net-abc", "1000", "50.00", "%", "0.00", "%"]
    assert lines[2].startswith("0 done, 1000 skipped; ")


def test_a_run_held_elsewhere_is_told_once_and_counts_as_skipped(
    capsys: pytest.CaptureFixture[str],
) -> None:
    shown = SweepView([job(0)])
    for _ in range(3):
        shown.started(job(0))
        shown.held(job(0), "process 7 on host")
    shown.skipped(job(0), record(0.5))
    shown.finish()
    output = capsys.readouterr().out
    assert output.count("net-abc/seed=0: waits for process 7 on host, which works on it") == 1
    assert "0 done, 1 skipped" in output
