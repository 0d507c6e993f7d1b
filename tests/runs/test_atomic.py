"""A file is the old one or the new one, never a mixture."""

import errno
import os
import stat
from pathlib import Path

import pytest

from project.runs import atomic
from project.runs.atomic import replacing, write_text


def test_a_text_is_written_in_utf_8_and_leaves_no_other_file(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "größer ≤\n")
    assert (tmp_path / "a.txt").read_bytes() == "größer ≤\n".encode()
    write_text(tmp_path / "a.txt", "new")
    assert (tmp_path / "a.txt").read_bytes() == b"new"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


class Killed(BaseException):
    """As KeyboardInterrupt: no Exception."""


def test_an_exception_in_the_block_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def interrupted() -> None:
        with replacing(path) as file:
            file.write(b"half of the n")
            raise Killed

    with pytest.raises(Killed):
        interrupted()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_failing_disk_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def fail(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(*(atomic.os, "fsync") if call == "fsync" else (Path, "replace"), fail)
    with pytest.raises(OSError, match="No space left") as error:
        write_text(path, "new")
    assert error.value.filename == str(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_bytes_are_on_the_disk_before_the_name_and_the_name_before_the_return(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")
    seen: list[tuple[str, str]] = []
    fsync = os.fsync

    def spy(descriptor: int) -> None:
        kind = "directory" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"
        seen.append((kind, path.read_text()))
        fsync(descriptor)

    monkeypatch.setattr(atomic.os, "fsync", spy)
    write_text(path, "new")
    assert seen == [("file", "old"), ("directory", "new")]


def test_a_link_is_replaced_and_what_it_leads_to_stays(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("theirs")
    link = tmp_path / "link"
    link.symlink_to(outside)
    write_text(link, "ours")
    assert not link.is_symlink()
    assert (link.read_text(), outside.read_text()) == ("ours", "theirs")


def test_what_stands_in_the_place_of_the_temporary_file_is_not_written_to(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("theirs")
    planted = tmp_path / f".a.txt.{os.getpid()}.tmp"
    planted.symlink_to(outside)
    write_text(tmp_path / "a.txt", "ours")
    assert (outside.read_text(), (tmp_path / "a.txt").read_text()) == ("theirs", "ours")
    assert not planted.is_symlink()
