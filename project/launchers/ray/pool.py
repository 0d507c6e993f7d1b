"""The jobs of a sweep on a Ray cluster, seen from home.

Each slot of the cluster is an actor that takes one job after the other, so that the slow imports
are done once for each. A job is sent with its run directory, of which home keeps the lock while it
is away. What comes back is a stream of messages (`project.launchers.ray.node`): the directory from
time to time, and at last how the job ended. A job whose node was lost is sent again with what has
reached home.
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ray
from ray.exceptions import RayError, RayTaskError

from project.launchers.grid import Experiment, Job, JobFailedError
from project.launchers.pool import (
    HELD_EXIT_CODE,
    Ended,
    Pool,
    SweepInterrupted,
    Waiting,
    log_path,
)
from project.launchers.ray.actors import kill, new_bell, new_slot
from project.launchers.ray.cluster import fitting_nodes, slots
from project.launchers.ray.data import SharedData
from project.launchers.ray.node import RECORD, Assignment, Begun, Finished, Snapshot
from project.runs.directory import (
    DamagedRunError,
    HeldError,
    RefusedError,
    completed_record,
    config_text,
    locked,
    move_aside,
)
from project.runs.parcels import DamagedParcelError, Packed, Parcel, pack, unpack

if TYPE_CHECKING:
    from project.launchers.ray.launcher import RayLauncher

LOOK_SECONDS = 2.0  # between looks at the nodes that there are
PATIENCE_SECONDS = 60.0  # how long a sweep waits for a node when the last one is gone


@dataclass
class _Away:
    """A job that has been sent. lock: of its run at home, held as long as it is away."""

    job: Job
    lock: ExitStack
    slot: Any = None
    messages: Any = None
    begun: bool = False
    losses: int = 0


class RayPool(Pool):
    """Sends jobs, brings their directories home, and yields each as it ends."""

    def __init__(self, launcher: "RayLauncher", jobs: int) -> None:
        super().__init__()
        self._launcher = launcher
        self._experiment: Experiment = launcher.experiment
        self._away: list[_Away] = []
        self._data = SharedData(launcher.experiment)
        self._moved_aside: set[int] = set()
        self.slots = 0  # on the nodes that there are now
        self._last_look = self._last_seen = -math.inf
        self._look_at_nodes()
        self._bell = new_bell()
        # The nodes begin with the slow imports while the caller still has something to do.
        self._idle: list[Any] = [self._new_slot() for _ in range(min(jobs, self.slots))]

    def run(self, jobs: list[Job], started: Callable[[Job], None]) -> Iterator[Ended]:
        """See `project.launchers.pool.Pool`."""
        waiting = Waiting(jobs)
        told = 0
        with self._heeding_signals():
            try:
                while (waiting and self.starting) or self._away:
                    self._look_at_nodes()
                    self._use_idle_slots()
                    while self._may_send() and (job := waiting.take()) is not None:
                        yield from self._send_first(job, waiting)
                    if not waiting:
                        self._dismiss_idle_slots()
                    yield from self._listen(started)
                    if len(self._signals) > told:
                        told = len(self._signals)
                        self._pass_on_signals()
            finally:
                self._dismiss_idle_slots()
                for away in self._away:
                    kill(away.slot)
                    away.lock.close()

    def _pass_on_signals(self) -> None:
        """The first signal stops the jobs and brings them home; the second leaves them behind."""
        if len(self._signals) > 1:
            raise SweepInterrupted(self._signals[0])
        self._bell.ring.remote()
        for away in self._away:
            if not away.begun:
                kill(away.slot)

    def _new_slot(self) -> Any:
        launcher = self._launcher
        return new_slot(
            launcher.request,
            self._experiment.task,
            launcher.timeout_minutes,
            launcher.preload,
            self._bell,
        )

    def _may_send(self) -> bool:
        return self.starting and len(self._away) < self.slots

    def _use_idle_slots(self) -> None:
        """A job whose own slot has no place yet, after a node was lost, say, takes one that has.

        Without this the two would wait for each other.
        """
        for away in self._away:
            if self._idle and self.starting and not away.begun:
                kill(away.slot)
                self._send(away)

    def _dismiss_idle_slots(self) -> None:
        """What they hold is for others, or for those of our own that wait for a place."""
        while self._idle:
            kill(self._idle.pop())

    def _look_at_nodes(self) -> None:
        """Nodes come and go. Raises JobFailedError if none is left that could take a job."""
        now = time.monotonic()
        if now - self._last_look < LOOK_SECONDS:
            return
        self._last_look = now
        request = self._launcher.request
        self.slots = sum(slots(node, request) for node in fitting_nodes(request))
        if self.slots:
            self._last_seen = now
        elif now - self._last_seen > PATIENCE_SECONDS:
            raise JobFailedError(
                "the cluster has had no node for a job for a minute; the same command goes on "
                "with what is left"
            )

    def _send_first(self, job: Job, waiting: Waiting) -> Iterator[Ended]:
        """Send a job; yields it if it cannot or need not be sent."""
        log = log_path(job.directory)
        lock = ExitStack()
        try:
            lock.enter_context(locked(job.directory))
        except HeldError:
            waiting.put_back(job)
            yield Ended(job, 0, HELD_EXIT_CODE, False, log, 0)
            return
        away = _Away(job, lock)
        try:
            if not job.values["rerun"] and completed_record(job.directory) is not None:
                lock.close()  # by another process, since the grid was composed
                yield Ended(job, 0, 0, False, log, 0)
                return
            self._send(away)
        except (RefusedError, DamagedRunError) as error:
            lock.close()
            yield Ended(job, 0, error.exit_code, False, log, 0, cause=str(error))
        except BaseException:
            lock.close()
            raise
        else:
            self._away.append(away)

    def _send(self, away: _Away) -> None:
        job = away.job
        data = self._data.of(job)
        assignment = Assignment(
            values=job.values,
            place=Path(*job.directory.parts[-3:]),
            parcel=self._pack(job),
            data=data.name,
            checkpoint_seconds=self._launcher.checkpoint_seconds,
        )
        away.slot = self._idle.pop() if self._idle else self._new_slot()
        away.begun = False
        away.messages = away.slot.carry_out.options(num_returns="streaming").remote(
            assignment, [data.reference]
        )

    def _pack(self, job: Job) -> Parcel:
        """The run directory, in it the configuration as it is at home, not the node's paths."""
        if job.values["rerun"] and job.number not in self._moved_aside:
            self._moved_aside.add(job.number)
            if job.directory.exists():
                move_aside(job.directory)
        parcel = pack(job.directory) if job.directory.exists() else {}
        return {"config.yaml": Packed.of(config_text(job.values).encode())} | parcel

    def _listen(self, started: Callable[[Job], None]) -> Iterator[Ended]:
        """Wait a moment for messages, and do what they ask for."""
        by_messages: dict[Any, _Away] = {away.messages: away for away in self._away}
        if not by_messages:
            time.sleep(0.1)
            return
        ready, _ = ray.wait(list(by_messages), num_returns=1, timeout=0.2, fetch_local=False)
        for messages in ready:
            away = by_messages[messages]
            try:
                message: Any = ray.get(next(away.messages))
            except (RayError, StopIteration) as error:
                yield from self._without_message(away, error)
                continue
            if isinstance(message, Begun):
                away.begun = True
                started(away.job)
            else:
                yield from self._bring_home(away, message)

    def _bring_home(self, away: _Away, message: Snapshot | Finished) -> Iterator[Ended]:
        directory = away.job.directory
        try:
            if RECORD in message.parcel:
                unpack(message.parcel, directory)
        except DamagedParcelError as error:
            yield from self._lost(away, str(error))
            return
        if isinstance(message, Finished):
            log = log_path(directory)
            with open(log, "ab") as file:
                log_start = file.tell()
                file.write(message.log)
            self._back(away)
            self._idle.append(away.slot)
            yield Ended(away.job, message.pid, message.exit_code, message.timed_out, log, log_start)

    def _without_message(self, away: _Away, error: Exception) -> Iterator[Ended]:
        """The stream has broken off: by our own wish, by a mistake there, or with the node."""
        if self.interrupted and not away.begun:
            self._back(away)
        elif isinstance(error, RayTaskError):
            self._back(away)
            self._idle.append(away.slot)
            words = " ".join(str(error.cause).split())
            cause = f"on its node: {type(error.cause).__name__}: {words}"
            yield Ended(away.job, 0, 1, False, log_path(away.job.directory), 0, cause=cause)
        else:
            yield from self._lost(away, _in_short(error))

    def _lost(self, away: _Away, why: str) -> Iterator[Ended]:
        """Send the job again, unless that has been done often enough."""
        job, log = away.job, log_path(away.job.directory)
        kill(away.slot)  # it may be alive, and out of reach
        away.losses += 1
        if away.losses > self._launcher.retries or self.interrupted:
            self._back(away)
            cause = f"lost {away.losses} times (hydra.launcher.retries), at last: {why}"
            yield Ended(job, 0, 1, False, log, 0, cause=cause)
        else:
            self._send(away)
            yield Ended(job, 0, 1, False, log, 0, cause=f"lost ({why})", lost=True)

    def _back(self, away: _Away) -> None:
        self._away.remove(away)
        away.lock.close()


def _in_short(error: Exception) -> str:
    if isinstance(error, StopIteration):
        return "its slot was asked to stop, and not from here"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
