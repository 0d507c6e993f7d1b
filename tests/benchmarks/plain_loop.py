"""Seconds of training for the report's best net: ours beside the loop a student would write.

    python -m tests.benchmarks.plain_loop [rounds]

Both train the same net on the same 1,000 pairs with the same optimizer, one thread each, in turn.
The loop is plain PyTorch in NCHW without validation, logging or checkpoints; ours is `fit`, which
validates after every epoch and writes history, checkpoint and events. Start-up is left out of both.
"""

import logging
import statistics
import sys
import tempfile
import time
from pathlib import Path

import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from torch.nn.functional import cross_entropy

from project.building import build_net, optimizer_factory
from project.command import CONFIGURATION_FOLDER
from project.data.pairs import PairsDataModule
from project.runs.identity import Run
from project.seeding import initialise
from project.training.fit import fit
from project.training.interruption import StopFlag


def plain_loop(values: dict, data: PairsDataModule) -> float:
    """Train as a student would; returns seconds."""
    net = build_net(values["model"])
    initialise(net, seed=0)
    optimizer = optimizer_factory(values["optimizer"])(net.parameters())
    images, target, digits = data.train.images, data.train.target, data.train.digits
    size = values["data"]["batch_size"]
    started = time.perf_counter()
    net.train()
    for _ in range(values["trainer"]["max_epochs"]):
        for start in range(0, len(images), size):
            batch = slice(start, start + size)
            prediction = net(images[batch])
            loss = cross_entropy(prediction.comparison, target[batch])
            for output in prediction.digits:
                loss = loss + cross_entropy(output[:, 0], digits[batch, 0])
                loss = loss + cross_entropy(output[:, 1], digits[batch, 1])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return time.perf_counter() - started


def ours(values: dict, data: PairsDataModule) -> float:
    """Train with `fit`; returns its own count of training seconds."""
    with tempfile.TemporaryDirectory() as folder:
        outcome = fit(
            net=build_net(values["model"]),
            data=data,
            optimizer_factory=optimizer_factory(values["optimizer"]),
            auxiliary_weight=1.0,
            init_seed=0,
            noise_seed=0,
            max_epochs=values["trainer"]["max_epochs"],
            accelerator="cpu",
            threads=1,
            run=Run(values["model"]["name"], {}, seed=0),
            directory=Path(folder),
            images=values["dashboard"]["images"],
            show_progress=False,
            stop=StopFlag(),
        )
    return outcome.training_seconds


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    logging.getLogger().setLevel(logging.WARNING)
    with initialize_config_dir(str(CONFIGURATION_FOLDER), version_base="1.3"):
        values = OmegaConf.to_container(compose("train"), resolve=True)
    assert isinstance(values, dict)
    torch.set_num_threads(1)
    data = PairsDataModule(root=values["paths"]["data"], seed=0, order_seed=0, **values["data"])
    data.setup()
    pairs = [(plain_loop(values, data), ours(values, data)) for _ in range(rounds)]
    plain, platform = (statistics.median(times) for times in zip(*pairs, strict=True))
    ratios = sorted(mine / theirs for theirs, mine in pairs)
    print(f"plain loop {plain:.2f} s, ours {platform:.2f} s (medians of {rounds})")
    print(f"ratio {statistics.median(ratios):.2f}, from {ratios[0]:.2f} to {ratios[-1]:.2f}")


if __name__ == "__main__":
    main()
