"""Files that are written whole or not at all, whatever dies in between.

Temporary file in the same directory, fsync, `os.replace`, fsync of the directory: a reader (or a
machine that comes back from a power cut) sees the old bytes or the new ones, never a mixture. The
temporary file stands in the same directory because a rename is atomic only within a file system.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
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


def write_text(path: Path, text: str) -> None:
    """Put `text` (UTF-8) into `path`, whole or not at all."""
    with replacing(path) as file:
        file.write(text.encode())
