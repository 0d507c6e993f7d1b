"""Files and directories that are written whole or not at all, whatever dies in between.

Temporary file in the same directory, fsync, `os.replace`, fsync of the directory: a reader (or a
machine that comes back from a power cut) sees the old bytes or the new ones, never a mixture. The
temporary file stands in the same directory because a rename is atomic only within a file system.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

TEMPORARY = ".tmp"  # how the names of files end that are being written


def sync_directory(directory: Path) -> None:
    """Make the names in `directory` durable."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def name_path(error: OSError, path: Path) -> None:
    """Let `error` say which path it is about, which the system leaves out where a write fails."""
    # One without a number has a message of its own, which a file name would hide.
    if error.errno is not None and error.filename is None:
        error.filename = str(path)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A binary file that takes the place of `path` when the block ends without an exception.

    Raises OSError naming `path`.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}{TEMPORARY}")
    try:
        # What a killed process of the same number left; "x" would never follow a link.
        temporary.unlink(missing_ok=True)
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_directory(path.parent)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            name_path(error, path)
        raise


def write_bytes(path: Path, content: bytes) -> None:
    """Put `content` into `path`, whole or not at all."""
    with replacing(path) as file:
        file.write(content)


def write_text(path: Path, text: str) -> None:
    """Put `text`, as UTF-8, into `path`, whole or not at all."""
    write_bytes(path, text.encode())


@contextmanager
def replacing_directory(directory: Path) -> Iterator[Path]:
    """Yield an empty directory that replaces `directory` if the block raises nothing.

    POSIX has no system call that replaces a directory by another. So the old one is renamed once
    the new one is whole, and then the new one. If the process dies between the two renames,
    `finish_replacement` finishes. The caller holds the lock on the directory.

    Raises:
        OSError: The disk refuses; it names a path.
    """
    coming, old = _beside(directory)
    finish_replacement(directory)
    try:
        coming.mkdir(parents=True)
        yield coming
        sync_directory(coming)
        sync_directory(directory.parent)
        if directory.exists():
            directory.rename(old)
        coming.rename(directory)
        sync_directory(directory.parent)
    except BaseException as error:
        if isinstance(error, OSError):
            name_path(error, directory)
        with suppress(OSError):  # else the next process that locks it does it
            finish_replacement(directory)
        raise
    shutil.rmtree(old, ignore_errors=True)


def finish_replacement(directory: Path) -> None:
    """Finish, or undo, a replacement that a killed process has left half done."""
    coming, old = _beside(directory)
    if old.exists() and not directory.exists():
        # The old one steps aside only when the new one is whole.
        (coming if coming.exists() else old).rename(directory)
        sync_directory(directory.parent)
    for left in (coming, old):
        if left.exists():
            shutil.rmtree(left)


def _beside(directory: Path) -> tuple[Path, Path]:
    """Where the new directory comes into being, and where the old one waits for its end."""
    name = f".{directory.name}"
    return directory.with_name(f"{name}.coming"), directory.with_name(f"{name}.old")
