"""What a Ray worker does on its node: run one job and send back its run directory."""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from project.launchers.experiment import Job
from project.launchers.local.processes import ProcessPool
from project.launchers.pool import SweepInterrupted
from project.runs.archive import RunArchive, pack, unpack
from project.runs.atomic import write_bytes
from project.runs.record import RECORD
from project.runs.spec import RunSpec


@dataclass(frozen=True)
class Assignment:
    """Everything that a node needs to carry out a job.

    Attributes:
        spec: The run, with the paths of the driver's machine.
        archive: The files that the run directory holds so far.
        data: Name of the data folder; empty if the run needs no files.
        checkpoint_seconds: Seconds until the directory of the unfinished run is sent again.
    """

    spec: RunSpec
    archive: RunArchive
    data: str
    checkpoint_seconds: float


@dataclass(frozen=True)
class Begun:
    """Message that the job is about to run."""


@dataclass(frozen=True)
class Snapshot:
    """Message with the run directory of an unfinished run."""

    archive: RunArchive


@dataclass(frozen=True)
class Finished:
    """Message that the job has ended: the final run directory, and all that the job printed.

    `pid`, `exit_code` and `cause` are as in `project.launchers.pool.JobEnd`.
    """

    archive: RunArchive
    pid: int
    exit_code: int
    cause: str | None
    log: bytes


def carry_out(
    pool: ProcessPool,
    assignment: Assignment,
    fetch_data: Callable[[], dict[str, bytes]],
    asked_to_stop: Callable[[], bool],
) -> Iterator[Begun | Snapshot | Finished]:
    """Run a job and yield its messages; Begun is the first and Finished the last.

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
    yield Begun()
    spec = assignment.spec
    with _folder_of_run() as folder:
        data = str(place_data(assignment.data, fetch_data)) if assignment.data else None
        # For a rerun, the driver has already moved the old run to the trash.
        job = Job(0, (), "", replace(spec, outputs=folder, data_folder=data, rerun=False))
        job.directory.parent.mkdir(parents=True)
        unpack(assignment.archive, job.directory)
        for message in _watch(pool, job, assignment.checkpoint_seconds, asked_to_stop):
            if isinstance(message, Finished):
                # Users read the log on the driver's machine, so it names the folder there.
                log = message.log.replace(str(folder).encode(), str(spec.outputs).encode())
                message = replace(message, log=log)
            yield message


def _watch(
    pool: ProcessPool, job: Job, checkpoint_seconds: float, asked_to_stop: Callable[[], bool]
) -> Iterator[Snapshot | Finished]:
    next_snapshot = time.monotonic() + checkpoint_seconds
    try:
        for ended in pool.watch([job], started=lambda job: None):
            if ended is not None:
                log = ended.log.read_bytes() if ended.log.exists() else b""
                archive = pack(job.directory)
                yield Finished(archive, ended.pid, ended.exit_code, ended.cause, log)
            elif not pool.interrupted and asked_to_stop():
                pool.stop()
            elif time.monotonic() > next_snapshot:
                archive = pack(job.directory)
                if RECORD in archive:
                    yield Snapshot(archive)
                next_snapshot = time.monotonic() + checkpoint_seconds
    except SweepInterrupted:
        pass  # the job was asked to stop, and has been reported


def _scratch() -> Path:
    """Return this user's folder for temporary files of jobs on this node; create it if needed."""
    folder = Path(tempfile.gettempdir()) / f"honest-ablations-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


@contextmanager
def _folder_of_run() -> Iterator[Path]:
    """Provide a temporary folder for one job; first remove those that killed processes left."""
    for left in _scratch().glob("run-*"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > 60:  # else it may be about to be locked
                with _locked(left):
                    shutil.rmtree(left)
    with tempfile.TemporaryDirectory(prefix="run-", dir=_scratch()) as name, _locked(Path(name)):
        yield Path(name)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Lock a folder inside the `with` block; raise BlockingIOError if another process has it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def place_data(name: str, fetch: Callable[[], dict[str, bytes]]) -> Path:
    """Return the path of a data folder on this node; create the folder if it does not exist.

    All jobs on the node share it. It is written whole or not at all.

    Args:
        name: The folder's name.
        fetch: Returns the contents of its files, by path in the folder.
    """
    folder = _scratch() / f"data-{name}"
    if folder.exists():
        return folder
    partial = Path(tempfile.mkdtemp(prefix="partial-", dir=_scratch()))
    try:
        for path, content in fetch().items():
            (partial / path).parent.mkdir(parents=True, exist_ok=True)
            write_bytes(partial / path, content)
        partial.rename(folder)
    except OSError:
        if not folder.exists():  # else another job has been faster
            raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder
