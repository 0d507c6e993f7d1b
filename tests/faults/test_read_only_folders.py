"""Where a user may not write, nothing begins, and what is there can be read."""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from project.runs.directory import COMPLETED, INTERRUPTED
from project.train import make_plan
from tests.faults.real_runs import composed, train

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


def test_a_read_only_output_folder_is_named_with_what_to_do(
    tmp_path: Path, ordinary_user: Sequence[str], read_only: Callable[[Path], None]
) -> None:
    outputs = tmp_path / "outputs"
    outputs.mkdir()
    read_only(outputs)
    refused = train(outputs, prefix=ordinary_user)
    assert refused.returncode == 3
    assert refused.stderr == (
        f"error: Permission denied ({outputs / 'runs'}); check the folder's rights and its free "
        "space, or choose another paths.outputs or paths.data\n"
    )
    assert list(outputs.iterdir()) == []


def plant(outputs: Path, status: str, **facts: Any) -> Path:
    """The directory of the command's run, with a record of that status in it."""
    plan = make_plan(composed(outputs))
    with plan.directory.locked():
        sources = {"data": vars(plan.data)}
        plan.directory.begin(plan.values, sources, rerun=False)
        plan.directory.write(status, sources, **facts)
    return plan.directory.path


def test_a_completed_run_can_be_read_where_nothing_can_be_written(
    tmp_path: Path, ordinary_user: Sequence[str], read_only: Callable[[Path], None]
) -> None:
    facts = {"metrics": {"test/error": 0.25}, "parameters": 9, "seconds": {"training": 1.0}}
    directory = plant(tmp_path / "outputs", COMPLETED, **facts)
    for folder in (directory, directory.parent):
        read_only(folder)
    found = train(tmp_path / "outputs", prefix=ordinary_user)
    assert found.returncode == 0, found.stderr
    assert ": already completed, test error 25.00 %, 9 parameters" in found.stdout


def test_an_unfinished_run_cannot_go_on_where_nothing_can_be_written(
    tmp_path: Path, ordinary_user: Sequence[str], read_only: Callable[[Path], None]
) -> None:
    directory = plant(tmp_path / "outputs", INTERRUPTED)
    lock = directory.with_name(".seed=0.lock")
    lock.unlink()
    for folder in (directory, directory.parent):
        read_only(folder)
    before = (directory / "run.json").read_bytes()
    refused = train(tmp_path / "outputs", prefix=ordinary_user)
    assert refused.returncode == 3
    assert refused.stderr.startswith(f"error: Permission denied ({lock}); check the folder's")
    assert (directory / "run.json").read_bytes() == before
