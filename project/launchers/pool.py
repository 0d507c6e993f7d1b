"""The interface between launchers and pools: jobs that wait, jobs that have ended, signals."""

import heapq
import importlib
import math
import signal
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator
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
    """Record of how a job ended."""

    job: Job
    log: Path  # with everything that the job printed
    exit_code: int  # as in multiprocessing: -N if signal N killed the process
    pid: int = 0  # 0 where it is unknown or no process ran
    log_start: int = 0  # the byte of the log at which the output of this attempt begins
    cause: str | None = None  # why the job failed, where that is known without reading the log
    lost: bool = False  # whether the job's machine was lost, so that the job is sent again

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
        return last_line(self.log, self.log_start) or ending(self.exit_code)


def last_line(log: Path, start: int = 0) -> str:
    """Return the line of a log that names a crash, else the last one that is not by submitit.

    Args:
        log: The log; if it is missing or without such a line, the line is empty.
        start: The byte at which to begin.
    """
    try:
        printed = log.read_bytes()[start:].decode(errors="replace")
    except FileNotFoundError:
        return ""
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    crashes = [line for line in lines if line.startswith("Fatal Python error")]
    own = [line for line in lines if not line.startswith("submitit ")]
    return (crashes or own or [""])[-1]


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


class Pool(ABC):
    """Base class for pools, which carry out several jobs at a time.

    A pool says how a job is started, watched, asked to stop and ended; what all have in common is
    `watch`.

    Attributes:
        slots: How many jobs run at a time.
        starting: Whether further jobs may begin; a launcher sets it to False to start no more.
        in_flight: What the pool knows of each job that was started and has not ended.
    """

    slots: int

    def __init__(self) -> None:
        self.starting = True
        self.in_flight: list[Any] = []
        self._signals: list[int] = []

    @property
    def interrupted(self) -> bool:
        """Whether a signal has asked the sweep to stop."""
        return bool(self._signals)

    def stop(self, number: int = signal.SIGTERM, frame: FrameType | None = None) -> None:
        """Ask the pool to stop: running jobs stop at a batch boundary, and no other job begins.

        This only notes the request, because the process may be in the middle of starting a job;
        `watch` acts on it. The signature is that of a signal handler.
        """
        self._signals.append(number)
        self.starting = False

    def check(self, function: Callable[..., None], *arguments: Any) -> None:
        """Call `function` with `arguments`, before any job begins; its exceptions propagate."""
        function(*arguments)

    def run(self, jobs: list[Job], started: Callable[[Job], None]) -> Generator[JobEnd, None, None]:
        """Carry out the jobs and yield a JobEnd whenever one ends.

        A job whose run was locked or whose machine was lost is tried again, and yielded each time.
        A first SIGINT or SIGTERM asks the running jobs to stop; a second one ends them.

        Args:
            jobs: The jobs.
            started: Called with each job that begins.

        Raises:
            SweepInterrupted: After a signal, once the running jobs have stopped.
            Exception: With `exit_code`, if the jobs cannot be carried out.
        """
        for end in self.watch(jobs, started):
            if end is not None:
                yield end

    def watch(self, jobs: list[Job], started: Callable[[Job], None]) -> Iterator[JobEnd | None]:
        """Do as `run`, but also yield None every 0.2 s, so that the caller can do other work."""
        waiting = [(-math.inf, job.number, job) for job in jobs]  # heap: not before, number, job
        heeded = 0
        with self._stopped_by_signals():
            try:
                while (waiting and self.starting) or self.in_flight:
                    for end in self._ends(waiting, started):
                        if end.locked:
                            later = time.monotonic() + LOCKED_SECONDS
                            heapq.heappush(waiting, (later, end.job.number, end.job))
                        yield end
                    if len(self._signals) > heeded:
                        heeded = len(self._signals)
                        (self._ask_to_stop if heeded == 1 else self._kill)()
                    yield None
            finally:
                self._kill()

    @contextmanager
    def _stopped_by_signals(self) -> Iterator[None]:
        """Let signals call `stop` inside the block; then raise SweepInterrupted at its end."""
        handlers = {number: signal.signal(number, self.stop) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
        if self._signals:
            raise SweepInterrupted(self._signals[0])

    def _ends(
        self, waiting: list[tuple[float, int, Job]], started: Callable[[Job], None]
    ) -> Iterator[JobEnd]:
        """Start the jobs for which there is room, wait up to 0.2 s, and yield what has ended."""
        while self.starting and self._has_room():
            if not waiting or waiting[0][0] > time.monotonic():
                break
            job = heapq.heappop(waiting)[2]
            if (end := self._start(job, started)) is not None:
                yield end
        yield from self._poll(started)

    def _has_room(self) -> bool:
        return len(self.in_flight) < self.slots

    @abstractmethod
    def _start(self, job: Job, started: Callable[[Job], None]) -> JobEnd | None:
        """Start a job and add it to `in_flight`; return its end if it cannot or need not begin."""

    @abstractmethod
    def _poll(self, started: Callable[[Job], None]) -> Iterator[JobEnd]:
        """Wait up to 0.2 s, and yield the ends of jobs, which it removes from `in_flight`."""

    @abstractmethod
    def _ask_to_stop(self) -> None:
        """Ask all jobs in flight to stop at a batch boundary."""

    @abstractmethod
    def _kill(self) -> None:
        """End all jobs in flight at once."""
