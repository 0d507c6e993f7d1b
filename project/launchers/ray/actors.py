"""The actors of a sweep: workers, which carry out jobs, and the event that tells them to stop."""

import asyncio
from collections.abc import Iterator
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from project.launchers.ray.node import Assignment, carry_out, make_pool
from project.launchers.ray.request import RaySettings


class StopEvent:
    """Set once, when the sweep is asked to stop; any number of workers wait for it."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    async def set(self) -> None:
        """Tell all who wait."""
        self._event.set()

    async def wait(self) -> None:
        """Return once it is set."""
        await self._event.wait()


class Worker:
    """Carries out jobs on a node, one after the other."""

    def __init__(
        self, task: tuple[str, str], timeout_minutes: float | None, preload: list[str], stop: Any
    ) -> None:
        self._pool = make_pool(task, timeout_minutes, preload)
        self._stopped = stop.wait.remote()

    def carry_out(self, assignment: Assignment, data: list[Any]) -> Iterator[Any]:
        """Carry out one job.

        Args:
            assignment: What the node has to know of it.
            data: A reference to the data files, in a list so that Ray leaves it where it is.
        """
        yield from carry_out(self._pool, assignment, lambda: ray.get(data[0]), self._asked_to_stop)

    def _asked_to_stop(self) -> bool:
        return bool(ray.wait([self._stopped], timeout=0)[0])


def new_stop_event() -> Any:
    """Start the event's actor on the driver's node: its end would look like a stop."""
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    event: Any = ray.remote(StopEvent)
    return event.options(num_cpus=0, max_concurrency=100_000, scheduling_strategy=here).remote()


def new_worker(settings: RaySettings, stop: Any) -> Any:
    """Start a worker; it is placed when a node has what is requested."""
    request = settings.request
    worker: Any = ray.remote(Worker)
    return worker.options(
        num_cpus=request.num_cpus, num_gpus=request.num_gpus, memory=request.memory or None
    ).remote(settings.task, settings.timeout_minutes, list(settings.preload), stop)


def kill(worker: Any) -> None:
    """End a worker and its job, wherever they are."""
    if ray.is_initialized():  # else it is gone, and asking would start a Ray anew
        ray.kill(worker)
