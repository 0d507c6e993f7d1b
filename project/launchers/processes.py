"""Jobs as processes of their own, forked from a server that has done the slow imports once.

A forked job starts in about 0.05 s instead of the seconds that importing torch and Lightning takes,
and whatever it does to itself (raise, exit, segfault, be killed, hang) is its own failure only.
"""

import importlib
import multiprocessing
import multiprocessing.connection
import multiprocessing.forkserver as forkserver
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from types import FrameType
from typing import Any

from project.launchers.grid import Job

GRACE_SECONDS = 10.0  # between asking a job that ran out of time to stop and killing it


class SweepInterrupted(BaseException):
    """Ctrl-C or SIGTERM; the running jobs have stopped at a batch boundary."""

    def __init__(self, signal_number: int) -> None:
        super().__init__("sweep interrupted; the same command goes on with what is left")
        self.exit_code = 128 + signal_number


@dataclass(frozen=True)
class Ended:
    """How a job's process ended: `exit_code` as in multiprocessing (negative: killed by it)."""

    job: Job
    exit_code: int
    timed_out: bool
    log: Path

    def reason(self) -> str:
        """The last line of the job's log, or the signal that ended it."""
        if self.timed_out:
            return "ran past hydra.launcher.timeout_minutes"
        if self.exit_code < 0:
            return f"killed by {signal.Signals(-self.exit_code).name}"
        lines = [line for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        return lines[-1].strip() if lines else f"exit code {self.exit_code}"


@dataclass
class _Running:
    job: Job
    process: ForkServerProcess
    alive: Connection
    log: Path
    started: float
    asked_to_stop: float | None = None


def _die_with_launcher(alive: Connection) -> None:
    """End this process as soon as the launcher's end of the pipe is gone, however it went."""

    def watch() -> None:
        try:
            alive.recv()
        except EOFError:
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _job_main(task: tuple[str, str], values: dict[str, Any], log: Path, alive: Connection) -> None:
    """Runs in the job's process: everything it prints goes to `log`."""
    # A group of its own: Ctrl-C reaches the launcher alone, which passes it on.
    os.setpgrp()
    _die_with_launcher(alive)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(descriptor, sys.stdout.fileno())
    os.dup2(descriptor, sys.stderr.fileno())
    module, function = task
    from omegaconf import OmegaConf

    try:
        getattr(importlib.import_module(module), function)(OmegaConf.create(values))
    except SystemExit as error:
        # Not every exit is an end: a job is done when its record says so.
        print(f"SystemExit: {error.code}", file=sys.stderr)
        sys.exit(1)
    except BaseException as error:
        code = getattr(error, "exit_code", None)
        if not isinstance(code, int):
            raise
        print(f"{type(error).__name__}: {error}".replace("\n", " "), file=sys.stderr)
        sys.exit(code)


class ProcessPool:
    """Runs jobs, at most `jobs` side by side, and yields each as it ends."""

    def __init__(
        self,
        task: tuple[str, str],
        jobs: int,
        timeout_minutes: float | None,
        preload: list[str],
    ) -> None:
        self._task = task
        self._slots = jobs
        self._timeout = None if timeout_minutes is None else 60 * timeout_minutes
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(preload)
        self.running: list[_Running] = []
        self._signal: int | None = None
        self.starting = True  # set to False, no further job is started
        # Begin with the slow imports at once: whatever the caller still has to do overlaps.
        forkserver.ensure_running()

    def run(self, waiting: list[Job]) -> Iterator[Ended]:
        """Raises SweepInterrupted once the running jobs have stopped."""
        waiting = list(waiting)
        handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        for number in handlers:
            signal.signal(number, self._on_signal)
        try:
            while (waiting and self.starting) or self.running:
                while waiting and self.starting and len(self.running) < self._slots:
                    self.running.append(self._start(waiting.pop(0)))
                multiprocessing.connection.wait(
                    [running.process.sentinel for running in self.running], timeout=0.2
                )
                self._enforce_timeout()
                yield from self._collect()
        finally:
            for running in self.running:
                running.process.kill()
            for number, handler in handlers.items():
                signal.signal(number, handler)
        if self._signal is not None:
            raise SweepInterrupted(self._signal)

    @property
    def interrupted(self) -> bool:
        """Whether a signal has asked the sweep to stop."""
        return self._signal is not None

    def _start(self, job: Job) -> _Running:
        ours, theirs = self._context.Pipe()
        # Beside the run directory, as its lock: the job may fail before it can create anything.
        job.directory.parent.mkdir(parents=True, exist_ok=True)
        log = job.directory.with_name(f".{job.directory.name}.log")
        process = self._context.Process(
            target=_job_main, args=(self._task, job.values, log, theirs), name=f"job-{job.number}"
        )
        process.start()
        theirs.close()
        return _Running(job, process, ours, log, time.monotonic())

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        """The first signal asks the jobs to stop, the second kills them."""
        for running in self.running:
            if running.process.pid is not None and running.process.is_alive():
                os.kill(running.process.pid, signal.SIGKILL if self._signal else number)
        self._signal = number
        self.starting = False

    def _enforce_timeout(self) -> None:
        if self._timeout is None:
            return
        now = time.monotonic()
        for running in self.running:
            if running.asked_to_stop is None and now - running.started > self._timeout:
                running.asked_to_stop = now
                running.process.terminate()
            elif running.asked_to_stop and now - running.asked_to_stop > GRACE_SECONDS:
                running.process.kill()

    def _collect(self) -> Iterator[Ended]:
        for running in [each for each in self.running if not each.process.is_alive()]:
            self.running.remove(running)
            running.process.join()
            running.alive.close()
            exit_code = running.process.exitcode
            assert exit_code is not None
            timed_out = running.asked_to_stop is not None
            yield Ended(running.job, exit_code, timed_out, running.log)
