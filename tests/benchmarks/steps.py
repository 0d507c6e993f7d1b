"""One training step of ours beside the plain one, and a whole run beside a bare loop.

In one process, one thread each; data in memory; start-up left out.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import cross_entropy

from project.building import build_net, optimizer_factory
from project.composition import compose_values
from project.data.pairs import PairsDataModule
from project.runs.identity import Run
from project.seeding import initialise, seed_noise
from project.training.fit import Training, fit
from project.runs.interruption import StopFlag
from project.training.module import PairClassifier
from tests.benchmarks.timing import Ratio, take_turns

STEPS = 10


def pairs_of(values: dict[str, Any], root: Path) -> PairsDataModule:
    """The pairs of seed 0, in memory."""
    data = PairsDataModule(root=root, seed=0, order_seed=0, **values["data"])
    data.setup()
    return data


def plain_step(values: dict[str, Any], data: PairsDataModule) -> Callable[[], None]:
    """The step a student would write for the same net: NCHW, torch's defaults."""
    net = build_net(values["model"])
    initialise(net, seed=0)
    optimizer = torch.optim.Adadelta(net.parameters(), lr=values["optimizer"]["lr"])
    batch = torch.arange(values["data"]["batch_size"])
    images, target, digits = data.train[batch]

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


def our_module(values: dict[str, Any]) -> tuple[PairClassifier, torch.optim.Optimizer]:
    """The LightningModule of a run, and its optimizer."""
    net = build_net(values["model"])
    initialise(net, seed=0)
    module = PairClassifier(net, optimizer_factory(values["optimizer"]), 1.0, seed=0)
    return module, module.configure_optimizers()


def our_step(values: dict[str, Any], data: PairsDataModule) -> Callable[[], None]:
    """The step of a run: noise of its own, loss, its parts, update."""
    module, optimizer = our_module(values)
    batch = data.train[torch.arange(values["data"]["batch_size"])]

    def step() -> None:
        seed_noise(0, 0)
        loss = module.training_step(batch, 0)
        module.optimizer_zero_grad(0, 0, optimizer)
        loss.backward()
        module.on_before_optimizer_step(optimizer)
        optimizer.step()

    return step


def seconds_per_step(step: Callable[[], None], steps: int) -> float:
    started = time.perf_counter()
    for _ in range(steps):
        step()
    return (time.perf_counter() - started) / steps


def step_ratio(root: Path, rounds: int, model: str = "ws_al_bn_do", steps: int = STEPS) -> Ratio:
    """Milliseconds of a training step, ours beside the plain one."""
    torch.set_num_threads(1)
    values = compose_values("train", [f"model={model}"])
    data = pairs_of(values, root)
    ours, plain = our_step(values, data), plain_step(values, data)
    for step in (ours, plain):
        seconds_per_step(step, 3)  # the first steps allocate
    return take_turns(
        f"step, {model}",
        lambda: 1e3 * seconds_per_step(ours, steps),
        lambda: 1e3 * seconds_per_step(plain, steps),
        rounds,
        limit=0.6,
        unit="ms",
    )


def bare_loop(values: dict[str, Any], data: PairsDataModule) -> float:
    """Seconds of the very steps, validation passes and final test of a run, and nothing else."""
    module, optimizer = our_module(values)
    started = time.perf_counter()
    step = 0
    for epoch in range(values["trainer"]["max_epochs"]):
        module.train()
        loader = data.train_dataloader()
        loader.sampler.set_epoch(epoch)  # type: ignore[attr-defined]
        for batch in loader:
            seed_noise(0, step)
            loss = module.training_step(batch, 0)
            module.optimizer_zero_grad(0, 0, optimizer)
            loss.backward()
            module.on_before_optimizer_step(optimizer)
            optimizer.step()
            step += 1
        _evaluate(module, data.val_dataloader())
    _evaluate(module, data.test_dataloader())
    return time.perf_counter() - started


def _evaluate(module: PairClassifier, loader: Any) -> None:
    module.eval()
    with torch.no_grad():
        for batch in loader:
            module.loss(batch)


def whole_run(values: dict[str, Any], data: PairsDataModule) -> float:
    """Seconds of `fit`: the same with history, checkpoints, events and a stop at any moment."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        fit_into(Path(folder), values, data)
        return time.perf_counter() - started


def fit_into(folder: Path, values: dict[str, Any], data: PairsDataModule) -> float:
    """Train a run of seed 0 in `folder`; returns its own count of training seconds."""
    training = Training(
        net=build_net(values["model"]),
        data=data,
        optimizer_factory=optimizer_factory(values["optimizer"]),
        auxiliary_weight=1.0,
        init_seed=0,
        noise_seed=0,
        max_epochs=values["trainer"]["max_epochs"],
        accelerator="cpu",
        devices=1,
        threads=1,
    )
    outcome = fit(
        training,
        run=Run(values["model"]["name"], {}, seed=0),
        directory=folder,
        images=values["dashboard"]["images"],
        checkpoint_share=values["checkpoints"]["time_share"],
        show_progress=False,
        stop=StopFlag(),
    )
    return outcome.training_seconds


def overhead_ratio(root: Path, rounds: int) -> Ratio:
    """A whole run beside the bare loop over the same steps and data."""
    torch.set_num_threads(1)
    values = compose_values("train", [])
    data = pairs_of(values, root)
    warm_up = values | {"trainer": values["trainer"] | {"max_epochs": 1}}
    bare_loop(warm_up, data)
    whole_run(warm_up, data)
    return take_turns(
        "whole run beside a bare loop",
        lambda: whole_run(values, data),
        lambda: bare_loop(values, data),
        rounds,
        limit=1.10,
    )
