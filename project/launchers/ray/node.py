"""What a Ray worker does on its node: run one job and send back its run directory."""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from filelock import FileLock

from project.launchers.experiment import Job
from project.launchers.local.processes import ProcessPool
from project.launchers.pool import JobEnd, SweepInterrupted
from project.runs.archive import RunArchive, pack, unpack
from project.runs.atomic import write_bytes
from project.runs.record import RECORD
from project.runs.spec import RunSpec

LOCK = "lock"  # in the folder of a run, while a process uses it


@dataclass(frozen=True)
class Assignment:
    """Everything that a node needs to carry out a job."""

    spec: RunSpec  # with the paths of the driver's machine
    archive: RunArchive  # what the run directory holds so far
    data: str  # name of the data folder; empty if the run needs no files
    checkpoint_seconds: float  # until the directory of the unfinished run is sent again


@dataclass(frozen=True)
class Snapshot:
    """Message that the job is at work, with its run directory; nothing before it begins."""

    archive: RunArchive


@dataclass(frozen=True)
class Finished(Snapshot):
    """Message that the job has ended, with its final run directory and all that it printed."""

    end: JobEnd
    log: bytes


def carry_out(
    pool: ProcessPool,
    assignment: Assignment,
    fetch_data: Callable[[], dict[str, bytes]],
    asked_to_stop: Callable[[], bool],
) -> Iterator[Snapshot]:
    """Run a job and yield its messages; the last one is Finished.

    Args:
        pool: The pool of the worker.
        assignment: The job.
        fetch_data: Returns the contents of the data files, by path in the data folder; called only
            if this node lacks them.
        asked_to_stop: Returns whether the sweep has been asked to stop.

    Raises:
        CorruptArchiveError: A file of the archive has an unsafe name or a wrong checksum.
        ConflictError: The run directory cannot be packed; as `pack`.
        OSError: A file cannot be written.
    """
    yield Snapshot({})
    spec = assignment.spec
    with _folder_of_run() as folder:
        data = str(place_data(assignment.data, fetch_data)) if assignment.data else None
        # For a rerun, the driver has already moved the old run to the trash.
        job = Job(0, (), "", replace(spec, outputs=folder, data_folder=data, rerun=False))
        job.directory.parent.mkdir(parents=True)
        unpack(assignment.archive, job.directory)
        next_snapshot = time.monotonic() + assignment.checkpoint_seconds
        with suppress(SweepInterrupted):  # the job was asked to stop, and has been reported
            for end in pool.watch([job], started=lambda job: None):
                if end is not None:
                    yield Finished(pack(job.directory), end, _log(end, folder, spec.outputs))
                elif not pool.interrupted and asked_to_stop():
                    pool.stop()
                elif time.monotonic() > next_snapshot:
                    archive = pack(job.directory)
                    if RECORD in archive:
                        yield Snapshot(archive)
                    next_snapshot = time.monotonic() + assignment.checkpoint_seconds


def _log(end: JobEnd, here: Path, there: Path) -> bytes:
    """Return what the job printed, with the paths of the driver's machine, where it is read."""
    log = end.log.read_bytes() if end.log.exists() else b""
    return log.replace(str(here).encode(), str(there).encode())


def _scratch() -> Path:
    """Return this user's folder for temporary files of jobs on this node; create it if needed."""
    folder = Path(tempfile.gettempdir()) / f"honest-ablations-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


@contextmanager
def _folder_of_run() -> Iterator[Path]:
    """Provide a temporary folder for one job; first remove those that killed processes left."""
    for left in _scratch().glob("run-*"):
        with suppress(OSError):  # such as filelock's Timeout: another process uses it
            if time.time() - left.stat().st_mtime > 60:  # else it may be about to be locked
                with FileLock(left / LOCK, blocking=False):
                    shutil.rmtree(left)
    run = tempfile.TemporaryDirectory(prefix="run-", dir=_scratch())
    with run as name, FileLock(Path(name, LOCK), blocking=False):
        yield Path(name)


def place_data(name: str, fetch: Callable[[], dict[str, bytes]]) -> Path:
    """Return the path of a data folder on this node, which all of its jobs share.

    If the folder does not exist it is created, whole or not at all.

    Args:
        name: The folder's name.
        fetch: Returns the contents of its files, by path in the folder.
    """
    folder = _scratch() / f"data-{name}"
    if not folder.exists():
        with tempfile.TemporaryDirectory(prefix="partial-", dir=_scratch()) as partial:
            whole = Path(partial, "data")
            for path, content in fetch().items():
                (whole / path).parent.mkdir(parents=True, exist_ok=True)
                write_bytes(whole / path, content)
            try:
                whole.rename(folder)
            except OSError:
                if not folder.exists():  # else another job has been faster
                    raise
    return folder
