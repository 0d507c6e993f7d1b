"""What TensorBoard's events and pictures cost a run of the report's best net, and their size."""

import functools
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from pytorch_lightning.callbacks import Callback

from project.composition import compose_values
from project.data.pairs import PairsDataModule
from project.training.dashboard.writer import DashboardWriter
from tests.benchmarks.steps import fit_into, pairs_of
from tests.benchmarks.timing import Ratio, take_turns

Clock = Callable[[], float]
HOOKS = (
    "on_fit_start",
    "on_train_start",
    "on_train_batch_end",
    "on_train_epoch_end",
    "on_test_start",
    "on_test_end",
)


def run_with(values: dict[str, Any], data: PairsDataModule, images: bool, clock: Clock) -> float:
    """Seconds, by `clock`, of a run with events, and with pictures if asked for."""
    with tempfile.TemporaryDirectory() as folder:
        started = clock()
        fit_into(Path(folder), values | {"dashboard": {"images": images}}, data)
        return clock() - started


def run_without(values: dict[str, Any], data: PairsDataModule, clock: Clock) -> float:
    """Likewise, writing nothing for TensorBoard."""
    with patch("project.training.fit.DashboardWriter", lambda **options: Callback()):
        return run_with(values, data, images=False, clock=clock)


def side_by_side(values: dict[str, Any], data: PairsDataModule, images: bool, rounds: int) -> Ratio:
    """Wall time of runs with and without: says something on a quiet machine alone."""
    return take_turns(
        f"run with events{' and pictures' if images else ''} beside none",
        lambda: run_with(values, data, images, time.perf_counter),
        lambda: run_without(values, data, time.perf_counter),
        rounds,
        limit=1.03,
    )


def share(values: dict[str, Any], data: PairsDataModule, images: bool, rounds: int) -> Ratio:
    """Processor time inside the callback beside that of its whole run.

    Both are of one run, so other processes on the machine slow them down alike.
    """
    spent = 0.0

    def timed(hook: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(hook)
        def measure(*arguments: Any, **options: Any) -> None:
            nonlocal spent
            started = time.process_time()
            hook(*arguments, **options)
            spent += time.process_time() - started

        return measure

    hooks = {name: timed(getattr(DashboardWriter, name)) for name in HOOKS}
    writer = type("TimedWriter", (DashboardWriter,), hooks)
    inside, whole = [], []
    for _ in range(rounds):
        spent = 0.0
        with patch("project.training.fit.DashboardWriter", writer):
            whole.append(run_with(values, data, images, time.process_time))
        inside.append(spent)
    return Ratio(
        f"events{' and pictures' if images else ''}, share of their run's processor time",
        statistics.median(inside),
        statistics.median(whole),
        "s",
        tuple(part / all_of_it for part, all_of_it in zip(inside, whole, strict=True)),
        limit=0.03,
    )


def event_file(values: dict[str, Any], data: PairsDataModule) -> Ratio:
    """Kilobytes of a run's event file, with pictures and without."""
    sizes = []
    for images in (True, False):
        with tempfile.TemporaryDirectory() as folder:
            fit_into(Path(folder), values | {"dashboard": {"images": images}}, data)
            (events,) = Path(folder).glob("events.out.tfevents.*")
            sizes.append(events.stat().st_size / 1000)
    large, small = sizes
    name = "event file with pictures beside without"
    return Ratio(name, large, small, "kB", (large / small,), limit=None)


def dashboard_ratios(root: Path, rounds: int) -> list[Ratio]:
    """All of it."""
    torch.set_num_threads(1)
    values = compose_values("train", [])
    data = pairs_of(values, root)
    warm_up = values | {"trainer": values["trainer"] | {"max_epochs": 1}}
    run_with(warm_up, data, images=True, clock=time.perf_counter)
    return [
        *(share(values, data, images, rounds) for images in (True, False)),
        *(side_by_side(values, data, images, rounds) for images in (True, False)),
        event_file(values, data),
    ]
