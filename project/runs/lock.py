"""Who works on a run: one process at a time."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from project.runs.atomic import finish_replacement, name_path
from project.runs.record import RunLockedError


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Be the only process that works on the run in `directory` while entered.

    The operating system drops the lock with its process: a dead holder is no obstacle.

    Raises:
        RunLockedError: Another process holds the lock; the message names it.
    """
    directory.parent.mkdir(parents=True, exist_ok=True)
    path = lock_path(directory)
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise RunLockedError(
            f"{directory} is being worked on by {holder(directory)}; wait for it, or stop it"
        ) from None
    try:
        # In the lock file and not in run.json, which is written seconds later.
        _name_holder(path)
        finish_replacement(directory)
        yield
    finally:
        lock.release()


def _name_holder(lock: Path) -> None:
    try:
        lock.write_text(f"{os.getpid()}\n{socket.gethostname()}\n")
    except OSError as error:
        name_path(error, lock)
        raise


def lock_path(directory: Path) -> Path:
    """Return the file that is locked while a process works on the run in `directory`."""
    return directory.with_name(f".{directory.name}.lock")


def log_path(directory: Path) -> Path:
    """Return the file that holds what a sweep's job printed, until its run is completed.

    It lies beside the directory, as the lock does: the job may fail before it can create anything.
    """
    return directory.with_name(f".{directory.name}.log")


def holder(directory: Path) -> str:
    """Name the process that works on the run in `directory`, or the last one that did."""
    try:
        process, host = lock_path(directory).read_text(errors="replace").split()
    except (OSError, ValueError):  # it is being written
        process = host = "?"
    return f"process {process} on {host}"
