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


def sync_directory(directory: Path) -> None:
    """Make the names in `directory` durable."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A binary file that takes the place of `path` when the block ends without an exception."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def write_text(path: Path, text: str) -> None:
    """Put `text` (UTF-8) into `path`, whole or not at all."""
    with replacing(path) as file:
        file.write(text.encode())
