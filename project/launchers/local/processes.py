"""A pool of local processes, forked from a server that has already made the slow imports."""

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
from project.launchers.local.gpus import VISIBLE
from project.launchers.pool import SIGNALS, JobEnd, Pool, Waiting, ending, perform
from project.runs.lock import log_path
from project.runs.spec import RunSpec

TIMED_OUT = "ran past hydra.launcher.timeout_minutes"
GRACE_SECONDS = 10.0  # between asking a timed-out job to stop and killing it


@dataclass
class _Running:
    job: Job
    slot: int
    process: ForkServerProcess
    log: Path
    log_start: int
    started: float = field(default_factory=time.monotonic)
    asked_to_stop: bool = False
    timed_out: float | None = None  # when it was asked to stop


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


def _die_with_launcher() -> None:
    """End this process as soon as the launcher's process has ended, for whatever reason."""
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


def _start_as_usual(method: str, main: Callable[..., None], *arguments: Any) -> None:
    """Run `main` in a forked process whose own child processes start by `method`.

    Else DataLoader workers would be forked from another server, which would make all imports again.
    """
    multiprocessing.set_start_method(method, force=True)
    main(*arguments)


def _job_main(task: tuple[str, str], spec: RunSpec, log: Path, devices: str | None) -> None:
    """Carry out the job in its own process and write everything that it prints to `log`."""
    if devices is not None:
        os.environ[VISIBLE] = devices  # read when CUDA is first used, which is later
    # Own process group: Ctrl-C reaches only the launcher, which passes it on.
    os.setpgrp()
    _die_with_launcher()
    _print_to(log)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    sys.exit(perform(task, spec))


class CheckError(Exception):
    """The check before the first job failed, and its own exception is not available.

    The process that made the check ended early, or its exception cannot be pickled.
    """

    exit_code = 1


def _check_main(
    answer: Connection, function: Callable[..., None], arguments: tuple[Any, ...]
) -> None:
    """Call `function` in its own process and send what it raises, or None, to `answer`."""
    _die_with_launcher()
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
        self._devices = devices
        self._task = task
        self.slots = jobs
        self._timeout = None if timeout_minutes is None else 60 * timeout_minutes
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([__name__, *preload])
        self._running: list[_Running] = []
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

    def run(self, jobs: list[Job], started: Callable[[Job], None]) -> Iterator[JobEnd]:
        """Carry out the jobs and yield a JobEnd whenever one ends, as `Pool.run` specifies."""
        for ended in self.watch(jobs, started):
            if ended is not None:
                yield ended

    def watch(self, jobs: list[Job], started: Callable[[Job], None]) -> Iterator[JobEnd | None]:
        """Do as `run`, but also yield None every 0.2 s, so that the caller can do other work."""
        waiting = Waiting(jobs)
        with self.stopped_by_signals():
            try:
                while (waiting and self.starting) or self._running:
                    while self.starting and len(self._running) < self.slots:
                        if (job := waiting.take()) is None:
                            break
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
        """Start and return a process; if the server has died, restart it, in up to 10 attempts."""
        method = multiprocessing.get_start_method()
        for left in reversed(range(10)):
            forked = self._context.Process(
                target=_start_as_usual, args=(method, main, *arguments), name=name
            )
            try:
                forked.start()
                break
            except (ConnectionError, EOFError):
                # The server was killed a moment ago, and the system still counts it as alive.
                if not left:
                    raise
                time.sleep(0.5)
        return forked

    def _start(self, job: Job) -> _Running:
        job.directory.parent.mkdir(parents=True, exist_ok=True)
        log = log_path(job.directory)
        log_start = log.stat().st_size if log.exists() else 0
        slot = min(set(range(self.slots)) - {running.slot for running in self._running})
        devices = self._devices[slot % len(self._devices)] if self._devices else None
        with _signals_held_back():
            name = f"job-{job.number}"
            process = self._fork(_job_main, self._task, job.spec, log, devices, name=name)
        return _Running(job, slot, process, log, log_start)

    def _pass_on_signals(self) -> None:
        """Pass signals on to the jobs: the first asks them to stop, the second kills them."""
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
            pid, exit_code = running.process.pid, running.process.exitcode
            assert pid is not None
            assert exit_code is not None
            cause = None if running.timed_out is None else TIMED_OUT
            yield JobEnd(running.job, running.log, exit_code, pid, running.log_start, cause)
