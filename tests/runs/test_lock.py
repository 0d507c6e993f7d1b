"""One process works on a run at a time; one that has died is no obstacle."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from project.runs.lock import holder, lock_path, locked
from project.runs.record import RunLockedError

HOLDER = """
import sys, time
from pathlib import Path
from project.runs.lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "runs" / "m-01234567" / "seed_0"


@pytest.fixture
def other(directory: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process, which works on the run in `directory`."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(directory)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_run_that_another_process_works_on_is_refused_naming_it(
    directory: Path, other: subprocess.Popen[str]
) -> None:
    named = f"process {other.pid} on {socket.gethostname()}"
    assert holder(directory) == named
    with pytest.raises(RunLockedError) as error, locked(directory):
        pass
    assert str(error.value) == f"{directory} is being worked on by {named}; wait for it, or stop it"
    assert error.value.exit_code == 4
    lock_path(directory).write_text("")  # it has not written its name yet
    with pytest.raises(RunLockedError, match=r"process \? on \?"), locked(directory):
        pass
    other.send_signal(signal.SIGKILL)
    other.wait()
    with locked(directory):
        pass


def test_a_lock_is_given_back_also_after_an_error(directory: Path) -> None:
    def fail() -> None:
        with locked(directory):
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    with locked(directory), locked(directory.with_name("seed_1")):
        pass


def test_a_replacement_that_was_interrupted_is_finished_under_the_lock(directory: Path) -> None:
    old = directory.with_name(f".{directory.name}.old")
    old.mkdir(parents=True)
    (old / "run.json").write_text("old")
    with locked(directory):
        assert (directory / "run.json").read_text() == "old"
    assert not old.exists()
