"""The pool of jobs on a Ray cluster; runs in the driver, the process that the user started.

The driver sends a job with its run directory, and holds the run's lock until the job ends. The
worker answers with a stream of messages (`project.launchers.ray.node`).
"""

import hashlib
import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from project.config.errors import ConflictError
from project.launchers.experiment import Experiment, Job, JobFailedError
from project.launchers.pool import LOCKED_EXIT_CODE, JobEnd, Pool, SweepInterrupted, Waiting
from project.launchers.ray.actors import StopEvent, Worker, kill
from project.launchers.ray.cluster import living_nodes, slots
from project.launchers.ray.node import Assignment, Begun, Finished, Snapshot
from project.launchers.ray.settings import RaySettings
from project.runs.archive import ArchivedFile, CorruptArchiveError, RunArchive, pack, unpack
from project.runs.directory import config_text, move_to_trash
from project.runs.lock import locked, log_path
from project.runs.record import RECORD, CorruptRunError, RunLockedError, completed_record

POLL_SECONDS = 2.0  # between checks of the cluster's nodes
NODE_TIMEOUT = 60.0  # how long a sweep waits for a node when the last one is gone


@dataclass
class _InFlight:
    """A job that has been sent; the driver holds the lock of its run."""

    job: Job
    lock: ExitStack = field(default_factory=ExitStack)
    worker: Any = None
    messages: Any = None
    begun: bool = False
    losses: int = 0


