"""Jobs end each in their own way, and the pool says which."""

import multiprocessing.forkserver as forkserver
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from project.launchers import pool as pools
from project.launchers import processes
from project.launchers.grid import Job
from project.launchers.pool import Ended, SweepInterrupted
from project.launchers.processes import ProcessPool
from project.refusing import ConfigurationError
from tests.launchers.odd_jobs import ACTS


def job(folder: Path, number: int, act: str) -> Job:
    directory = folder / "runs" / "arm" / f"seed={number}"
    return Job(number, (), "", {"act": act, "directory": str(directory)}, directory)


def pool(jobs: int = 4, timeout_minutes: float | None = None) -> ProcessPool:
    module = "tests.launchers.odd_jobs"
    return ProcessPool((module, "act"), jobs, timeout_minutes, preload=[module])


def run(folder: Path, *acts: str, timeout_minutes: float | None = None) -> dict[str, Ended]:
    """How the job of each act ended."""
    jobs = [job(folder, number, act) for number, act in enumerate(acts)]
    ended = pool(timeout_minutes=timeout_minutes).run(jobs, started=lambda job: None)
    return {each.job.values["act"]: each for each in ended}


@pytest.mark.parametrize(
    ("act", "exit_code", "reason"),
    [
        ("nothing", 0, "done"),
        ("raise", 1, "in two lines"),
        ("explain", 3, "RuntimeError: a message for the user in two lines"),
        ("exit 0", 0, "exit code 0"),
        ("exit 7", 7, "exit code 7"),
        ("segfault", -signal.SIGSEGV, "killed by SIGSEGV"),
        ("kill", -signal.SIGKILL, "killed by SIGKILL"),
        ("exhaust memory", 1, "MemoryError"),
    ],
)
def test_a_job_ends_as_it_likes_and_harms_no_other(
    tmp_path: Path, act: str, exit_code: int, reason: str
) -> None:
    ended = run(tmp_path, act, "nothing") if act != "nothing" else run(tmp_path, act)
    assert (ended[act].exit_code, ended[act].reason()) == (exit_code, reason)
    assert ended["nothing"].exit_code == 0


def test_every_way_to_end_is_tried() -> None:
    """Those that take their time have tests of their own below."""
    (tried,) = (
        mark.args[1]
        for mark in test_a_job_ends_as_it_likes_and_harms_no_other.pytestmark  # type: ignore[attr-defined]
    )
    assert {act for act, _, _ in tried} | {"hang", "hang deaf", "held once"} == ACTS.keys()


def test_a_job_that_runs_out_of_time_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked first, and killed if it does not listen."""
    monkeypatch.setattr(processes, "GRACE_SECONDS", 0.5)
    ended = run(tmp_path, "hang", "hang deaf", "nothing", timeout_minutes=4 / 60)
    for act, number in (("hang", signal.SIGTERM), ("hang deaf", signal.SIGKILL)):
        assert ended[act].reason() == "ran past hydra.launcher.timeout_minutes"
        assert ended[act].exit_code == -number
    assert ended["nothing"].exit_code == 0


def test_a_log_holds_what_was_printed_in_the_order_of_printing(tmp_path: Path) -> None:
    lines = run(tmp_path, "raise")["raise"].log.read_text().splitlines()
    assert lines[0] == "printed before the error"
    assert lines[1] == "Process job-0:"
    assert lines[-2:] == ["ValueError: a mistake", "in two lines"]


def test_an_attempt_leaves_the_log_of_the_one_before_and_has_its_own_reason(
    tmp_path: Path,
) -> None:
    run(tmp_path, "raise")
    again = run(tmp_path, "exit 7")["exit 7"]
    assert "ValueError: a mistake" in again.log.read_text()
    assert again.reason() == "exit code 7"


def test_a_log_that_another_sweep_has_removed_is_no_obstacle(tmp_path: Path) -> None:
    ended = run(tmp_path, "exit 7")["exit 7"]
    ended.log.unlink()
    assert ended.reason() == "exit code 7"


def test_a_run_that_is_held_is_tried_again_after_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "HELD_SECONDS", 0.1)
    jobs = [job(tmp_path, 0, "held once"), job(tmp_path, 1, "nothing")]
    ended = list(pool(jobs=1).run(jobs, started=lambda job: None))
    assert [(each.job.number, each.held) for each in ended] == [(0, True), (1, False), (0, False)]
    assert ended[-1].exit_code == 0


class UnsendableError(Exception):
    """Cannot be made of its message alone, which is how errors travel."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(first + second)


def leave_pid(file: Path, then: str) -> None:
    """A check that leaves its process's number, and then ends as it is told."""
    with file.open("a") as pids:
        print(os.getpid(), file=pids)
    if then == "refuse":
        raise ConfigurationError("a mistake")
    if then == "raise what cannot be sent":
        raise UnsendableError("a ", "mistake")
    if then == "kill" and len(file.read_text().split()) == 1:
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_check_is_made_where_the_jobs_are_and_raises_what_it_raises(tmp_path: Path) -> None:
    pool().check(leave_pid, tmp_path / "pids", "be content")
    with pytest.raises(ConfigurationError) as refused:
        pool().check(leave_pid, tmp_path / "pids", "refuse")
    assert str(refused.value) == "a mistake"
    assert "in leave_pid" in refused.value.__notes__[0]
    pids = (tmp_path / "pids").read_text().split()
    assert len(pids) == 2
    assert str(os.getpid()) not in pids


def test_a_check_of_which_nothing_is_heard_is_made_here(tmp_path: Path) -> None:
    with pytest.raises(UnsendableError):
        pool().check(leave_pid, tmp_path / "unsendable", "raise what cannot be sent")
    pool().check(leave_pid, tmp_path / "killed", "kill")
    for pids in tmp_path.iterdir():
        first, second = pids.read_text().split()
        assert first != second == str(os.getpid())


def test_the_fork_server_is_started_again_when_it_dies(tmp_path: Path) -> None:
    jobs = [job(tmp_path, 0, "hang"), job(tmp_path, 1, "nothing")]

    def kill_server(started: Job) -> None:
        if started.number == 0:
            pid = forkserver._forkserver._forkserver_pid  # type: ignore[attr-defined]
            os.kill(pid, signal.SIGKILL)

    ended = list(pool(jobs=1).run(jobs, started=kill_server))
    assert [(each.job.number, each.exit_code == 0) for each in ended] == [(0, False), (1, True)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_reaches_also_a_job_that_has_just_begun(
    tmp_path: Path, number: signal.Signals
) -> None:
    """It finds the job's process before a line of it has run, and is not lost."""
    jobs = [job(tmp_path, each, "hang") for each in range(3)]

    def interrupt(started: Job) -> None:
        if started.number == 1:
            os.kill(os.getpid(), number)

    ended: list[Ended] = []
    with pytest.raises(SweepInterrupted) as interrupted:
        ended.extend(pool(jobs=2).run(jobs, started=interrupt))
    assert interrupted.value.exit_code == 128 + number
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_signal_kills_jobs_that_do_not_listen(tmp_path: Path) -> None:
    def interrupt_twice() -> None:
        while not list(tmp_path.glob("runs/*/deaf")):
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGINT)

    waiting = pool().run(
        [job(tmp_path, 0, "hang deaf")],
        started=lambda job: threading.Thread(target=interrupt_twice).start(),
    )
    assert next(waiting).exit_code == -signal.SIGKILL
    with pytest.raises(SweepInterrupted):
        next(waiting)
