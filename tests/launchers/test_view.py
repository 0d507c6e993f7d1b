"""What is shown of a sweep, on a terminal and elsewhere."""

import io
import re
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from project.launchers import progress, view
from project.launchers.experiment import Job
from project.launchers.view import SweepView
from tests.launchers.odd_jobs import odd_job


def job(number: int, label: str = "", seed: int = 0, **config: Any) -> Job:
    made = odd_job(Path("outputs"), seed, "nothing", label, **config)
    return Job(number, (), label, made.spec)


def record(error: float, seconds: float = 10.0) -> dict[str, Any]:
    return {
        "metrics": {"val/error": error, "test/error": 0.987},
        "seconds": {"training": 1.25, "session": seconds},
    }


def terminal(width: int = 80, height: int = 30) -> Console:
    return Console(
        file=io.StringIO(),
        force_terminal=True,
        width=width,
        height=height,
        highlight=False,
        markup=False,
    )


def printed(console: Console) -> str:
    """Without colours and cursor movements."""
    assert isinstance(console.file, io.StringIO)
    return re.sub(r"\x1b\[[?0-9;]*[A-Za-z]", "", console.file.getvalue())


def display(shown: SweepView, console: Console) -> list[str]:
    """The lines of the live display at this moment."""
    clear(console)
    console.print(shown)
    return [line.rstrip() for line in printed(console).splitlines()]


