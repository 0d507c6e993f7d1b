"""What launchers and pools tell each other: jobs that wait, jobs that have ended."""

import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from project.launchers.experiment import Job

SIGNALS = (signal.SIGINT, signal.SIGTERM)
LOCKED_SECONDS = 1.0  # before a job whose run another process works on is tried again
# How a job's process says so: EX_TEMPFAIL of sysexits.h, which no other error here has.
LOCKED_EXIT_CODE = 75


class SweepInterrupted(BaseException):
    """Ctrl-C or SIGTERM; the running jobs have stopped at a batch boundary."""

    def __init__(self, signal_number: int) -> None:
        super().__init__("sweep interrupted; the same command goes on with what is left")
        self.exit_code = 128 + signal_number


@dataclass(frozen=True)
class JobEnd:
    """How a job's process ended.

    exit_code: as in multiprocessing (negative: killed by that signal). log: everything it printed,
    from byte `log_start` on; what other attempts printed stands before. cause: known without the
    log. lost: the job's machine is gone, and the job is sent again.
    """

    job: Job
    pid: int
    exit_code: int
    timed_out: bool
    log: Path
    log_start: int
    cause: str | None = None
    lost: bool = False

    @property
    def locked(self) -> bool:
        """Whether another process works on the run; the job is tried again."""
        return self.exit_code == LOCKED_EXIT_CODE

    def reason(self) -> str:
        """The last line that the job printed, or the signal that ended it."""
        if self.cause is not None:
            return self.cause
        if self.timed_out:
            return "ran past hydra.launcher.timeout_minutes"
        if self.exit_code < 0:
            return f"killed by {signal.Signals(-self.exit_code).name}"
        try:
            printed = self.log.read_bytes()[self.log_start :].decode(errors="replace")
        except FileNotFoundError:
            printed = ""
        lines = [line for line in printed.splitlines() if line.strip()]
        return lines[-1].strip() if lines else f"exit code {self.exit_code}"


class Waiting:
    """Jobs that have not begun, first come first served; one that was held waits a moment."""

    def __init__(self, jobs: list[Job]) -> None:
        self._jobs = list(jobs)
        self._not_before: dict[int, float] = {}  # by job number

    def __bool__(self) -> bool:
        return bool(self._jobs)

    def take(self) -> Job | None:
        """The next job that may begin now, if there is one."""
        now = time.monotonic()
        for job in self._jobs:
            if self._not_before.get(job.number, now) <= now:
                self._jobs.remove(job)
                return job
        return None

    def put_back(self, job: Job) -> None:
        """A job whose run another process works on."""
        self._jobs.append(job)
        self._not_before[job.number] = time.monotonic() + LOCKED_SECONDS


class Pool(ABC):
    """Where jobs are carried out, some side by side.

    slots: how many. starting: set to False from outside, no further job is started.
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
        """As a signal does: the running jobs stop at a batch boundary, no other begins."""
        # Only noted: the process may be in the middle of starting a job or collecting one.
        self._signals.append(number)
        self.starting = False

    @contextmanager
    def stopped_by_signals(self) -> Iterator[None]:
        """While entered, signals stop the pool; raises SweepInterrupted at the end if one did."""
        handlers = {number: signal.signal(number, self.stop) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
        if self._signals:
            raise SweepInterrupted(self._signals[0])

    def check(self, function: Callable[..., None], *arguments: Any) -> None:
        """Call `function`, before any job begins; raises what it raises."""
        function(*arguments)

    @abstractmethod
    def run(self, jobs: list[Job], started: Callable[[Job], None]) -> Iterator[JobEnd]:
        """Yields every job as it ends; one that was held or lost (see `JobEnd`) more than once.

        started: called with every job that begins. Raises SweepInterrupted once the running jobs
        have stopped.
        """
