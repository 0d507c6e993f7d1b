"""Data files by their content. Imports no torch, because a run is named before torch is loaded."""

import functools
import hashlib
from collections.abc import Iterable
from pathlib import Path


def file_digest(files: Iterable[str | Path], root: Path | None = None) -> str:
    """Return the SHA-256 over the names and contents of data files, sorted by name.

    Names are paths relative to the folder `root`, or without one the file names alone.
    """
    named = {
        path.name if root is None else path.relative_to(root).as_posix(): path
        for path in map(Path, files)
    }
    digest = hashlib.sha256()
    for name in sorted(named):
        digest.update(name.encode() + b"\0")
        state = named[name].stat()
        digest.update(_content_digest(named[name], state.st_mtime_ns, state.st_size))
    return digest.hexdigest()


@functools.lru_cache(maxsize=100_000)
def _content_digest(path: Path, modified: int, size: int) -> bytes:
    """Return the SHA-256 of a file, cached until its modification time or size changes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def contents(files: Iterable[Path], root: Path) -> dict[str, bytes]:
    """Return the contents of files by their paths relative to the data folder `root`."""
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}
