"""Jobs as processes of their own, forked from a server that has done the slow imports once.

A forked job starts in about 0.05 s instead of the seconds that importing torch and Lightning takes,
and whatever it does to itself (raise, exit, segfault, be killed, hang) is its own failure only.
"""

import multiprocessing
import multiprocessing.connection
import multiprocessing.forkserver as forkserver
import multiprocessing.resource_tracker as resource_tracker
import os
import pickle
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from project.launchers.experiment import Job
from project.launchers.job import perform
from project.launchers.local.gpus import VISIBLE
from project.launchers.pool import SIGNALS, JobEnd, Pool, Waiting
from project.runs.lock import log_path
from project.runs.spec import RunSpec

GRACE_SECONDS = 10.0  # between asking a job that ran out of time to stop and killing it


@dataclass
class _Running:
    job: Job
    slot: int
    process: ForkServerProcess
    alive: Connection
    log: Path
    log_start: int
    started: float = field(default_factory=time.monotonic)
    asked_to_stop: bool = False
    timed_out: float | None = None  # when


@contextmanager
def _signals_held_back() -> Iterator[None]:
    """What is started here begins with SIGINT and SIGTERM blocked.

    So the server outlives a Ctrl-C that goes to the whole terminal, and a job that is asked to stop
    before it can listen finds the signal waiting for it.
    """
    resource_tracker.ensure_running()  # it would let them through
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _die_with_launcher(alive: Connection) -> None:
    """End this process as soon as the launcher's end of the pipe is gone, however it went."""

    def watch() -> None:
        try:
            alive.recv()
        except EOFError:
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _print_to(log: Path) -> None:
    """Let everything that this process prints go to the end of `log`, in the order of printing."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(descriptor, stream.fileno())
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]


def _start_as_usual(method: str, main: Callable[..., None], *arguments: Any) -> None:
    """Runs `main` in a process of the server, whose own processes start by `method`.

    Else those of a job, such as a DataLoader's workers, would come from a server of theirs, which
    imports everything anew.
    """
    multiprocessing.set_start_method(method, force=True)
    main(*arguments)


def _job_main(
    task: tuple[str, str], spec: RunSpec, log: Path, alive: Connection, devices: str | None
) -> None:
    """Carry out the job in its own process: everything it prints goes to `log`."""
    if devices is not None:
        os.environ[VISIBLE] = devices  # read when CUDA is first used, which is later
    # A group of its own: Ctrl-C reaches the launcher alone, which passes it on.
    os.setpgrp()
    _die_with_launcher(alive)
    _print_to(log)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    sys.exit(perform(task, spec))


def _check_main(
    answer: Connection, function: Callable[..., None], arguments: tuple[Any, ...]
) -> None:
    """Call `function` in a process of its own: what it raises goes to `answer`, or None."""
    _die_with_launcher(answer)
    raised: Exception | None = None
    try:
        function(*arguments)
    except Exception as error:
        error.add_note(traceback.format_exc())
        raised = error
    answer.send_bytes(_pickled(raised))


def _pickled(error: Exception | None) -> bytes:
    """Return bytes that can be read back, as those of an error that takes two arguments cannot."""
    try:
        content = pickle.dumps(error)
        pickle.loads(content)
    except Exception:
        told = CheckError(f"{type(error).__name__}: {error}", getattr(error, "exit_code", 1))
        told.add_note(traceback.format_exc())
        return pickle.dumps(told)
    return content


class CheckError(Exception):
    """The jobs could not be tried out before the first one was started."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message, exit_code)
        self.message = message
        self.exit_code = exit_code

    def __str__(self) -> str:
        return self.message


