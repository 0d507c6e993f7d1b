"""What happens on a node of a Ray cluster: one job, watched; its directory is sent now and then.

The job is a process of its own under our own pool, as on the driver's machine. The pool's server,
which has done the slow imports, stays with the worker that takes one job after the other.
"""

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
    """What a node has to know of a job.

    Attributes:
        spec: The run as it is on the driver's machine.
        archive: What the run directory holds.
        data: Names what the data folder has to hold.
        checkpoint_seconds: How often the directory of the unfinished run is sent.
    """

    spec: RunSpec
    archive: RunArchive
    data: str
    checkpoint_seconds: float


@dataclass(frozen=True)
class Begun:
    """The job is about to run."""


@dataclass(frozen=True)
class Snapshot:
    """The directory of a run that is not finished."""

    archive: RunArchive


@dataclass(frozen=True)
class Finished:
    """How the job ended, as in `project.launchers.pool.Ended`, and what it leaves."""

    archive: RunArchive
    pid: int
    exit_code: int
    timed_out: bool
    log: bytes


def make_pool(
    task: tuple[str, str], timeout_minutes: float | None, preload: list[str]
) -> ProcessPool:
    """Return a pool for one job at a time; its server begins with the imports."""
    # multiprocessing runs the script of Ray's process in every job once more: that imports Ray.
    return ProcessPool(task, 1, timeout_minutes, ["ray", *preload])


def carry_out(
    pool: ProcessPool,
    assignment: Assignment,
    fetch_data: Callable[[], dict[str, bytes]],
    asked_to_stop: Callable[[], bool],
) -> Iterator[Begun | Snapshot | Finished]:
    """Run the job; the last message is Finished.

    fetch_data: the files of the data folder, by path in it; called if this node lacks them.
    """
    yield Begun()
    spec = assignment.spec
    with _folder_of_run() as folder:
        job = Job(0, (), "", _on_node(spec, folder, assignment.data, fetch_data))
        job.directory.parent.mkdir(parents=True)
        unpack(assignment.archive, job.directory)
        for message in _watch(pool, job, assignment.checkpoint_seconds, asked_to_stop):
            if isinstance(message, Finished):
                # The log is read on the driver's machine.
                log = message.log.replace(str(folder).encode(), str(spec.outputs).encode())
                message = Finished(**vars(message) | {"log": log})
            yield message


def _on_node(
    spec: RunSpec, folder: Path, data: str, fetch_data: Callable[[], dict[str, bytes]]
) -> RunSpec:
    """Return the run with this node's folders; what is stored of it stays as it is."""
    data_folder = str(place_data(data, fetch_data)) if data else None
    # A rerun has moved the old run aside on the driver's machine, once.
    return replace(spec, outputs=folder, data_folder=data_folder, rerun=False)


def _watch(
    pool: ProcessPool, job: Job, checkpoint_seconds: float, asked_to_stop: Callable[[], bool]
) -> Iterator[Snapshot | Finished]:
    next_snapshot = time.monotonic() + checkpoint_seconds
    try:
        for ended in pool.watch([job], started=lambda job: None):
            if ended is not None:
                log = ended.log.read_bytes() if ended.log.exists() else b""
                archive = pack(job.directory)
                yield Finished(archive, ended.pid, ended.exit_code, ended.timed_out, log)
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
    """This user's folder for what jobs need while they run on this node."""
    folder = Path(tempfile.gettempdir()) / f"honest-ablations-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


@contextmanager
def _folder_of_run() -> Iterator[Path]:
    """A folder that is gone with the job; what a killed process has left, the next one removes."""
    for left in _scratch().glob("run-*"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > 60:  # else it may be about to be locked
                with _locked(left):
                    shutil.rmtree(left)
    with tempfile.TemporaryDirectory(prefix="run-", dir=_scratch()) as name, _locked(Path(name)):
        yield Path(name)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Raises BlockingIOError if another process has it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def place_data(name: str, fetch: Callable[[], dict[str, bytes]]) -> Path:
    """The data folder on this node, the same for all its jobs; made whole or not at all."""
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