def clear(console: Console) -> None:
    assert isinstance(console.file, io.StringIO)
    console.file.seek(0)
    console.file.truncate()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, in its one element."""
    now = [100.0]
    for module in (view, progress):
        monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


GRID = [job(seed, "optimizer.lr=0.1", seed) for seed in range(2)] + [
    job(2 + seed, "optimizer.lr=0.2", seed) for seed in range(2)
]
FIRST, SECOND = (GRID[place].directory.parent.name for place in (0, 2))


def test_off_a_terminal_there_is_a_line_for_each_finished_job(
    capsys: pytest.CaptureFixture[str],
) -> None:
    shown = SweepView(GRID)
    shown.ended("skipped", GRID[0], record(0.25))
    shown.begin()
    for each in GRID[1:]:
        shown.started(each)
    shown.ended("done", GRID[1], record(0.5))
    shown.failed(GRID[2], "ValueError: no", Path("the.log"))
    shown.ended("interrupted", GRID[3])
    shown.finish()
    output, errors = capsys.readouterr()
    assert [line.rstrip() for line in output.splitlines()[:-1]] == [
        f"[2/4] {FIRST}/seed_1 (optimizer.lr=0.1): val error 50.00 %, 1.2 s",
        f"[3/4] {SECOND}/seed_0 (optimizer.lr=0.2): FAILED, ValueError: no",
        f"[4/4] {SECOND}/seed_1 (optimizer.lr=0.2): interrupted",
        " variant                          n  mean val error      std",
        f" optimizer.lr=0.1 {FIRST}    2         37.50 %  17.68 %",
        f" optimizer.lr=0.2 {SECOND}  0/2               -        -",
    ]
    assert re.fullmatch(
        r"1 done, 1 skipped, 1 failed, 1 interrupted; \d\.\d s", output.splitlines()[-1]
    )
    assert errors == (
        f"FAILED {SECOND}/seed_0 (optimizer.lr=0.2): ValueError: no\n       log: the.log\n"
    )
    assert "98.7" not in output  # the test examples have no say


def test_the_tasks_own_metric_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    auc = job(0, metric={"name": "auc", "direction": "max"})
    shown = SweepView([auc])
    shown.begin()
    shown.started(auc)
    shown.ended("done", auc, record(0.25) | {"metrics": {"val/auc": 0.87654, "val/error": 0.25}})
    shown.finish()
    output = capsys.readouterr().out
    assert "seed_0: val auc 0.8765, 1.2 s" in output
    assert "mean val auc" in output
    assert "25" not in output.split("auc")[1]


def test_a_terminal_shows_counts_jobs_and_metrics_and_is_never_higher_or_wider(
    clock: list[float],
) -> None:
    console = terminal()
    shown = SweepView(GRID, console)
    shown.side_by_side = 2
    shown.ended("skipped", GRID[0], record(0.25, seconds=60))
    shown.started(GRID[1])
    shown.started(GRID[2])
    lines = display(shown, console)
    # Three jobs of a minute each, two at a time.
    assert lines[0].endswith("1 skipped, 2 running  about 1:30 left")
    assert [line.split() for line in lines[1:]] == [
        ["running", "epoch", "left"],
        [f"{FIRST}/seed_1", "(optimizer.lr=0.1)", "-", "-"],
        [f"{SECOND}/seed_0", "(optimizer.lr=0.2)", "-", "-"],
        ["variant", "n", "mean", "val", "error", "std"],
        ["optimizer.lr=0.1", FIRST, "1/2", "25.00", "%", "-"],
        ["optimizer.lr=0.2", SECOND, "0/2", "-", "-"],
    ]
    assert max(map(len, lines)) <= 80


def test_the_counts_are_one_line_however_narrow_the_terminal_is(clock: list[float]) -> None:
    console = terminal(width=20)
    shown = SweepView(GRID, console)
    shown.ended("skipped", GRID[0], record(0.25))
    shown.finish()
    assert printed(console).splitlines()[-1] == "0 done, 1 skipped, 3 not started; 0.0 s"


def test_nothing_jumps_when_jobs_come_and_go(clock: list[float]) -> None:
    console = terminal()
    shown = SweepView(GRID, console)
    shown.side_by_side = 2
    before = display(shown, console)
    for each in GRID[:2]:
        shown.started(each)
    shown.ended("done", GRID[0], record(0.25))
    after = display(shown, console)
    assert len(before) == len(after)
    heading = next(line for line in before if "variant" in line)
    assert after[before.index(heading)] == heading


def test_many_variants_scroll_with_the_work(clock: list[float]) -> None:
    console = terminal(height=12)
    jobs = [job(number, f"optimizer.lr={number}") for number in range(40)]
    shown = SweepView(jobs, console)
    assert display(shown, console)[-1] == " ... 0 above, 34 below"
    for each in jobs[:20]:
        shown.ended("skipped", each, record(0.5))
    lines = display(shown, console)
    assert len(lines) < 12
    assert lines[-7].split()[0] == "optimizer.lr=20"
    assert lines[-1] == " ... 20 above, 14 below"
    for each in jobs[20:]:
        shown.ended("skipped", each, record(0.5))
    clear(console)
    shown.finish()
    assert printed(console).count("optimizer.lr=") == 40


@pytest.mark.parametrize("live", [True, False])
def test_a_long_label_hides_no_number(clock: list[float], live: bool) -> None:
    console = terminal(80)
    long = "model=ws_al_bn_do model.dropout_conv=0.1 model.dropout_fc=0.2 optimizer.lr=0.001"
    jobs = [job(0, long)]
    shown = SweepView(jobs, console)
    shown.ended("skipped", jobs[0], record(0.125))
    if live:
        text = "\n".join(display(shown, console))
    else:
        shown.finish()
        text = printed(console)
        assert all(word in re.sub(r"\s+", " ", text) for word in long.split())
    assert max(map(len, text.splitlines())) <= 80
    assert "12.50 %" in text


def test_values_in_brackets_are_shown_as_they_are() -> None:
    console = terminal()
    jobs = [job(0, "optimizer.betas=[0.9,0.99]")]
    shown = SweepView(jobs, console)
    shown.begin()
    shown.started(jobs[0])
    shown.failed(jobs[0], "no [bold]way", Path("log"))
    shown.finish()
    assert "optimizer.betas=[0.9,0.99]): FAILED, no [bold]way" in printed(console)


def test_the_time_left_goes_by_variants_and_falls_between_events(clock: list[float]) -> None:
    shown = SweepView(GRID, terminal())
    shown.side_by_side = 2
    assert shown.seconds_left() is None
    shown.ended("skipped", GRID[0], record(0.1, seconds=10))
    assert shown.seconds_left() == pytest.approx(3 * 10 / 2)
    shown.started(GRID[2])
    shown.ended("done", GRID[2], record(0.1, seconds=100))
    assert shown.seconds_left() == pytest.approx((10 + 100) / 2)
    shown.started(GRID[3])
    clock[0] += 20
    assert shown.seconds_left() == pytest.approx((10 + 80) / 2)
    clock[0] += 1000
    assert shown.seconds_left() == pytest.approx(10 / 2)


def write_epochs(directory: Path, count: int) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    rows = "".join(f"{epoch},0.1,0.5\n" for epoch in range(1, count + 1))
    (directory / "history.csv").write_text("epoch,lr,val/error\n" + rows)


def test_a_running_job_shows_its_epoch_and_when_it_will_be_done(
    tmp_path: Path, clock: list[float]
) -> None:
    """Also one that goes on with the epochs that it has."""
    console = terminal()
    made = [
        odd_job(tmp_path, seed, "nothing", trainer={"max_epochs": 30}).spec for seed in range(4)
    ]
    jobs = [Job(number, (), "", spec) for number, spec in enumerate(made)]
    write_epochs(jobs[1].directory, 10)
    shown = SweepView(jobs, console)
    shown.side_by_side = 2
    for each in jobs[:2]:
        shown.started(each)

    def rows() -> list[list[str]]:
        return [line.split()[1:] for line in display(shown, console)[2:4]]

    assert rows() == [["-", "-"], ["10/30", "-"]]
    for epochs in (2, 6):
        clock[0] += 20
        write_epochs(jobs[0].directory, epochs)
        write_epochs(jobs[1].directory, 10 + epochs)
        found = rows()
    # Four epochs in 20 seconds.
    assert found == [["6/30", "2:00"], ["16/30", "1:10"]]
    clock[0] += 5
    assert rows() == [["6/30", "1:55"], ["16/30", "1:05"]]
    # Runs of 45 seconds so far and what is left, two at a time: there are no others yet.
    expected = (115 + 65 + 2 * ((45 + 115) + (45 + 65)) / 2) / 2
    assert shown.seconds_left() == pytest.approx(expected)


@pytest.mark.parametrize("content", [b"", b"epoch,lr\n", b"\xff\xfe", b"epoch,lr\n7,0.1\nhal"])
def test_a_history_that_cannot_be_read_is_no_progress(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "history.csv").write_bytes(content)
    assert progress.last_epoch(tmp_path) == 0
    assert progress.last_epoch(tmp_path / "nowhere") == 0


def test_a_thousand_skipped_runs_are_one_line_for_each_variant() -> None:
    console = terminal()
    jobs = [job(seed, seed=seed) for seed in range(1000)]
    shown = SweepView(jobs, console)
    for each in jobs:
        shown.ended("skipped", each, record(0.5))
    shown.finish()
    lines = printed(console).splitlines()
    assert len(lines) == 3
    variant = jobs[0].directory.parent.name
    assert lines[1].split() == [variant, "1000", "50.00", "%", "0.00", "%"]
    assert lines[2].startswith("0 done, 1000 skipped; ")


def test_a_run_locked_elsewhere_is_told_once_and_counts_as_skipped(
    capsys: pytest.CaptureFixture[str],
) -> None:
    shown = SweepView([job(0)])
    for _ in range(3):
        shown.started(job(0))
        shown.locked(job(0), "process 7 on host")
    shown.ended("skipped", job(0), record(0.5))
    shown.finish()
    output = capsys.readouterr().out
    assert output.count("/seed_0: waits for process 7 on host, which works on it") == 1
    assert "0 done, 1 skipped" in output
