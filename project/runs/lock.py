"""The lock of a run, which only one process at a time can hold."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from project.runs.atomic import finish_replacement, naming
from project.runs.record import RunLockedError


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Hold the lock of the run in `directory` inside the `with` block.

    The operating system releases the lock when the process ends. A replacement of the directory
    that a killed process left half done is completed.

    Raises:
        RunLockedError: Another process holds the lock; the message names it.
    """
    directory.parent.mkdir(parents=True, exist_ok=True)
    path = lock_path(directory)
    try:
        lock = FileLock(path).acquire(timeout=0)
    except Timeout:
        raise RunLockedError(
            f"{directory} is being worked on by {holder(directory)}; wait for it, or stop it"
        ) from None
    with lock:
        with naming(path):
            # In the lock file, because run.json is written only seconds later.
            path.write_text(f"{os.getpid()}\n{socket.gethostname()}\n")
        finish_replacement(directory)
        yield


def lock_path(directory: Path) -> Path:
    """Return the file that is locked while a process works on the run in `directory`."""
    return directory.with_name(f".{directory.name}.lock")


def log_path(directory: Path) -> Path:
    """Return the file with what a sweep's job printed, maybe before it created the directory."""
    return directory.with_name(f".{directory.name}.log")


def holder(directory: Path) -> str:
    """Return text that names the process that holds the lock of a run, or the last one that did."""
    try:
        process, host = lock_path(directory).read_text(errors="replace").split()
    except (OSError, ValueError):  # missing, or just being written
        process = host = "?"
    return f"process {process} on {host}"
