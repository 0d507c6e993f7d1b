"""Whole runs in the scratch folder, each in its own process, whose results can be compared.

A leading process carries out runs one after the other, while this process makes other checks. It
can be a new interpreter, with other hashes of strings and an empty memory. Processes are forked
where that is safe (one thread, no GPU); otherwise each is a new interpreter.
"""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import torch

from project.runs.interruption import StopFlag
from project.runs.lifecycle import run
from project.runs.record import COMPLETED, read_record
from project.runs.spec import Result, RunSpec
from project.training.checkpoint import LAST
from project.training.execute import execute

# The environment variable with Python's seed for hashing strings; a new interpreter gets another.
HASH_SEED = "PYTHONHASHSEED"


@dataclass(frozen=True)
class ScratchRun:
    """A run that is carried out in its own output folder, and may be killed on the way.

    Attributes:
        spec: The run; no other run has its output folder.
        killed_after: The run is killed this many batches after its first checkpoint; None for
            never.
    """

    spec: RunSpec
    killed_after: int | None = None

    @property
    def log(self) -> Path:
        """The file that holds what the run's process printed."""
        return self.spec.outputs / "printed.txt"

    def failure(self) -> str | None:
        """Return why the run is not completed; None if it is.

        The reason is the error in the run record, or else the last line that the process printed.

        Raises:
            CorruptRunError: The run record cannot be read.
        """
        record = read_record(self.spec.directory.path) or {}
        if record.get("status") == COMPLETED:
            return None
        if record.get("error"):
            return str(record["error"])
        try:
            lines = self.log.read_text(errors="replace").split("\n")
        except OSError:
            lines = []
        lines = [line.strip() for line in lines if line.strip()]
        return lines[-1] if lines else "its process ended without a message"


class KillAfterCheckpoint(StopFlag):
    """A StopFlag that kills its process (SIGKILL) some batches after the first checkpoint.

    Args:
        flag: The run's own flag, which is still checked for signals.
        directory: The run directory.
        batches: The number of checks of the flag, one a batch, from the first checkpoint on.
    """

    def __init__(self, flag: StopFlag, directory: Path, batches: int) -> None:
        super().__init__()
        self.flag = flag
        self.directory = directory
        self.left = batches

    def check(self) -> None:
        """Count the batch; kill this process if it is the last one.

        Raises:
            Interrupted: The run's own flag has received a signal.
        """
        self.flag.check()
        if (self.directory / LAST).exists():
            self.left -= 1
            if self.left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)


def carry_out(scratch_run: ScratchRun) -> None:
    """Carry out a run in this process, which must have been started for it.

    The process prints to the run's log, and ends when its parent does.

    Raises:
        RunLockedError: Another process works on the run.
        Exception: What `project.runs.lifecycle.run` and `project.training.execute.execute` raise.
    """
    _die_with_parent()
    spec = scratch_run.spec
    spec.outputs.mkdir(parents=True, exist_ok=True)
    _print_to(scratch_run.log)

    def execute_or_die(spec: RunSpec, stop: StopFlag) -> Result:
        if scratch_run.killed_after is None:
            return execute(spec, stop)
        killer = KillAfterCheckpoint(stop, spec.directory.path, scratch_run.killed_after)
        return execute(spec, killer)

    with spec.directory.locked():
        run(spec, execute_or_die)


def carry_out_each(runs: Sequence[ScratchRun], log: Path, method: str) -> None:
    """Carry out runs one after the other, each in a child process; a failed one stops none.

    Call it in a process made for it: its stdout and stderr go to `log` from now on, it becomes the
    leader of a new process group, which the children belong to, and it ends when its parent does.
    Nothing is raised for a failed run; ask `ScratchRun.failure`.

    Args:
        runs: The runs.
        log: The file that this process's stdout and stderr are redirected to.
        method: How the children are started: `fork` or `spawn`.
    """
    os.setpgrp()
    _die_with_parent()
    _print_to(log)
    for each in runs:
        process = _process(method, carry_out, each)
        process.start()
        process.join()


def start_method(threads: int) -> str:
    """Return `fork` if that is safe for torch (one thread, no GPU), else `spawn`."""
    return "fork" if threads == 1 and not torch.accelerator.is_available() else "spawn"


@contextmanager
def begun(
    runs: Sequence[ScratchRun], log: Path, method: str, is_new: bool
) -> Iterator[BaseProcess]:
    """Carry out runs in other processes while the `with` block is executed; kill them at its end.

    Args:
        runs: The runs, which are carried out one after the other.
        log: The file that the leading process prints to.
        method: How the leading process starts the processes of the runs: `fork` or `spawn`.
        is_new: Whether the leading process is a new interpreter, with another seed for hashes of
            strings; False starts it by `method`.

    Yields:
        The leading process; join it to wait for all runs.
    """
    process = _process("spawn" if is_new else method, carry_out_each, runs, log, method)
    before = os.environ.get(HASH_SEED)
    if is_new:
        os.environ[HASH_SEED] = _other_hash_seed(before)
    try:
        process.start()
    finally:
        os.environ.pop(HASH_SEED, None)
        if before is not None:
            os.environ[HASH_SEED] = before
    try:
        yield process
    finally:
        _end(process)


def _end(process: BaseProcess) -> None:
    """Kill a leading process and its runs, as the folder that they write to will be deleted."""
    if process.is_alive():
        assert process.pid is not None
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:  # it has not made its group yet
            process.kill()
    process.join()


def _process(method: str, function: Callable[..., None], *arguments: Any) -> BaseProcess:
    context: Any = multiprocessing.get_context(method)
    return context.Process(target=function, args=arguments)


def _other_hash_seed(before: str | None) -> str:
    """Return a seed for hashes of strings that differs from `before` (None: drawn by Python)."""
    return "7" if before != "7" else "8"


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _print_to(path: Path) -> None:
    """Redirect this process's stdout and stderr to a file, so that only the table is shown."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    for number in (1, 2):
        os.dup2(descriptor, number)
    sys.stdout = open(1, "w", closefd=False, buffering=1)  # noqa: SIM115
    sys.stderr = open(2, "w", closefd=False, buffering=1)  # noqa: SIM115
