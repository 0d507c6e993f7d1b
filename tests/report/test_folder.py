"""A report takes its place whole: whatever stops it, the old one or the new one stands there."""

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from project.report import folder as folder_module
from project.report.folder import exchange, new_report
from project.runs.directory import RefusedError
from tests.commands import ROOT

FILES = ("index.html", "figures/seeds.svg")


def write(folder: Path, content: str) -> None:
    for name in FILES:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content)


def make(outputs: Path, content: str) -> None:
    with new_report(outputs) as folder:
        write(folder, content)


def content_of(outputs: Path) -> set[str]:
    """What stands in the report's files: one word if it is whole."""
    return {(outputs / "report" / name).read_text() for name in FILES}


def left_behind(outputs: Path) -> list[str]:
    return sorted(path.name for path in outputs.iterdir() if path.name != ".report.lock")


def without_exchange(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_module, "exchange", lambda one, other: False)


@pytest.fixture(params=["exchange", "two renames"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "two renames":
        without_exchange(monkeypatch)
    return request.param


def test_a_report_replaces_the_one_before_and_nothing_is_left_behind(
    tmp_path: Path, way: str
) -> None:
    for content in ("first", "second", "third"):
        make(tmp_path, content)
        assert content_of(tmp_path) == {content}
        assert left_behind(tmp_path) == ["report"]


def test_files_of_the_old_report_do_not_stay(tmp_path: Path, way: str) -> None:
    make(tmp_path, "old")
    (tmp_path / "report/figures/another.svg").touch()
    make(tmp_path, "new")
    assert [path.name for path in (tmp_path / "report/figures").iterdir()] == ["seeds.svg"]


def test_an_error_while_writing_leaves_the_old_report(tmp_path: Path) -> None:
    make(tmp_path, "old")

    def fail() -> None:
        with new_report(tmp_path) as folder:
            (folder / "index.html").write_text("new")
            raise OSError(errno.ENOSPC, "the disk is full")

    with pytest.raises(OSError, match="full"):
        fail()
    assert content_of(tmp_path) == {"old"}
    assert left_behind(tmp_path) == ["report"]


def test_two_folders_change_places_in_one_step(tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    if not exchange(tmp_path / "one", tmp_path / "other"):
        pytest.skip("this file system cannot exchange folders")
    assert (tmp_path / "one/other").exists()
    assert (tmp_path / "other/one").exists()


def test_a_failed_exchange_is_an_error_that_names_the_folder(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    if sys.platform != "linux":
        pytest.skip("errors as Linux gives them")
    with pytest.raises(FileNotFoundError, match="other"):
        exchange(tmp_path / "one", tmp_path / "other")


# The steps between which a process may be killed: each is one call to the operating system.
KILLED = """
import os, shutil, signal, sys
from pathlib import Path
from project.report import folder
outputs, step, plain = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "two renames"
if plain:
    folder.exchange = lambda one, other: False
calls = [0]

def counted(function):
    def call(*words, **named):
        calls[0] += 1
        if calls[0] == step:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*words, **named)
    return call

for place, name in (
    (Path, "mkdir"), (Path, "rename"), (Path, "write_text"), (folder, "exchange"),
    (folder, "sync_directory"), (os, "fsync"), (os, "unlink"), (os, "rmdir"),
):
    setattr(place, name, counted(getattr(place, name)))
with folder.new_report(outputs) as new:
    (new / "index.html").write_text("new")
    (new / "figures").mkdir()
    (new / "figures/seeds.svg").write_text("new")
print("done", calls[0])
"""


def run_killed(outputs: Path, step: int, way: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", KILLED, str(outputs), str(step), way],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=ROOT,
    )


@pytest.mark.parametrize("kill_way", ["exchange", "two renames"])
def test_killed_at_any_step_the_old_or_the_new_report_is_whole(
    tmp_path: Path, kill_way: str
) -> None:
    make(tmp_path / "whole", "old")
    done = run_killed(tmp_path / "whole", 0, kill_way)
    assert done.stdout.startswith("done"), done.stderr
    steps = int(done.stdout.split()[1])
    assert steps > 8
    seen = set()
    for step in range(1, steps + 1):
        outputs = tmp_path / str(step)
        make(outputs, "old")
        assert run_killed(outputs, step, kill_way).returncode == -signal.SIGKILL
        if kill_way == "two renames" and not (outputs / "report").exists():
            # The old one has stepped aside: it is whole there, and comes back.
            assert (outputs / ".report.old/index.html").read_text() == "old"
            with pytest.raises(ZeroDivisionError), new_report(outputs):
                raise ZeroDivisionError
        (content,) = content_of(outputs)
        seen.add(content)
        make(outputs, "next")
        assert content_of(outputs) == {"next"}
        assert left_behind(outputs) == ["report"]
    assert seen == {"old", "new"}


def test_if_the_second_rename_fails_the_old_report_comes_back_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_exchange(monkeypatch)
    make(tmp_path, "old")
    rename: Callable[..., Path] = Path.rename

    def failing(self: Path, target: Any) -> Path:
        if self.name == ".report.new":
            raise OSError(errno.EIO, "broken disk")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(OSError, match="broken disk"):
        make(tmp_path, "new")
    assert content_of(tmp_path) == {"old"}


def test_two_reports_at_once_are_refused(tmp_path: Path) -> None:
    make(tmp_path, "old")
    with new_report(tmp_path) as folder:
        write(folder, "new")
        with pytest.raises(RefusedError, match="another process is writing"):
            make(tmp_path, "second")
    assert content_of(tmp_path) == {"new"}


def test_somebodys_own_files_are_not_replaced(tmp_path: Path) -> None:
    make(tmp_path, "old")
    (tmp_path / "report/notes.txt").write_text("mine")
    with pytest.raises(RefusedError, match=r"holds what no report wrote.*: notes\.txt; move"):
        make(tmp_path, "new")
    assert content_of(tmp_path) == {"old"}
    assert (tmp_path / "report/notes.txt").read_text() == "mine"


@pytest.mark.parametrize("kind", ["file", "link"])
def test_what_is_no_folder_is_not_replaced(tmp_path: Path, kind: str) -> None:
    outputs = tmp_path / "outputs"
    outputs.mkdir()
    (tmp_path / "elsewhere").mkdir()
    if kind == "file":
        (outputs / "report").touch()
    else:
        (outputs / "report").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RefusedError, match="is no folder"):
        make(outputs, "new")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_everything_but_tensorboards_curves_is_made_durable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(
        os,
        "fsync",
        lambda descriptor: synced.append(Path(f"/proc/self/fd/{descriptor}").readlink()),
    )
    with new_report(tmp_path) as folder:
        write(folder, "new")
        (folder / "tensorboard/arm").mkdir(parents=True)
        (folder / "tensorboard/arm/events").touch()
    aside = tmp_path / ".report.new"
    expected = [aside, aside / "figures", *(aside / name for name in FILES), tmp_path]
    assert sorted(synced) == sorted(expected)
