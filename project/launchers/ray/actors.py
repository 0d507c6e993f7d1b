"""The actors of a sweep: its slots, which carry out jobs, and the bell that tells them to stop."""

import asyncio
from collections.abc import Iterator
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from project.launchers.ray.launcher import Request
from project.launchers.ray.node import Assignment, carry_out, make_pool


class Bell:
    """Rung once, when the sweep is asked to stop; whoever waits for it hears it."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    async def ring(self) -> None:
        self._rung.set()

    async def wait(self) -> None:
        await self._rung.wait()


class Slot:
    """Carries out jobs on a node, one after the other."""

    def __init__(
        self, task: tuple[str, str], timeout_minutes: float | None, preload: list[str], bell: Any
    ) -> None:
        self._pool = make_pool(task, timeout_minutes, preload)
        self._rung = bell.wait.remote()

    def carry_out(self, assignment: Assignment, data: list[Any]) -> Iterator[Any]:
        """One job. data: a reference, in a list so that Ray leaves it where it is."""
        yield from carry_out(self._pool, assignment, lambda: ray.get(data[0]), self._asked_to_stop)

    def _asked_to_stop(self) -> bool:
        return bool(ray.wait([self._rung], timeout=0)[0])


def new_bell() -> Any:
    """Any number of slots may wait for it. It stands at home: its end would sound like a ring."""
    home = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    bell: Any = ray.remote(Bell)
    return bell.options(num_cpus=0, max_concurrency=100_000, scheduling_strategy=home).remote()


def new_slot(
    request: Request,
    task: tuple[str, str],
    timeout_minutes: float | None,
    preload: list[str],
    bell: Any,
) -> Any:
    """It finds its place when a node has what is requested."""
    slot: Any = ray.remote(Slot)
    return slot.options(
        num_cpus=request.num_cpus, num_gpus=request.num_gpus, memory=request.memory or None
    ).remote(task, timeout_minutes, preload, bell)


def kill(slot: Any) -> None:
    """End a slot and its job, wherever they are."""
    if ray.is_initialized():  # else it is gone, and asking would start a Ray anew
        ray.kill(slot)