class RayPool(Pool):
    """Pool that sends jobs to Ray workers, fetches their directories, and yields each as it ends.

    Build it inside `project.launchers.ray.cluster.joined`.

    Args:
        settings: The keys of the launcher.
        experiment: The command whose jobs they are.
        jobs: The number of jobs; no more workers are started.

    Raises:
        JobFailedError: No node of the cluster can take a job.
    """

    def __init__(self, settings: RaySettings, experiment: Experiment, jobs: int) -> None:
        super().__init__()
        self._settings = settings
        self._experiment = experiment
        self._in_flight: list[_InFlight] = []
        self._data: dict[str, tuple[str, Any]] = {}
        self.slots = 0  # on the present nodes
        self._last_look = self._last_seen = -math.inf
        self._look_at_nodes()
        # On this machine: on another node, the loss of that node would look like a stop.
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        event: Any = ray.remote(StopEvent)
        self._stop = event.options(
            num_cpus=0, max_concurrency=100_000, scheduling_strategy=here
        ).remote()
        # Workers make the slow imports in parallel with the caller's further work.
        self._idle: list[Any] = [self._new_worker() for _ in range(min(jobs, self.slots))]

    def run(self, jobs: list[Job], started: Callable[[Job], None]) -> Iterator[JobEnd]:
        """Carry out the jobs and yield a JobEnd whenever one ends, as `Pool.run` specifies."""
        waiting = Waiting(jobs)
        told = 0
        with self.stopped_by_signals():
            try:
                while (waiting and self.starting) or self._in_flight:
                    self._look_at_nodes()
                    self._use_idle_workers()
                    while self.starting and len(self._in_flight) < self.slots:
                        if (job := waiting.take()) is None:
                            break
                        if (end := self._send_first(job, waiting)) is not None:
                            yield end
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
        """On the first signal, ask the jobs to stop and fetch them; on the second, abandon them."""
        if len(self._signals) > 1:
            raise SweepInterrupted(self._signals[0])
        self._stop.set.remote()
        for flight in self._in_flight:
            if not flight.begun:
                kill(flight.worker)

    def _new_worker(self) -> Any:
        """Start a worker, which begins once a node has the resources free."""
        settings = self._settings
        worker: Any = ray.remote(Worker)
        return worker.options(
            num_cpus=settings.num_cpus,
            num_gpus=settings.num_gpus,
            memory=settings.needs.get("memory"),
        ).remote(
            self._experiment.task, self._experiment.preload, settings.timeout_minutes, self._stop
        )

    def _use_idle_workers(self) -> None:
        """Send jobs whose worker has no node yet to idle workers; else both would wait forever."""
        for flight in self._in_flight:
            if self._idle and self.starting and not flight.begun:
                kill(flight.worker)
                self._send(flight)

    def _dismiss_idle_workers(self) -> None:
        """End the idle workers, so that workers without a node can get their resources."""
        while self._idle:
            kill(self._idle.pop())

    def _look_at_nodes(self) -> None:
        """Count the slots on the nodes that there are now, at most once every POLL_SECONDS."""
        now = time.monotonic()
        if now - self._last_look < POLL_SECONDS:
            return
        self._last_look = now
        self.slots = sum(slots(node, self._settings) for node in living_nodes())
        if self.slots:
            self._last_seen = now
        elif now - self._last_seen > NODE_TIMEOUT:
            raise JobFailedError(
                "for a minute the cluster has had no node that could take a job; run the same "
                "command again for the remaining jobs"
            )

    def _send_first(self, job: Job, waiting: Waiting) -> JobEnd | None:
        """Lock a run and send its job; if it cannot or need not be sent, return its end instead."""
        log = log_path(job.directory)
        with ExitStack() as lock:
            try:
                lock.enter_context(locked(job.directory))
                if job.spec.rerun and job.directory.exists():
                    move_to_trash(job.directory, job.spec.outputs)
                elif completed_record(job.directory) is not None:
                    return JobEnd(job, log, 0)  # completed by another process meanwhile
                flight = _InFlight(job)
                self._send(flight)
            except RunLockedError:
                waiting.put_back(job)
                return JobEnd(job, log, LOCKED_EXIT_CODE)
            except (ConflictError, CorruptRunError) as error:
                return JobEnd(job, log, error.exit_code, cause=str(error))
            flight.lock = lock.pop_all()
        self._in_flight.append(flight)
        return None

    def _send(self, flight: _InFlight) -> None:
        job = flight.job
        name, reference = self._data_of(job)
        seconds = self._settings.checkpoint_seconds
        assignment = Assignment(job.spec, self._pack(job), name, seconds)
        flight.worker = self._idle.pop() if self._idle else self._new_worker()
        flight.begun = False
        flight.messages = flight.worker.carry_out.options(num_returns="streaming").remote(
            assignment, [reference]
        )

    def _data_of(self, job: Job) -> tuple[str, Any]:
        """Return a name for the data files that a job needs, and Ray's reference to them.

        The name is a hash of the files' names and contents; empty if there are none. Most jobs of a
        sweep share their files, which are put into Ray once.
        """
        config = job.spec.config
        key = json.dumps([config["paths"].get("data", ""), config.get("data")], sort_keys=True)
        if key not in self._data:
            files = self._experiment.files_to_send(job.spec)
            sums = (f"{name} {hashlib.sha256(files[name]).hexdigest()}\n" for name in sorted(files))
            digest = hashlib.sha256("".join(sums).encode()).hexdigest()[:16]
            self._data[key] = (digest if files else "", ray.put(files))
        return self._data[key]

    def _pack(self, job: Job) -> RunArchive:
        """Return the run directory as an archive that also holds config.yaml."""
        archive = pack(job.directory) if job.directory.exists() else {}
        config = config_text(job.spec.config).encode()
        return {"config.yaml": ArchivedFile.of(config)} | archive

    def _listen(self, started: Callable[[Job], None]) -> Iterator[JobEnd]:
        """Wait up to 0.2 s for messages from workers and handle those that arrive."""
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
                end = self._without_message(flight, error)
            else:
                end = self._receive(flight, message, started)
            if end is not None:
                yield end

    def _receive(
        self,
        flight: _InFlight,
        message: Begun | Snapshot | Finished,
        started: Callable[[Job], None],
    ) -> JobEnd | None:
        if isinstance(message, Begun):
            flight.begun = True
            started(flight.job)
            return None
        directory = flight.job.directory
        try:
            if RECORD in message.archive:
                unpack(message.archive, directory)
        except CorruptArchiveError as error:
            return self._lost(flight, str(error))
        if isinstance(message, Snapshot):
            return None
        log = log_path(directory)
        with open(log, "ab") as file:
            log_start = file.tell()
            file.write(message.log)
        self._back(flight)
        self._idle.append(flight.worker)
        return JobEnd(flight.job, log, message.exit_code, message.pid, log_start, message.cause)

    def _without_message(self, flight: _InFlight, error: Exception) -> JobEnd | None:
        """Handle a stream that ended early: sweep stopped, worker failed, or node lost."""
        if self.interrupted and not flight.begun:
            self._back(flight)
            return None
        if isinstance(error, RayTaskError):
            self._back(flight)
            self._idle.append(flight.worker)
            words = " ".join(str(error.cause).split())
            cause = f"on its node: {type(error.cause).__name__}: {words}"
            return JobEnd(flight.job, log_path(flight.job.directory), 1, cause=cause)
        if isinstance(error, StopIteration):
            return self._lost(flight, "its worker was asked to stop, and not from here")
        return self._lost(flight, f"{type(error).__name__}: {str(error).strip()}".splitlines()[0])

    def _lost(self, flight: _InFlight, why: str) -> JobEnd:
        """Send a lost job again; after `retries` losses or a signal, let it fail instead."""
        job, log = flight.job, log_path(flight.job.directory)
        kill(flight.worker)  # it may still run, although it cannot be reached
        flight.losses += 1
        if flight.losses > self._settings.retries or self.interrupted:
            self._back(flight)
            cause = f"lost {flight.losses} times (hydra.launcher.retries), at last: {why}"
            return JobEnd(job, log, 1, cause=cause)
        self._send(flight)
        return JobEnd(job, log, 1, cause=f"lost ({why})", lost=True)

    def _back(self, flight: _InFlight) -> None:
        self._in_flight.remove(flight)
        flight.lock.close()
