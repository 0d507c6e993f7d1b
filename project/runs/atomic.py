"""Files and directories that are written whole or not at all, even if the process or machine dies.

What is new is flushed to disk (fsync) under a temporary name in the same file system, then renamed.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

TEMPORARY = ".tmp"  # suffix of a file while it is being written


def sync_directory(directory: Path) -> None:
    """Flush the names in `directory` to disk (fsync), so that they survive a power cut."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Name `path` in OSErrors of the `with` block without a file, such as of a failed write."""
    try:
        yield
    except OSError as error:
        # An error without a number has its own message, which a file name would hide.
        if error.errno is not None and error.filename is None:
            error.filename = str(path)
        raise


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Provide, in a `with` block, a binary file that replaces `path` when the block ends.

    If the block raises an exception, `path` stays as it was; an OSError names it.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}{TEMPORARY}")
    with naming(path):
        try:
            # A killed process with the same id may have left it; mode "x" never follows a link.
            temporary.unlink(missing_ok=True)
            with open(temporary, "xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
            sync_directory(path.parent)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path`, whole or not at all; an OSError names `path`."""
    with replacing(path) as file:
        file.write(content)


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8 to `path`, whole or not at all; an OSError names `path`."""
    write_bytes(path, text.encode())


@contextmanager
def replacing_directory(directory: Path) -> Iterator[Path]:
    """Provide, in a `with` block, an empty directory that replaces `directory` when the block ends.

    If the block raises an exception, `directory` stays as it was. POSIX cannot replace a directory
    in one step: the old one is renamed, then the new one. If the process dies in between, the next
    call of `finish_replacement` completes the step. The caller must hold the directory's lock.

    Raises:
        OSError: The directory cannot be written; the error names a path.
    """
    coming, old = _beside(directory)
    finish_replacement(directory)
    try:
        with naming(directory):
            coming.mkdir(parents=True)
            yield coming
            sync_directory(coming)
            sync_directory(directory.parent)
            if directory.exists():
                directory.rename(old)
            coming.rename(directory)
            sync_directory(directory.parent)
    except BaseException:
        with suppress(OSError):  # else the next process that locks the directory does it
            finish_replacement(directory)
        raise
    shutil.rmtree(old, ignore_errors=True)


def finish_replacement(directory: Path) -> None:
    """Complete or undo a replacement of `directory` that a killed process left half done."""
    coming, old = _beside(directory)
    if old.exists() and not directory.exists():
        # The old one is renamed only once the new one is whole.
        (coming if coming.exists() else old).rename(directory)
        sync_directory(directory.parent)
    for left in (coming, old):
        if left.exists():
            shutil.rmtree(left)


def _beside(directory: Path) -> tuple[Path, Path]:
    """Return the paths of the new directory and of the old one during a replacement."""
    name = f".{directory.name}"
    return directory.with_name(f"{name}.coming"), directory.with_name(f"{name}.old")
