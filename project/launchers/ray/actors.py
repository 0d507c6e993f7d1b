"""The Ray actors of a sweep: workers that carry out jobs, and the event that stops them."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

import ray

from project.launchers.local.processes import ProcessPool
from project.launchers.ray.node import Assignment, carry_out


class StopEvent:
    """Ray actor with an event for which all workers wait; it is set to stop the sweep."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    async def set(self) -> None:
        """Set the event; all calls of `wait` return."""
        self._event.set()

    async def wait(self) -> None:
        """Return once the event is set."""
        await self._event.wait()


class Worker:
    """Ray actor that carries out jobs on a node, one after another.

    Args:
        task: Module and name of the function that carries out a job.
        preload: Modules that all jobs need.
        timeout_minutes: Time limit for each job; None: none.
        stop: Handle of the StopEvent actor.
    """

    def __init__(
        self,
        task: tuple[str, str],
        preload: Sequence[str],
        timeout_minutes: float | None,
        stop: Any,
    ) -> None:
        # Each job imports Ray, because multiprocessing runs the main script of Ray's process in it.
        self._pool = ProcessPool(task, 1, timeout_minutes, ["ray", *preload])
        self._stopped = stop.wait.remote()

    def carry_out(self, assignment: Assignment, data: list[Any]) -> Iterator[Any]:
        """Carry out one job and yield its messages, as `node.carry_out` does.

        `data` holds Ray's reference to the data files in a list, which keeps Ray from copying them
        to this node before they are needed.
        """

        def asked_to_stop() -> bool:
            return bool(ray.wait([self._stopped], timeout=0)[0])

        yield from carry_out(self._pool, assignment, lambda: ray.get(data[0]), asked_to_stop)


def kill(worker: Any) -> None:
    """End a worker, given by its handle, and its job; do nothing if Ray has been shut down."""
    if ray.is_initialized():  # else the worker has ended, and ray.kill would start a new Ray
        ray.kill(worker)