class ProcessPool(Pool):
    """Runs jobs side by side, and yields each as it ends.

    Args:
        task: Module and name of the function that carries out a job.
        jobs: How many side by side.
        timeout_minutes: Of one job; None for none.
        preload: Modules that are imported once for all.
        devices: CUDA_VISIBLE_DEVICES for jobs; those that run side by side take them in turn.
    """

    def __init__(
        self,
        task: tuple[str, str],
        jobs: int,
        timeout_minutes: float | None,
        preload: list[str],
        devices: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self._devices = devices
        self._task = task
        self.slots = jobs
        self._timeout = None if timeout_minutes is None else 60 * timeout_minutes
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([__name__, *preload])
        self._running: list[_Running] = []
        # Begin with the slow imports at once: whatever the caller still has to do overlaps.
        with _signals_held_back():
            forkserver.ensure_running()

    def check(self, function: Callable[..., None], *arguments: Any) -> None:
        """See `project.launchers.pool.Pool`; the process is forked from the server.

        Here the imports would keep the other core busy, and cost the whole a second; and what is
        tried out is the user's code, which may end its process. It waits for the server's imports
        as well, and Ctrl-C ends that wait at once: starting a job cannot be interrupted.

        Raises:
            CheckError: The process has ended without an answer.
        """
        ours, theirs = self._context.Pipe()
        process = self._fork(_check_main, theirs, function, arguments)
        theirs.close()
        with ours:
            try:
                raised = pickle.loads(ours.recv_bytes())
            except EOFError:
                process.join()
                assert process.exitcode is not None
                raised = CheckError(
                    f"the process that tried a batch of each variant {_ending(process.exitcode)} "
                    "without an answer; type one variant alone, without -m, to see more"
                )
        if raised is not None:
            raise raised

    def run(self, jobs: list[Job], started: Callable[[Job], None]) -> Iterator[JobEnd]:
        """See `project.launchers.pool.Pool`."""
        for ended in self.watch(jobs, started):
            if ended is not None:
                yield ended

    def watch(self, jobs: list[Job], started: Callable[[Job], None]) -> Iterator[JobEnd | None]:
        """As `run`, and None every fifth of a second, for who has something to do meanwhile."""
        waiting = Waiting(jobs)
        with self.stopped_by_signals():
            try:
                while (waiting and self.starting) or self._running:
                    while self._may_start() and (job := waiting.take()) is not None:
                        self._running.append(self._start(job))
                        started(job)
                    sentinels = [running.process.sentinel for running in self._running]
                    multiprocessing.connection.wait(sentinels, timeout=0.2)
                    self._pass_on_signals()
                    self._enforce_timeout()
                    for ended in self._collect():
                        if ended.locked:
                            waiting.put_back(ended.job)
                        yield ended
                    yield None
            finally:
                for running in self._running:
                    running.process.kill()

    def _fork(
        self, main: Callable[..., None], *arguments: Any, name: str | None = None
    ) -> ForkServerProcess:
        """A started process; a server that has died is started again, some times."""
        method = multiprocessing.get_start_method()
        attempts = 10
        while True:
            forked = self._context.Process(
                target=_start_as_usual, args=(method, main, *arguments), name=name
            )
            try:
                forked.start()
                return forked
            except (ConnectionError, EOFError):
                # Killed a moment ago: the system does not count it as dead yet.
                attempts -= 1
                if not attempts:
                    raise
                time.sleep(0.5)

    def _may_start(self) -> bool:
        return self.starting and len(self._running) < self.slots

    def _start(self, job: Job) -> _Running:
        ours, theirs = self._context.Pipe()
        job.directory.parent.mkdir(parents=True, exist_ok=True)
        log = log_path(job.directory)
        log_start = log.stat().st_size if log.exists() else 0
        taken = {running.slot for running in self._running}
        slot = next(number for number in range(self.slots) if number not in taken)
        devices = self._devices[slot % len(self._devices)] if self._devices else None
        with _signals_held_back():
            process = self._fork(
                _job_main,
                self._task,
                job.spec,
                log,
                theirs,
                devices,
                name=f"job-{job.number}",
            )
        theirs.close()
        return _Running(job, slot, process, ours, log, log_start)

    def _pass_on_signals(self) -> None:
        """The first signal asks the jobs to stop, the second kills them."""
        for running in self._running:
            if self._signals and not running.asked_to_stop:
                running.asked_to_stop = True
                running.process.terminate()
            if len(self._signals) > 1:
                running.process.kill()

    def _enforce_timeout(self) -> None:
        if self._timeout is None:
            return
        now = time.monotonic()
        for running in self._running:
            if running.timed_out is None and now - running.started > self._timeout:
                running.timed_out = now
                running.process.terminate()
            elif running.timed_out is not None and now - running.timed_out > GRACE_SECONDS:
                running.process.kill()

    def _collect(self) -> Iterator[JobEnd]:
        for running in [each for each in self._running if not each.process.is_alive()]:
            self._running.remove(running)
            running.process.join()
            running.alive.close()
            pid, exit_code = running.process.pid, running.process.exitcode
            assert pid is not None
            assert exit_code is not None
            timed_out = running.timed_out is not None
            yield JobEnd(running.job, pid, exit_code, timed_out, running.log, running.log_start)


def _ending(exit_code: int) -> str:
    if exit_code < 0:
        return f"was killed by {signal.Signals(-exit_code).name}"
    return f"ended with exit code {exit_code}"
