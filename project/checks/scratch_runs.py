"""Whole runs in processes of their own, in the scratch folder: what would happen is compared.

One process is forked from this one. The others come from a second interpreter, with other hashes of
strings and an empty memory, while this one goes on with other checks. Where a fork would not
survive (a GPU, several threads) every run begins as an interpreter of its own.
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
from project.runs.lifecycle import Result, RunSpec, run
from project.runs.record import COMPLETED, read_record
from project.training.checkpoint import LAST
from project.training.execute import execute

# Python's seed for hashing strings, in the second interpreter.
HASH_SEED = "PYTHONHASHSEED"


@dataclass(frozen=True)
class ScratchRun:
    """A run that is carried out, and may be killed.

    Attributes:
        spec: The run; its output folder is its own.
        killed_after: Batches after the first checkpoint at which it is killed; None for never.
    """

    spec: RunSpec
    killed_after: int | None = None

    @property
    def log(self) -> Path:
        """The file that holds what its process printed."""
        return self.spec.outputs / "printed.txt"

    def failure(self) -> str | None:
        """Return why the run is not completed; None if it is."""
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
        return lines[-1] if lines else "its process ended without a word"


class KillAfterCheckpoint(StopFlag):
    """Kills its process, as `kill -9` does, so many batches after the first checkpoint.

    Args:
        flag: Of the run; signals still count.
        directory: The run directory.
        batches: How many.
    """

    def __init__(self, flag: StopFlag, directory: Path, batches: int) -> None:
        super().__init__()
        self.flag = flag
        self.directory = directory
        self.left = batches

    def check(self) -> None:
        """Die, or raise Interrupted if a signal has come."""
        self.flag.check()
        if (self.directory / LAST).exists():
            self.left -= 1
            if self.left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)


def carry_out(scratch_run: ScratchRun) -> None:
    """Carry out a run in this process, which is its own."""
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
    """Carry out runs one after the other, each in a process of its own; they are one group.

    Args:
        runs: The runs.
        log: Where this process prints to.
        method: How processes are started: fork or spawn.
    """
    os.setpgrp()
    _die_with_parent()
    _print_to(log)
    for each in runs:
        process = _process(method, carry_out, each)
        process.start()
        process.join()


def start_method(threads: int) -> str:
    """Return how processes can be started: neither a GPU nor a pool of threads survives a fork."""
    return "fork" if threads == 1 and not torch.accelerator.is_available() else "spawn"


@contextmanager
def begun(
    runs: Sequence[ScratchRun], log: Path, method: str, is_new: bool
) -> Iterator[BaseProcess]:
    """While entered, runs are carried out in other processes; join the one that leads them.

    Args:
        runs: The runs.
        log: Where the leading process prints to.
        method: How it starts the processes of the runs.
        is_new: Whether it is a new interpreter, or begins as this process does.
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
    """Kill a leading process and the processes of its runs, which write to a folder that goes."""
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
    """Return a seed for hashes of strings that this process most likely does not have."""
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
    """Let what this process prints go to a file: the table alone is shown."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    for number in (1, 2):
        os.dup2(descriptor, number)
    sys.stdout = open(1, "w", closefd=False, buffering=1)  # noqa: SIM115
    sys.stderr = open(2, "w", closefd=False, buffering=1)  # noqa: SIM115
