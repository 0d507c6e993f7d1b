"""The interface between launchers and pools: jobs that wait, jobs that have ended, signals."""

import importlib
import math
import signal
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from project.launchers.experiment import Job
from project.runs.record import RunLockedError
from project.runs.spec import RunSpec

SIGNALS = (signal.SIGINT, signal.SIGTERM)
LOCKED_SECONDS = 1.0  # until a job whose run is locked is tried again
# Exit code of a job whose run is locked: EX_TEMPFAIL of sysexits.h, used by no other error here.
LOCKED_EXIT_CODE = 75


class SweepInterrupted(BaseException):
    """A signal has stopped the sweep; its running jobs stopped at a batch boundary."""

    def __init__(self, signal_number: int) -> None:
        super().__init__("sweep interrupted; run the same command again for the remaining jobs")
        self.exit_code = 128 + signal_number


@dataclass(frozen=True)
class JobEnd:
    """Record of how a job ended.

    Attributes:
        job: The job.
        log: The file that holds everything the job printed.
        exit_code: As in multiprocessing: -N if signal N killed the process.
        pid: The process id; 0 where it is unknown or no process ran.
        log_start: The byte of `log` at which the output of this attempt begins.
        cause: Why the job failed, where that is known without reading the log; else None.
        lost: Whether the job's machine was lost, so that the job is sent again.
    """

    job: Job
    log: Path
    exit_code: int
    pid: int = 0
    log_start: int = 0
    cause: str | None = None
    lost: bool = False

    @property
    def locked(self) -> bool:
        """Whether another process works on the run, so that the job is tried again."""
        return self.exit_code == LOCKED_EXIT_CODE

    def reason(self) -> str:
        """Return one line that says why the job failed, at best the last one that it printed."""
        if self.cause is not None:
            return self.cause
        if self.exit_code < 0:
            return ending(self.exit_code)
        try:
            printed = self.log.read_bytes()[self.log_start :].decode(errors="replace")
        except FileNotFoundError:
            printed = ""
        lines = [line for line in printed.splitlines() if line.strip()]
        return lines[-1].strip() if lines else ending(self.exit_code)


def ending(exit_code: int) -> str:
    """Return text that says how a process ended, from its exit code in multiprocessing."""
    if exit_code < 0:
        return f"killed by {signal.Signals(-exit_code).name}"
    return f"exit code {exit_code}"


def perform(task: tuple[str, str], spec: RunSpec) -> int:
    """Carry out a run in this process; an exception without an `exit_code`, a bug, is raised.

    Args:
        task: Module and name of the function to call with `spec`.
        spec: The run.

    Returns:
        The exit code: 0, LOCKED_EXIT_CODE if another process works on the run, or the `exit_code`
        of an exception, whose message is printed to stderr.
    """
    module, function = task
    try:
        getattr(importlib.import_module(module), function)(spec)
    except RunLockedError:
        return LOCKED_EXIT_CODE
    except BaseException as error:
        code = getattr(error, "exit_code", None)
        if not isinstance(code, int):
            raise
        print(f"{type(error).__name__}: {error}".replace("\n", " "), file=sys.stderr)
        return code
    return 0


class Waiting:
    """Queue of jobs that have not begun, first in, first out."""

    def __init__(self, jobs: list[Job]) -> None:
        self._jobs = [(-math.inf, job) for job in jobs]  # when it may begin at the earliest

    def __bool__(self) -> bool:
        return bool(self._jobs)

    def take(self) -> Job | None:
        """Remove and return the next job that may begin now; return None if there is none."""
        now = time.monotonic()
        index = next((i for i, (earliest, _) in enumerate(self._jobs) if earliest <= now), None)
        return None if index is None else self._jobs.pop(index)[1]

    def put_back(self, job: Job) -> None:
        """Append a job whose run is locked; it may begin after LOCKED_SECONDS at the earliest."""
        self._jobs.append((time.monotonic() + LOCKED_SECONDS, job))


class Pool(ABC):
    """Base class for pools, which carry out several jobs at a time.

    Attributes:
        slots: How many jobs run at a time.
        starting: Whether further jobs may begin; a launcher sets it to False to start no more.
    """

    slots: int

    def __init__(self) -> None:
        self.starting = True
        self._signals: list[int] = []

    @property
    def interrupted(self) -> bool:
        """Whether a signal has asked the sweep to stop."""
        return bool(self._signals)

    def stop(self, number: int = signal.SIGTERM, frame: FrameType | None = None) -> None:
        """Ask the pool to stop: running jobs stop at a batch boundary, and no other job begins.

        This only notes the request, because the process may be in the middle of starting a job;
        `run` acts on it. The signature is that of a signal handler.
        """
        self._signals.append(number)
        self.starting = False

    @contextmanager
    def stopped_by_signals(self) -> Iterator[None]:
        """Let SIGINT and SIGTERM call `stop` inside the `with` block.

        Raises:
            SweepInterrupted: At the end of the block, if `stop` was called.
        """
        handlers = {number: signal.signal(number, self.stop) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
        if self._signals:
            raise SweepInterrupted(self._signals[0])

    def check(self, function: Callable[..., None], *arguments: Any) -> None:
        """Call `function` with `arguments`, before any job begins; its exceptions propagate."""
        function(*arguments)

    @abstractmethod
    def run(self, jobs: list[Job], started: Callable[[Job], None]) -> Iterator[JobEnd]:
        """Carry out the jobs and yield a JobEnd whenever one ends.

        A job whose run was locked or whose machine was lost is tried again, and yielded each time.

        Args:
            jobs: The jobs.
            started: Called with each job that begins.

        Raises:
            SweepInterrupted: After a signal, once the running jobs have stopped.
            Exception: With `exit_code`, if the jobs cannot be carried out.
        """
