"""A run's directory travels whole, and what was tampered with is not used."""

import errno
import shutil
from pathlib import Path

import pytest

from project.config.errors import ConflictError
from project.runs import atomic
from project.runs.archive import ArchivedFile, CorruptArchiveError, pack, unpack
from project.runs.atomic import finish_replacement, replacing_directory
from project.runs.lock import locked
from tests.faults.failing_disk import FailingDisk


def make(directory: Path, **files: str) -> Path:
    directory.mkdir(parents=True)
    for name, text in files.items():
        (directory / name.replace("_", ".", 1)).write_text(text)
    return directory


def texts(directory: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in directory.iterdir()}


def test_a_directory_is_the_same_at_the_other_end(tmp_path: Path) -> None:
    sent = make(tmp_path / "node" / "seed_0", run_json="{}", last_ckpt="w", history_csv="a\n")
    unpack(pack(sent), tmp_path / "driver" / "seed_0")
    assert texts(tmp_path / "driver" / "seed_0") == texts(sent)
    assert [path.name for path in (tmp_path / "driver").iterdir()] == ["seed_0"]


def test_it_takes_the_place_of_what_was_there(tmp_path: Path) -> None:
    old = make(tmp_path / "seed_0", run_json="old", gone_txt="")
    unpack({"run.json": ArchivedFile.of(b"new")}, old)
    assert texts(old) == {"run.json": "new"}
    assert [path.name for path in tmp_path.iterdir()] == ["seed_0"]


def test_checkpoints_are_read_before_what_follows_from_them(tmp_path: Path) -> None:
    directory = make(tmp_path / "seed_0", history_csv="", last_ckpt="", a_txt="", previous_ckpt="")
    assert list(pack(directory)) == ["last.ckpt", "previous.ckpt", "a.txt", "history.csv"]


def test_files_that_are_being_written_stay_behind(tmp_path: Path) -> None:
    directory = make(tmp_path / "seed_0", run_json="{}")
    (directory / ".last.ckpt.17.tmp").write_text("half")
    assert list(pack(directory)) == ["run.json"]


@pytest.mark.parametrize("kind", ["link", "folder", "hidden"])
def test_what_is_no_plain_file_is_refused_by_its_path(tmp_path: Path, kind: str) -> None:
    directory = make(tmp_path / "seed_0", run_json="{}")
    odd = directory / (".odd" if kind == "hidden" else "odd")
    if kind == "link":
        odd.symlink_to("/etc/passwd")
    elif kind == "folder":
        odd.mkdir()
    else:
        odd.touch()
    with pytest.raises(ConflictError, match=f"{odd} is not a regular file with a plain name"):
        pack(directory)


@pytest.mark.parametrize(
    "name", ["../escaped", "/tmp/escaped", "a/b", "..", ".", "", ".hidden", "a\0b", "a\nb"]
)
def test_a_name_that_leads_elsewhere_is_not_used(tmp_path: Path, name: str) -> None:
    old = make(tmp_path / "runs" / "seed_0", run_json="old")
    with pytest.raises(CorruptArchiveError, match="which is not allowed; the run was not stored"):
        unpack({"run.json": ArchivedFile.of(b"new"), name: ArchivedFile.of(b"")}, old)
    assert texts(old) == {"run.json": "old"}
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]


def test_a_flipped_bit_is_noticed_and_nothing_is_used(tmp_path: Path) -> None:
    old = make(tmp_path / "seed_0", run_json="old")
    good = ArchivedFile.of(b"weights")
    with pytest.raises(CorruptArchiveError, match=r"last\.ckpt was damaged on the way"):
        unpack(
            {
                "last.ckpt": ArchivedFile(b"weighty", good.sha256),
                "run.json": ArchivedFile.of(b"new"),
            },
            old,
        )
    assert texts(old) == {"run.json": "old"}


KINDS = ["write", "fsync", "rename"]


@pytest.mark.parametrize("there", [True, False], ids=["over an old one", "where nothing was"])
@pytest.mark.parametrize("kind", KINDS)
def test_whichever_call_fails_the_directory_is_the_old_one_or_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, there: bool
) -> None:
    archive = {"run.json": ArchivedFile.of(b"new"), "last.ckpt": ArchivedFile.of(b"newer")}
    old, new = {"run.json": "old"} if there else {}, {"run.json": "new", "last.ckpt": "newer"}
    directory = tmp_path / "seed_0"
    disk = FailingDisk(tmp_path, monkeypatch)
    for number in range(1, 100):
        disk.work()
        shutil.rmtree(directory, ignore_errors=True)
        if there:
            make(directory, run_json="old")
        disk.fail(kind, number, errno.ENOSPC, lasting=True)
        failed = None
        try:
            unpack(archive, directory)
        except OSError as error:
            failed = error
        disk.work()
        if failed is None:
            break
        assert failed.filename is not None
        with locked(directory):  # as whoever goes on does
            assert (texts(directory) if directory.exists() else {}) in (old, new)
        assert sorted(path.name for path in tmp_path.iterdir() if "lock" not in path.name) in (
            ["seed_0"],
            [],
        )
    assert number > 2
    assert texts(directory) == new


class Killed(BaseException):
    """The process is gone; nothing of it runs any more."""


@pytest.mark.parametrize("killed_at", ["mkdir", "old aside", "new in place"])
def test_a_kill_at_any_moment_leaves_one_of_the_two_to_be_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_at: str
) -> None:
    directory = make(tmp_path / "seed_0", run_json="old")
    renames = []
    rename = Path.rename

    def counted(path: Path, target: Path) -> Path:
        renames.append(target)
        if killed_at == "new in place" and len(renames) == 2:
            raise Killed
        result = rename(path, target)
        if killed_at == "old aside" and len(renames) == 1:
            raise Killed
        return result

    def replace() -> None:
        with replacing_directory(directory) as coming:
            (coming / "run.json").write_text("new")
            if killed_at == "mkdir":
                raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", counted)
        patch.setattr(atomic, "finish_replacement", lambda directory: None)
        with pytest.raises(Killed):
            replace()
    found = texts(directory) if directory.exists() else None
    assert found == ({"run.json": "old"} if killed_at == "mkdir" else None)
    finish_replacement(directory)
    assert texts(directory) == {"run.json": "old" if killed_at == "mkdir" else "new"}
    assert [path.name for path in tmp_path.iterdir()] == ["seed_0"]
