"""Whole runs in the scratch folder, each in its own process, whose results can be compared.

A leading process carries out runs one after the other, while this process makes other checks.
"""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
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


@dataclass(frozen=True)
class ScratchRun:
    """A run that is carried out in its own output folder, and may be killed on the way."""

    spec: RunSpec
    # The run is killed this many batches after its first checkpoint.
    killed_after: int | None = None

    @property
    def log(self) -> Path:
        """The file that holds what the run's process printed."""
        return self.spec.outputs / "printed.txt"

    def failure(self) -> str | None:
        """Return the recorded error, or the last line printed; None if the run is completed.

        Raises:
            CorruptRunError: The run record cannot be read.
        """
        record = read_record(self.spec.directory.path) or {}
        if record.get("status") == COMPLETED:
            return None
        printed = self.log.read_text(errors="replace").strip() if self.log.exists() else ""
        last = printed.splitlines()[-1] if printed else "its process ended without a message"
        return str(record.get("error") or last)


class KillAfterCheckpoint(StopFlag):
    """A StopFlag that kills its process (SIGKILL) `batches` checks after the first checkpoint."""

    def __init__(self, directory: Path, batches: int) -> None:
        super().__init__()
        self.directory, self.left = directory, batches

    def check(self) -> None:
        """Count the batch; kill this process if it is the last one."""
        if (self.directory / LAST).exists():
            self.left -= 1
            if self.left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)


@contextmanager
def begun(runs: Sequence[ScratchRun], is_new: bool) -> Iterator[BaseProcess]:
    """Carry out runs one after the other while the `with` block is executed; kill them at its end.

    Args:
        runs: The runs. A failed one does not stop the others; ask `ScratchRun.failure`.
        is_new: Whether to start a new interpreter, with an empty memory and other hashes of
            strings; False forks this process where that is safe (one thread, no GPU).

    Yields:
        The leading process; join it to wait for all runs.
    """
    can_fork = runs[0].spec.threads == 1 and not torch.accelerator.is_available()
    method = "fork" if can_fork else "spawn"
    os.environ.pop("PYTHONHASHSEED", None)  # each new interpreter draws a seed for its hashes
    context: Any = multiprocessing.get_context("spawn" if is_new else method)
    process = context.Process(target=_lead, args=(runs, method))
    process.start()
    try:
        yield process
    finally:  # the folder that they write to will be deleted
        if process.is_alive():
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:  # it has not made its group yet
                process.kill()
        process.join()


def _lead(runs: Sequence[ScratchRun], method: str) -> None:
    """Carry out each run in a child process; the children belong to this process's new group."""
    os.setpgrp()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    context: Any = multiprocessing.get_context(method)
    for each in runs:
        process = context.Process(target=_carry_out, args=(each,))
        process.start()
        process.join()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os.killpg(0, signal.SIGKILL)


def _carry_out(scratch_run: ScratchRun) -> None:
    """Carry out a run in this process, which was started for it, and print to the run's log."""
    spec = scratch_run.spec
    spec.outputs.mkdir(parents=True, exist_ok=True)
    sys.stdout = sys.stderr = open(scratch_run.log, "a", buffering=1)  # noqa: SIM115
    for number in (1, 2):
        os.dup2(sys.stdout.fileno(), number)

    def execute_or_die(spec: RunSpec, stop: StopFlag) -> Result:
        if scratch_run.killed_after is not None:
            stop = KillAfterCheckpoint(spec.directory.path, scratch_run.killed_after)
        return execute(spec, stop)

    with spec.directory.locked():
        run(spec, execute_or_die)
