"""The pool of jobs on a Ray cluster; runs in the driver, the process that the user started.

The driver sends a job with its run directory, and holds the run's lock until the job ends. The
task answers with a stream of messages (`project.launchers.ray.node`).
"""

import hashlib
import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from project.config.errors import ConflictError
from project.launchers.experiment import Experiment, Job, JobFailedError
from project.launchers.local.processes import ProcessPool
from project.launchers.pool import LOCKED_EXIT_CODE, JobEnd, Pool
from project.launchers.ray.cluster import living_nodes, slots
from project.launchers.ray.node import Assignment, Finished
from project.launchers.ray.settings import RaySettings
from project.launchers.ray.worker import StopEvent, import_all, work
from project.runs.archive import ArchivedFile, CorruptArchiveError, pack, unpack
from project.runs.directory import CONFIG, config_text, move_to_trash
from project.runs.lock import locked, log_path
from project.runs.record import RECORD, CorruptRunError, RunLockedError, completed_record

POLL_SECONDS = 2.0  # between checks of the cluster's nodes
NODE_TIMEOUT = 60.0  # how long a sweep waits for a node when the last one is gone


@dataclass
class _InFlight:
    """A job that has been sent; the driver holds the lock of its run."""

    job: Job
    lock: ExitStack = field(default_factory=ExitStack)
    messages: Any = None
    begun: bool = False
    losses: int = 0


class RayPool(Pool):
    """Pool that sends jobs as Ray tasks, fetches their directories, and yields each as it ends.

    Build it inside `project.launchers.ray.cluster.joined`. Its `run` raises JobFailedError if for
    NODE_TIMEOUT seconds no node of the cluster can take a job.
    """

    def __init__(self, settings: RaySettings, experiment: Experiment, jobs: int) -> None:
        super().__init__()
        self._settings = settings
        self._experiment = experiment
        self.in_flight: list[_InFlight] = []
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
        # Each job imports Ray, because multiprocessing runs the main script of Ray's process in it.
        preload = ["ray", *experiment.preload]
        self._make_pool = partial(
            ProcessPool, experiment.task, 1, settings.timeout_minutes, preload
        )
        needs: dict[str, Any] = {
            "num_cpus": settings.num_cpus,
            "num_gpus": settings.num_gpus,
            "memory": settings.needs.get("memory"),
            "max_retries": 0,
        }
        self._work: Any = ray.remote(work).options(num_returns="streaming", **needs)
        imports: Any = ray.remote(import_all).options(**needs)
        # Workers make the slow imports in parallel with the caller's further work.
        for _ in range(min(jobs, self.slots)):
            imports.remote(self._make_pool)

    def _ask_to_stop(self) -> None:
        """Ask the jobs that have begun to stop, so that they are fetched; cancel the others."""
        self._stop.set.remote()
        self._cancel([flight for flight in self.in_flight if not flight.begun])

    def _kill(self) -> None:
        self._cancel(list(self.in_flight))

    def _cancel(self, flights: list[_InFlight]) -> None:
        for flight in flights:
            ray.cancel(flight.messages, force=True)
            self._back(flight)

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

    def _start(self, job: Job, started: Callable[[Job], None]) -> JobEnd | None:
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
                return JobEnd(job, log, LOCKED_EXIT_CODE)
            except (ConflictError, CorruptRunError) as error:
                return JobEnd(job, log, error.exit_code, cause=str(error))
            flight.lock = lock.pop_all()
        self.in_flight.append(flight)
        return None

    def _send(self, flight: _InFlight) -> None:
        job = flight.job
        name, reference = self._data_of(job)
        archive = pack(job.directory) if job.directory.exists() else {}
        config = ArchivedFile.of(config_text(job.spec.config).encode())
        assignment = Assignment(
            job.spec, {CONFIG: config} | archive, name, self._settings.checkpoint_seconds
        )
        flight.begun = False
        flight.messages = self._work.remote(self._make_pool, self._stop, assignment, [reference])

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

    def _poll(self, started: Callable[[Job], None]) -> Iterator[JobEnd]:
        self._look_at_nodes()
        flights: dict[Any, _InFlight] = {flight.messages: flight for flight in self.in_flight}
        if not flights:
            time.sleep(0.1)
            return
        ready: list[Any]
        ready, _ = ray.wait(list(flights), num_returns=1, timeout=0.2, fetch_local=False)
        for messages in ready:
            flight = flights[messages]
            try:
                message: Any = ray.get(next(flight.messages))
                if RECORD in message.archive:
                    unpack(message.archive, flight.job.directory)
            except RayTaskError as error:
                self._back(flight)
                words = " ".join(str(error.cause).split())
                cause = f"on its node: {type(error.cause).__name__}: {words}"
                yield JobEnd(flight.job, log_path(flight.job.directory), 1, cause=cause)
            except StopIteration:
                yield self._lost(flight, "its worker was asked to stop, and not from here")
            except (RayError, CorruptArchiveError) as error:
                yield self._lost(flight, f"{type(error).__name__}: {error}".splitlines()[0])
            else:
                if not flight.begun:
                    flight.begun = True
                    started(flight.job)
                if isinstance(message, Finished):
                    yield self._finished(flight, message)

    def _finished(self, flight: _InFlight, message: Finished) -> JobEnd:
        log = log_path(flight.job.directory)
        with open(log, "ab") as file:
            log_start = file.tell()
            file.write(message.log)
        self._back(flight)
        return replace(message.end, job=flight.job, log=log, log_start=log_start)

    def _lost(self, flight: _InFlight, why: str) -> JobEnd:
        """Send a lost job again; after `retries` losses or a signal, let it fail instead."""
        job, log = flight.job, log_path(flight.job.directory)
        ray.cancel(flight.messages, force=True)  # it may run, although it cannot be reached
        flight.losses += 1
        if flight.losses > self._settings.retries or self.interrupted:
            self._back(flight)
            cause = f"lost {flight.losses} times (hydra.launcher.retries), at last: {why}"
            return JobEnd(job, log, 1, cause=cause)
        self._send(flight)
        return JobEnd(job, log, 1, cause=f"lost ({why})", lost=True)

    def _back(self, flight: _InFlight) -> None:
        self.in_flight.remove(flight)
        flight.lock.close()
