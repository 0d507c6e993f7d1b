"""A report takes its place whole: whatever stops it, the old one or the new one stands there."""

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from project.config.errors import ConflictError
from project.report.folder import new_report

ROOT = Path(__file__).parents[2]
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


def test_a_report_replaces_the_one_before_and_nothing_is_left_behind(tmp_path: Path) -> None:
    for content in ("first", "second", "third"):
        make(tmp_path, content)
        (tmp_path / "report/figures/another.svg").touch()
        assert content_of(tmp_path) == {content}
        assert left_behind(tmp_path) == ["report"]
    make(tmp_path, "last")
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


# The steps between which a process may be killed: each is one call to the operating system. One
# process tries them all, each in a child of its own.
KILLED = """
import os, signal, sys
from pathlib import Path
from project.report import folder
from project.runs import atomic
outputs = Path(sys.argv[1])

def counted(function, step, calls):
    def call(*words, **named):
        calls[0] += 1
        if calls[0] == step:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*words, **named)
    return call

def make(step, place, content):
    calls = [0]
    places = ((Path, "mkdir"), (Path, "rename"), (Path, "write_text"),
              (atomic, "sync_directory"), (os, "unlink"), (os, "rmdir"))
    if step is not None:
        for owner, name in places:
            setattr(owner, name, counted(getattr(owner, name), step, calls))
    with folder.new_report(place) as new:
        (new / "index.html").write_text(content)
        (new / "figures").mkdir()
        (new / "figures/seeds.svg").write_text(content)
    return calls[0]

for step in range(1, 100):
    place = outputs / str(step)
    make(None, place, "old")
    child = os.fork()
    if child == 0:
        make(step, place, "new")
        os._exit(7)
    status = os.waitpid(child, 0)[1]
    if os.waitstatus_to_exitcode(status) == 7:
        print(step)
        break
"""


def test_killed_at_any_step_the_old_or_the_new_report_is_whole(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path)],
        capture_output=True, text=True, timeout=120, cwd=ROOT,
    )  # fmt: skip
    steps = int(done.stdout) - 1
    assert steps > 8, done.stderr
    seen = set()
    for step in range(1, steps + 1):
        outputs = tmp_path / str(step)
        if not (outputs / "report").exists():
            # The old one has stepped aside: it is whole there, and what comes next puts it back.
            assert (outputs / ".report.old/index.html").read_text() == "old"
            with pytest.raises(ZeroDivisionError), new_report(outputs):
                raise ZeroDivisionError
        (content,) = content_of(outputs)
        seen.add(content)
        make(outputs, "next")
        assert content_of(outputs) == {"next"}
        assert left_behind(outputs) == ["report"]
    assert seen == {"old", "new"}


def test_two_reports_at_once_are_refused(tmp_path: Path) -> None:
    make(tmp_path, "old")
    with new_report(tmp_path) as folder:
        write(folder, "new")
        with pytest.raises(ConflictError, match="another process is writing"):
            make(tmp_path, "second")
    assert content_of(tmp_path) == {"new"}


def test_somebodys_own_files_are_not_replaced(tmp_path: Path) -> None:
    make(tmp_path, "old")
    (tmp_path / "report/notes.txt").write_text("mine")
    with pytest.raises(
        ConflictError,
        match=r"would be replaced, but holds files that no report wrote: notes\.txt; move",
    ):
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
    with pytest.raises(ConflictError, match="is a file or a link, not a folder"):
        make(outputs, "new")
    assert list((tmp_path / "elsewhere").iterdir()) == []
