"""What Ray runs for a sweep: tasks that carry out jobs, and the actor that stops them."""

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import ray

from project.launchers.local.gpus import VISIBLE
from project.launchers.local.processes import ProcessPool
from project.launchers.ray.node import Assignment, Snapshot, carry_out


class StopEvent:
    """Ray actor with an event for which all jobs wait; it is set to stop the sweep."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    async def set(self) -> None:
        """Set the event; all calls of `wait` return."""
        self._event.set()

    async def wait(self) -> None:
        """Return once the event is set."""
        await self._event.wait()


def import_all(make_pool: Callable[[], ProcessPool]) -> None:
    """Make the slow imports that jobs need, and return when they are made."""
    make_pool().check(time.sleep, 0)


def work(
    make_pool: Callable[..., ProcessPool], stop: Any, assignment: Assignment, data: list[Any]
) -> Iterator[Snapshot]:
    """Carry out one job and yield its messages, as `node.carry_out` does.

    Args:
        make_pool: Returns a pool; all pools of this process share the server with the imports.
        stop: Handle of the StopEvent actor.
        assignment: The job.
        data: Ray's reference to the data files; in a list, which keeps Ray from copying them to
            this node before they are needed.
    """
    # Ray gives each task its GPUs, but the server keeps the environment in which it was started.
    pool = make_pool(devices=[os.environ[VISIBLE]] if VISIBLE in os.environ else [])
    stopped = stop.wait.remote()

    def asked_to_stop() -> bool:
        return bool(ray.wait([stopped], timeout=0)[0])

    yield from carry_out(pool, assignment, lambda: ray.get(data[0]), asked_to_stop)
    ray.cancel(stopped)
