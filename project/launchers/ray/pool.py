"""The jobs of a sweep on a Ray cluster, seen from the driver, the process that was started.

Each worker of the cluster is an actor that takes one job after the other, so that the slow imports
are done once for each. A job is sent with its run directory, of which the driver holds the lock
while the job is in flight. What comes back is a stream of messages (`project.launchers.ray.node`):
the directory from time to time, and at last how the job ended. A job whose node was lost is sent
again with what the driver has received.
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError

from project.config.errors import ConflictError
from project.launchers.experiment import Experiment, Job, JobFailedError
from project.launchers.pool import (
    LOCKED_EXIT_CODE,
    JobEnd,
    Pool,
    SweepInterrupted,
    Waiting,
)
from project.launchers.ray.actors import kill, new_stop_event, new_worker
from project.launchers.ray.cluster import fitting_nodes, slots
from project.launchers.ray.data import SharedData
from project.launchers.ray.node import Assignment, Begun, Finished, Snapshot
from project.launchers.ray.request import RaySettings
from project.runs.archive import ArchivedFile, CorruptArchiveError, RunArchive, pack, unpack
from project.runs.directory import config_text, move_to_trash
from project.runs.lock import locked, log_path
from project.runs.record import RECORD, CorruptRunError, RunLockedError, completed_record

POLL_SECONDS = 2.0  # between looks at the nodes that there are
NODE_TIMEOUT = 60.0  # how long a sweep waits for a node when the last one is gone


@dataclass
class _InFlight:
    """A job that has been sent; the driver holds the lock of its run."""

    job: Job
    lock: ExitStack
    worker: Any = None
    messages: Any = None
    begun: bool = False
    losses: int = 0


class RayPool(Pool):
    """Sends jobs, fetches their run directories, and yields each as it ends."""

    def __init__(self, settings: RaySettings, experiment: Experiment, jobs: int) -> None:
        super().__init__()
        self._settings = settings
        self._in_flight: list[_InFlight] = []
        self._data = SharedData(experiment)
        self._moved_aside: set[int] = set()
        self.slots = 0  # on the nodes that there are now
        self._last_look = self._last_seen = -math.inf
        self._look_at_nodes()
        self._stop = new_stop_event()
        # The nodes begin with the slow imports while the caller still has something to do.
        self._idle: list[Any] = [self._new_worker() for _ in range(min(jobs, self.slots))]

    def run(self, jobs: list[Job], started: Callable[[Job], None]) -> Iterator[JobEnd]:
        """See `project.launchers.pool.Pool`."""
        waiting = Waiting(jobs)
        told = 0
        with self.stopped_by_signals():
            try:
                while (waiting and self.starting) or self._in_flight:
                    self._look_at_nodes()
                    self._use_idle_workers()
                    while self._may_send() and (job := waiting.take()) is not None:
                        yield from self._send_first(job, waiting)
                    if not waiting:
                        self._dismiss_idle_workers()
                    yield from self._listen(started)
                    if len(self._signals) > told:
                        told = len(self._signals)
                        self._pass_on_signals()
            finally:
                self._dismiss_idle_workers()
                for flight in self._in_flight:
                    kill(flight.worker)
                    flight.lock.close()

    def _pass_on_signals(self) -> None:
        """The first signal stops the jobs and fetches them; the second leaves them behind."""
        if len(self._signals) > 1:
            raise SweepInterrupted(self._signals[0])
        self._stop.set.remote()
        for flight in self._in_flight:
            if not flight.begun:
                kill(flight.worker)

    def _new_worker(self) -> Any:
        return new_worker(self._settings, self._stop)

    def _may_send(self) -> bool:
        return self.starting and len(self._in_flight) < self.slots

    def _use_idle_workers(self) -> None:
        """Give a job whose own worker has no node yet, after a node was lost, one that has.

        Without this the two would wait for each other.
        """
        for flight in self._in_flight:
            if self._idle and self.starting and not flight.begun:
                kill(flight.worker)
                self._send(flight)

    def _dismiss_idle_workers(self) -> None:
        """What they hold is for others, or for those of our own that wait for a place."""
        while self._idle:
            kill(self._idle.pop())

    def _look_at_nodes(self) -> None:
        """Nodes come and go. Raises JobFailedError if none is left that could take a job."""
        now = time.monotonic()
        if now - self._last_look < POLL_SECONDS:
            return
        self._last_look = now
        request = self._settings.request
        self.slots = sum(slots(node, request) for node in fitting_nodes(request))
        if self.slots:
            self._last_seen = now
        elif now - self._last_seen > NODE_TIMEOUT:
            raise JobFailedError(
                "the cluster has had no node for a job for a minute; the same command goes on "
                "with what is left"
            )

    def _send_first(self, job: Job, waiting: Waiting) -> Iterator[JobEnd]:
        """Send a job; yields it if it cannot or need not be sent."""
        log = log_path(job.directory)
        lock = ExitStack()
        try:
            lock.enter_context(locked(job.directory))
        except RunLockedError:
            waiting.put_back(job)
            yield JobEnd(job, 0, LOCKED_EXIT_CODE, False, log, 0)
            return
        flight = _InFlight(job, lock)
        try:
            if not job.spec.rerun and completed_record(job.directory) is not None:
                lock.close()  # by another process, since the grid was composed
                yield JobEnd(job, 0, 0, False, log, 0)
                return
            self._send(flight)
        except (ConflictError, CorruptRunError) as error:
            lock.close()
            yield JobEnd(job, 0, error.exit_code, False, log, 0, cause=str(error))
        except BaseException:
            lock.close()
            raise
        else:
            self._in_flight.append(flight)

    def _send(self, flight: _InFlight) -> None:
        job = flight.job
        data = self._data.of(job)
        assignment = Assignment(
            spec=job.spec,
            archive=self._pack(job),
            data=data.name,
            checkpoint_seconds=self._settings.checkpoint_seconds,
        )
        flight.worker = self._idle.pop() if self._idle else self._new_worker()
        flight.begun = False
        flight.messages = flight.worker.carry_out.options(num_returns="streaming").remote(
            assignment, [data.reference]
        )

    def _pack(self, job: Job) -> RunArchive:
        """Return the run directory, in it the configuration as it is here."""
        if job.spec.rerun and job.number not in self._moved_aside:
            self._moved_aside.add(job.number)
            if job.directory.exists():
                move_to_trash(job.directory, job.spec.outputs)
        archive = pack(job.directory) if job.directory.exists() else {}
        config = config_text(job.spec.config).encode()
        return {"config.yaml": ArchivedFile.of(config)} | archive

    def _listen(self, started: Callable[[Job], None]) -> Iterator[JobEnd]:
        """Wait a moment for messages, and do what they ask for."""
        by_messages: dict[Any, _InFlight] = {flight.messages: flight for flight in self._in_flight}
        if not by_messages:
            time.sleep(0.1)
            return
        ready, _ = ray.wait(list(by_messages), num_returns=1, timeout=0.2, fetch_local=False)
        for messages in ready:
            flight = by_messages[messages]
            try:
                message: Any = ray.get(next(flight.messages))
            except (RayError, StopIteration) as error:
                yield from self._without_message(flight, error)
                continue
            if isinstance(message, Begun):
                flight.begun = True
                started(flight.job)
            else:
                yield from self._receive(flight, message)

    def _receive(self, flight: _InFlight, message: Snapshot | Finished) -> Iterator[JobEnd]:
        directory = flight.job.directory
        try:
            if RECORD in message.archive:
                unpack(message.archive, directory)
        except CorruptArchiveError as error:
            yield from self._lost(flight, str(error))
            return
        if isinstance(message, Finished):
            log = log_path(directory)
            with open(log, "ab") as file:
                log_start = file.tell()
                file.write(message.log)
            self._back(flight)
            self._idle.append(flight.worker)
            yield JobEnd(
                flight.job, message.pid, message.exit_code, message.timed_out, log, log_start
            )

    def _without_message(self, flight: _InFlight, error: Exception) -> Iterator[JobEnd]:
        """The stream has broken off: by our own wish, by a mistake there, or with the node."""
        if self.interrupted and not flight.begun:
            self._back(flight)
        elif isinstance(error, RayTaskError):
            self._back(flight)
            self._idle.append(flight.worker)
            words = " ".join(str(error.cause).split())
            cause = f"on its node: {type(error.cause).__name__}: {words}"
            yield JobEnd(flight.job, 0, 1, False, log_path(flight.job.directory), 0, cause=cause)
        else:
            yield from self._lost(flight, _in_short(error))

    def _lost(self, flight: _InFlight, why: str) -> Iterator[JobEnd]:
        """Send the job again, unless that has been done often enough."""
        job, log = flight.job, log_path(flight.job.directory)
        kill(flight.worker)  # it may be alive, and out of reach
        flight.losses += 1
        if flight.losses > self._settings.retries or self.interrupted:
            self._back(flight)
            cause = f"lost {flight.losses} times (hydra.launcher.retries), at last: {why}"
            yield JobEnd(job, 0, 1, False, log, 0, cause=cause)
        else:
            self._send(flight)
            yield JobEnd(job, 0, 1, False, log, 0, cause=f"lost ({why})", lost=True)

    def _back(self, flight: _InFlight) -> None:
        self._in_flight.remove(flight)
        flight.lock.close()


def _in_short(error: Exception) -> str:
    if isinstance(error, StopIteration):
        return "its worker was asked to stop, and not from here"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
