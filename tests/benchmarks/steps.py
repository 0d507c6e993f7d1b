"""One training step of ours beside the plain one, and a whole run beside a bare loop.

In one process, one thread each; start-up left out.
"""

import contextlib
import io
import logging
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import LightningModule
from torch.nn.functional import cross_entropy

from project import seeding
from project.config.compose import compose
from project.runs.lifecycle import run
from project.runs.prepare import prepare_run
from project.runs.spec import RunSpec
from project.tasks.metrics import EpochMetrics
from project.training.components import Components, build_components, build_net
from project.training.execute import execute
from tests.benchmarks.timing import Ratio, take_turns

STEPS = 10


def spec_of(root: Path, outputs: Path, *words: str) -> RunSpec:
    """Return the run of `python -m project.train <words>` on the digits in `root`."""
    paths = (f"paths.data={root}", f"paths.outputs={outputs}")
    return prepare_run(compose("train", [*words, *paths]))


def components_of(spec: RunSpec) -> Components:
    """Return net, task and data of a run, the pairs in memory."""
    components = build_components(spec.config)
    components.data.setup("fit")
    return components


def first_batch(components: Components, spec: RunSpec) -> Any:
    """Return the first training batch; always the same, so that both sides see one."""
    data: Any = components.data
    return data.train[torch.arange(spec.config["data"]["batch_size"])]


def plain_step(spec: RunSpec) -> Callable[[], None]:
    """The step that a student would write for the same net: NCHW, torch's defaults."""
    net = build_net(spec.config)
    assert net is not None
    optimizer = torch.optim.Adadelta(net.parameters(), lr=spec.config["optimizer"]["lr"])
    images, target, digits = first_batch(components_of(spec), spec)

    def step() -> None:
        prediction = net(images)
        loss = cross_entropy(prediction.comparison, target)
        for output in prediction.digits:
            loss = loss + cross_entropy(output[:, 0], digits[:, 0])
            loss = loss + cross_entropy(output[:, 1], digits[:, 1])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def our_step(spec: RunSpec) -> Callable[[], None]:
    """The step of a run: noise of its own, loss, what is measured of it, update."""
    components = components_of(spec)
    task: Any = components.task
    optimizer = task.configure_optimizers()
    batch = first_batch(components, spec)

    def step() -> None:
        seeding.start(0, "noise", 0)
        loss = task.training_step(batch, 0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def seconds_per_step(step: Callable[[], None], steps: int) -> float:
    """Return the mean processor time of some steps in a row: waiting for others does not count."""
    started = time.process_time()
    for _ in range(steps):
        step()
    return (time.process_time() - started) / steps


def step_ratio(
    root: Path, rounds: int, model: str, limit: float | None, steps: int = STEPS
) -> Ratio:
    """Milliseconds of a training step, ours beside the plain one."""
    torch.set_num_threads(1)
    spec = spec_of(root, Path("nowhere"), f"model={model}")
    ours, plain = our_step(spec), plain_step(spec)
    for step in (ours, plain):
        seconds_per_step(step, 3)  # the first steps allocate
    return take_turns(
        f"step, {model}",
        lambda: 1e3 * seconds_per_step(ours, steps),
        lambda: 1e3 * seconds_per_step(plain, steps),
        rounds,
        limit=limit,
        unit="ms",
    )


def bare_loop(spec: RunSpec) -> float:
    """Seconds of the very steps, validation passes and final test of a run, and nothing else."""
    started = time.perf_counter()
    torch.set_num_threads(1)
    components = build_components(spec.config)
    data: Any = components.data
    task: Any = components.task
    data.setup("fit")
    optimizer = task.configure_optimizers()
    number = 0
    for epoch in range(spec.config["trainer"]["max_epochs"]):
        task.train()
        for batch in data.train_dataloader().at(epoch):
            seeding.start(0, "noise", number)
            loss = task.training_step(batch, 0)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            number += 1
        task.epoch_metrics["train"] = EpochMetrics()
        _evaluate(task, data.val_dataloader(), "val")
    _evaluate(task, data.test_dataloader(), "test")
    return time.perf_counter() - started


def _evaluate(task: LightningModule, loader: Any, stage: str) -> None:
    module: Any = task
    module.eval()
    with torch.no_grad():
        for batch in loader:
            module.loss_of(batch, stage)
    module.epoch_metrics[stage] = EpochMetrics()


def train_run(root: Path, *words: str) -> dict[str, Any]:
    """Return the record of a run that is made, from its configuration on, and thrown away."""
    with tempfile.TemporaryDirectory() as folder:
        spec = spec_of(root, Path(folder), *words)
        with spec.directory.locked(), contextlib.redirect_stderr(io.StringIO()):
            return run(spec, execute)


def whole_run(root: Path, *words: str) -> float:
    """Seconds of a run with history, checkpoints, events, pictures, record and log."""
    started = time.perf_counter()
    train_run(root, *words)
    logging.getLogger().setLevel(logging.WARNING)  # a run's log sets another
    return time.perf_counter() - started


def overhead_ratio(root: Path, rounds: int) -> Ratio:
    """A whole run beside the bare loop over the same steps and data."""
    spec = spec_of(root, Path("nowhere"))
    bare_loop(spec_of(root, Path("nowhere"), "trainer.max_epochs=1"))
    whole_run(root, "trainer.max_epochs=1")
    return take_turns(
        "whole run beside a bare loop",
        lambda: whole_run(root),
        lambda: bare_loop(spec),
        rounds,
        limit=1.30,
    )
