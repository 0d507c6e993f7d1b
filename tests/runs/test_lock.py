"""One process works on a run at a time, and a dead one is no obstacle."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from project.runs.lock import holder, lock_path, locked, log_path
from project.runs.record import RunLockedError
from tests.commands import ROOT


def test_a_run_that_is_locked_is_refused_and_its_holder_named(tmp_path: Path) -> None:
    directory = tmp_path / "variant" / "seed_0"
    with locked(directory), pytest.raises(RunLockedError) as refused, locked(directory):
        pass
    process = f"process {os.getpid()} on {socket.gethostname()}"
    assert str(refused.value) == (
        f"{directory} is being worked on by {process}; wait for it, or stop it"
    )
    assert refused.value.exit_code == 4
    with locked(directory), locked(directory.with_name("seed_1")):
        assert holder(directory) == process


DIES = """
import os, sys
from pathlib import Path
from project.runs.lock import locked
with locked(Path(sys.argv[1])):
    os._exit(9)
"""


def test_the_lock_goes_with_its_process(tmp_path: Path) -> None:
    directory = tmp_path / "seed_0"
    ended = subprocess.run([sys.executable, "-c", DIES, str(directory)], cwd=ROOT)
    assert ended.returncode == 9
    assert lock_path(directory).exists()
    with locked(directory):
        assert holder(directory).startswith(f"process {os.getpid()} on ")


@pytest.mark.parametrize("content", [b"", b"17", b"\xff\xfe", b"1 2 3"])
def test_a_lock_file_that_is_being_written_names_nobody(tmp_path: Path, content: bytes) -> None:
    directory = tmp_path / "seed_0"
    lock_path(directory).write_bytes(content)
    assert holder(directory) == "process ? on ?"


def test_lock_and_log_lie_beside_the_directory(tmp_path: Path) -> None:
    directory = tmp_path / "seed_0"
    assert lock_path(directory) == tmp_path / ".seed_0.lock"
    assert log_path(directory) == tmp_path / ".seed_0.log"


def test_what_a_killed_process_has_left_of_a_replacement_is_finished(tmp_path: Path) -> None:
    directory = tmp_path / "seed_0"
    (tmp_path / ".seed_0.old").mkdir()
    (tmp_path / ".seed_0.coming").mkdir()
    (tmp_path / ".seed_0.coming" / "run.json").write_text("new")
    with locked(directory):
        assert (directory / "run.json").read_text() == "new"
    assert sorted(path.name for path in tmp_path.iterdir()) == [".seed_0.lock", "seed_0"]
