"""Jobs end each in their own way, and the pool says which."""

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from project.config.errors import ConfigurationError
from project.launchers import pool as pools
from project.launchers.experiment import Job
from project.launchers.local import processes
from project.launchers.local.processes import CheckError, ProcessPool
from project.launchers.pool import JobEnd, SweepInterrupted
from tests.launchers.odd_jobs import ACTS, PRELOAD, TASK, odd_job


def pool(jobs: int = 4, timeout_minutes: float | None = None) -> ProcessPool:
    return ProcessPool(TASK, jobs, timeout_minutes, PRELOAD)


def run(folder: Path, *acts: str, timeout_minutes: float | None = None) -> dict[str, JobEnd]:
    """How the job of each act ended."""
    jobs = [odd_job(folder, number, act) for number, act in enumerate(acts)]
    ended = pool(timeout_minutes=timeout_minutes).run(jobs, started=lambda job: None)
    return {each.job.spec.config["act"]: each for each in ended}


ENDS = {
    "nothing": (0, "done"),
    "raise": (1, "in two lines"),
    "explain": (3, "ExplainedError: a message for the user in two lines"),
    "exit 0": (0, "exit code 0"),
    "exit 7": (7, "exit code 7"),
    "segfault": (-signal.SIGSEGV, "killed by SIGSEGV"),
    "kill": (-signal.SIGKILL, "killed by SIGKILL"),
    "exhaust memory": (1, "MemoryError"),
}


def test_jobs_end_as_they_like_and_harm_no_other(tmp_path: Path) -> None:
    ended = run(tmp_path, *ENDS)
    assert {act: (end.exit_code, end.reason()) for act, end in ended.items()} == ENDS
    # Those that take their time or look around have tests of their own.
    assert ENDS.keys() | {"hang", "hang deaf", "locked once", "show gpus"} == ACTS.keys()


def test_a_job_that_runs_out_of_time_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked first, and killed if it does not listen."""
    monkeypatch.setattr(processes, "GRACE_SECONDS", 0.2)
    ended = run(tmp_path, "hang", "hang deaf", "nothing", timeout_minutes=1.5 / 60)
    for act, number in (("hang", signal.SIGTERM), ("hang deaf", signal.SIGKILL)):
        assert ended[act].reason() == "ran past hydra.launcher.timeout_minutes"
        assert ended[act].exit_code == -number
    assert ended["nothing"].exit_code == 0


def test_a_log_holds_all_attempts_and_each_has_its_own_reason(tmp_path: Path) -> None:
    lines = run(tmp_path, "raise")["raise"].log.read_text().splitlines()
    assert lines[0] == "printed before the error"
    assert lines[1] == "Process job-0:"
    assert lines[-2:] == ["ValueError: a mistake", "in two lines"]
    again = run(tmp_path, "exit 7")["exit 7"]
    assert again.log.read_text().splitlines() == lines
    assert again.reason() == "exit code 7"
    again.log.unlink()  # another sweep may have removed it
    assert again.reason() == "exit code 7"


def test_a_run_that_is_locked_is_tried_again_after_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "LOCKED_SECONDS", 0.1)
    jobs = [odd_job(tmp_path, 0, "locked once"), odd_job(tmp_path, 1, "nothing")]
    ended = list(pool(jobs=1).run(jobs, started=lambda job: None))
    assert [(each.job.number, each.locked) for each in ended] == [
        (0, True),
        (1, False),
        (0, False),
    ]
    assert ended[-1].exit_code == 0


class UnsendableError(Exception):
    """Cannot be made of its message alone, which is how errors travel."""

    exit_code = 3

    def __init__(self, first: str, second: str) -> None:
        super().__init__(first + second)


def leave_pid(file: Path, then: str) -> None:
    """A check that leaves its process's number, and then ends as it is told."""
    file.write_text(str(os.getpid()))
    if then == "refuse":
        raise ConfigurationError("a mistake")
    if then == "raise what cannot be sent":
        raise UnsendableError("a ", "mistake")
    if then == "exit":
        sys.exit(0)
    if then == "kill":
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_check_is_made_where_the_jobs_are_and_raises_what_it_raises(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    pool().check(leave_pid, file, "be content")
    assert int(file.read_text()) != os.getpid()
    with pytest.raises(ConfigurationError) as refused:
        pool().check(leave_pid, file, "refuse")
    assert str(refused.value) == "a mistake"
    assert "in leave_pid" in refused.value.__notes__[0]


WITHOUT_RESULT = "the process that tried a batch of each variant ended without a result"


@pytest.mark.parametrize(
    ("then", "exit_code", "message"),
    [
        ("raise what cannot be sent", 3, "UnsendableError: a mistake"),
        ("exit", 1, f"{WITHOUT_RESULT} (exit code 0)"),
        ("kill", 1, f"{WITHOUT_RESULT} (killed by SIGKILL)"),
    ],
)
def test_a_check_that_ends_its_process_is_an_error_and_no_more(
    tmp_path: Path, then: str, exit_code: int, message: str
) -> None:
    with pytest.raises(CheckError) as failed:
        pool().check(leave_pid, tmp_path / "pid", then)
    assert failed.value.exit_code == exit_code
    assert str(failed.value).startswith(message)


def server() -> int:
    """The process from which jobs are forked: the child of this one that has forked them."""
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    (found,) = (
        int(pid)
        for pid in children
        if b"multiprocessing.forkserver" in Path(f"/proc/{pid}/cmdline").read_bytes()
    )
    return found


@pytest.mark.faults
def test_the_fork_server_is_started_again_when_it_dies(tmp_path: Path) -> None:
    jobs = [odd_job(tmp_path, 0, "hang"), odd_job(tmp_path, 1, "nothing")]

    def kill_server(started: Job) -> None:
        if started.number == 0:
            os.kill(server(), signal.SIGKILL)

    ended = list(pool(jobs=1).run(jobs, started=kill_server))
    assert [(each.job.number, each.exit_code == 0) for each in ended] == [(0, False), (1, True)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_reaches_also_a_job_that_has_just_begun(
    tmp_path: Path, number: signal.Signals
) -> None:
    """It finds the job's process before a line of it has run, and is not lost."""
    jobs = [odd_job(tmp_path, each, "hang") for each in range(3)]
    before = signal.getsignal(number)

    def interrupt(started: Job) -> None:
        if started.number == 1:
            os.kill(os.getpid(), number)

    with pytest.raises(SweepInterrupted) as interrupted:
        list(pool(jobs=2).run(jobs, started=interrupt))
    assert interrupted.value.exit_code == 128 + number
    assert signal.getsignal(number) is before


def test_a_second_signal_kills_jobs_that_do_not_listen(tmp_path: Path) -> None:
    def interrupt_twice() -> None:
        while not list(tmp_path.glob("runs/*/deaf")):
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGINT)

    waiting = pool().run(
        [odd_job(tmp_path, 0, "hang deaf")],
        started=lambda job: threading.Thread(target=interrupt_twice).start(),
    )
    assert next(waiting).exit_code == -signal.SIGKILL
    with pytest.raises(SweepInterrupted):
        next(waiting)
