"""What TensorBoard's events and pictures cost a run of the report's best net, and their size."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from pytorch_lightning.callbacks import Callback

from project.data.pairs import PairsDataModule
from tests.benchmarks.steps import composed, fit_into, pairs_of
from tests.benchmarks.timing import Ratio, take_turns

Clock = Callable[[], float]


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


def kilobytes(values: dict[str, Any], data: PairsDataModule, images: bool) -> float:
    """Size of the event file of a run."""
    with tempfile.TemporaryDirectory() as folder:
        fit_into(Path(folder), values | {"dashboard": {"images": images}}, data)
        (events,) = Path(folder).glob("events.out.tfevents.*")
        return events.stat().st_size / 1000


def dashboard_ratios(root: Path, rounds: int) -> list[Ratio]:
    """Runs with events beside runs without, by the wall's clock and by the processor's.

    The processor's does not count what other processes take from the run.
    """
    torch.set_num_threads(1)
    values = composed()
    data = pairs_of(values, root)
    warm_up = values | {"trainer": values["trainer"] | {"max_epochs": 1}}
    run_with(warm_up, data, images=True, clock=time.perf_counter)
    ratios = []
    for name, clock in (("wall", time.perf_counter), ("processor", time.process_time)):
        for images in (True, False):
            ratios.append(
                take_turns(
                    f"run with events{' and pictures' if images else ''} beside none, {name} time",
                    lambda images=images, clock=clock: run_with(values, data, images, clock),
                    lambda clock=clock: run_without(values, data, clock),
                    rounds,
                    limit=1.03 if images else None,
                )
            )
    large, small = (kilobytes(values, data, images) for images in (True, False))
    name = "event file with pictures beside without"
    ratios.append(Ratio(name, large, small, "kB", (large / small,), limit=None))
    return ratios
