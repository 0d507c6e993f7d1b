"""A pool of local processes, forked from a server that has already made the slow imports."""

import math
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
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from project.launchers.experiment import Job
from project.launchers.local.gpus import VISIBLE
from project.launchers.pool import SIGNALS, JobEnd, Pool, ending, perform
from project.runs.lock import log_path
from project.runs.spec import RunSpec

TIMED_OUT = "ran past hydra.launcher.timeout_minutes"
GRACE_SECONDS = 10.0  # between asking a timed-out job to stop and killing it


@dataclass
class _Running:
    job: Job
    slot: int
    process: ForkServerProcess
    log_start: int
    deadline: float
    timed_out: bool = False


@contextmanager
def _signals_held_back() -> Iterator[None]:
    """Block SIGINT and SIGTERM in the processes that are started inside the `with` block.

    So the server survives Ctrl-C, and a job receives a signal once it can handle it.
    """
    resource_tracker.ensure_running()  # first, because starting it unblocks these signals
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin_process() -> None:
    """Prepare a forked process: it ends as soon as the launcher's ends, for whatever reason."""
    # Else DataLoader workers would be forked from a server of their own, which imports all again.
    multiprocessing.set_start_method(None, force=True)
    launcher = multiprocessing.parent_process()
    assert launcher is not None

    def watch() -> None:
        launcher.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _print_to(log: Path) -> None:
    """Append everything that this process prints, to stdout or stderr, to the file `log`."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(descriptor, stream.fileno())
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]


def _job_main(task: tuple[str, str], spec: RunSpec, log: Path, devices: str | None) -> None:
    """Carry out the job in its own process and write everything that it prints to `log`."""
    if devices is not None:
        os.environ[VISIBLE] = devices  # read when CUDA is first used, which is later
    # Own process group: Ctrl-C reaches only the launcher, which passes it on.
    os.setpgrp()
    _begin_process()
    _print_to(log)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    sys.exit(perform(task, spec))


class CheckError(Exception):
    """The check before the first job ended its process, or raised what cannot be pickled."""

    exit_code = 1


def _check_main(
    answer: Connection, function: Callable[..., None], arguments: tuple[Any, ...]
) -> None:
    """Call `function` in its own process and send what it raises, or None, to `answer`."""
    _begin_process()
    raised: Exception | None = None
    try:
        function(*arguments)
    except Exception as error:
        raised = error
        try:
            pickle.loads(pickle.dumps(error))
        except Exception:
            raised = CheckError(f"{type(error).__name__}: {error}")
            raised.exit_code = getattr(error, "exit_code", 1)
        raised.add_note(traceback.format_exc())
    answer.send(raised)


class ProcessPool(Pool):
    """Pool that runs each job in its own process, so that its crash affects no other job.

    Args:
        task: Module and name of the function that carries out a job.
        jobs: How many jobs run at a time.
        timeout_minutes: Time limit for each job; None: none.
        preload: Modules that are imported once for all jobs.
        devices: Values of CUDA_VISIBLE_DEVICES, for one running job each; empty: not set.
    """

    def __init__(
        self,
        task: tuple[str, str],
        jobs: int,
        timeout_minutes: float | None,
        preload: Sequence[str],
        devices: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self._task = task
        self.slots = jobs
        self._timeout = math.inf if timeout_minutes is None else 60 * timeout_minutes
        self._devices = devices
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([__name__, *preload])
        self.in_flight: list[_Running] = []
        # Start the slow imports now, in parallel with the caller's further work.
        with _signals_held_back():
            forkserver.ensure_running()

    def check(self, function: Callable[..., None], *arguments: Any) -> None:
        """Call `function` in a process of its own, because user code could end this one.

        Raises:
            CheckError: The process ended early, or its exception cannot be pickled.
            Exception: Any other exception that `function` raises.
        """
        ours, theirs = self._context.Pipe()
        process = self._fork(_check_main, theirs, function, arguments)
        theirs.close()
        with ours:
            try:
                raised = ours.recv()
            except EOFError:
                process.join()
                assert process.exitcode is not None
                raised = CheckError(
                    "the process that tried a batch of each variant ended without a result "
                    f"({ending(process.exitcode)}); run one variant alone, without -m, to see more"
                )
        if raised is not None:
            raise raised

    def _fork(
        self, main: Callable[..., None], *arguments: Any, name: str | None = None
    ) -> ForkServerProcess:
        """Start and return a process; if the server has died, restart it, in up to 10 attempts."""
        for left in reversed(range(10)):
            forked = self._context.Process(target=main, args=arguments, name=name)
            try:
                forked.start()
                break
            except (ConnectionError, EOFError):
                # The server was killed a moment ago, and the system still counts it as alive.
                if not left:
                    raise
                time.sleep(0.5)
        return forked

    def _start(self, job: Job, started: Callable[[Job], None]) -> None:
        job.directory.parent.mkdir(parents=True, exist_ok=True)
        log = log_path(job.directory)
        log_start = log.stat().st_size if log.exists() else 0
        slot = min(set(range(self.slots)) - {running.slot for running in self.in_flight})
        devices = self._devices[slot % len(self._devices)] if self._devices else None
        with _signals_held_back():
            name = f"job-{job.number}"
            process = self._fork(_job_main, self._task, job.spec, log, devices, name=name)
        deadline = time.monotonic() + self._timeout
        self.in_flight.append(_Running(job, slot, process, log_start, deadline))
        started(job)

    def _poll(self, started: Callable[[Job], None]) -> Iterator[JobEnd]:
        sentinels = [running.process.sentinel for running in self.in_flight]
        multiprocessing.connection.wait(sentinels, timeout=0.2)
        self._enforce_timeout()
        for running in [each for each in self.in_flight if not each.process.is_alive()]:
            self.in_flight.remove(running)
            running.process.join()
            pid, exit_code = running.process.pid, running.process.exitcode
            assert pid is not None
            assert exit_code is not None
            cause = TIMED_OUT if running.timed_out else None
            log = log_path(running.job.directory)
            yield JobEnd(running.job, log, exit_code, pid, running.log_start, cause)

    def _enforce_timeout(self) -> None:
        """Ask jobs that are out of time to stop; kill those that have not in GRACE_SECONDS."""
        now = time.monotonic()
        for running in self.in_flight:
            if now > running.deadline:
                (running.process.kill if running.timed_out else running.process.terminate)()
                running.timed_out = True
                running.deadline = now + GRACE_SECONDS

    def _ask_to_stop(self) -> None:
        for running in self.in_flight:
            running.process.terminate()

    def _kill(self) -> None:
        for running in self.in_flight:
            running.process.kill()
