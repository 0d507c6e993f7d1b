"""Checks that the data depend on the seed alone, whatever else draws random numbers."""

import hashlib
import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from project import seeding
from project.checks.loaders import STAGES, begin_epoch, is_indexed, loaders_of
from project.checks.result import CheckResult, failed, ok, warning
from project.checks.session import Session
from project.config.identity import seeds_of
from project.data.digests import example_hashes
from project.seeding import SEED_LIMIT
from project.training.components import build_components, build_data, build_net
from project.training.streams import SeededLoader

NET, SEED = "data and net", "what a seed changes"
# Batches that are compared in each epoch (MANY_BATCHES if examples have no index), and examples.
BATCHES, MANY_BATCHES = 20, 500
EXAMPLES = 50


@dataclass(frozen=True)
class DataPrint:
    """Hashes of what a data module yields.

    Attributes:
        examples: For each stage, a hash of its examples that does not depend on their order.
        order: For each stage, a hash of its batches in their order, in the first epoch (of train,
            in the first two).
    """

    examples: dict[str, str]
    order: dict[str, str]


def check_data(session: Session) -> list[CheckResult]:
    """Check that other draws from the global generators do not change the data, but a seed does.

    Returns:
        The results NET and SEED.

    Raises:
        ConfigurationError, CheckpointError, CorruptRunError: As `build_components`.
    """
    config = session.config
    build_net(config)
    usual = _print_of(config, disturb=False)
    seeding.start(SEED_LIMIT - 2, "another net")
    _draw(100)
    disturbed = _print_of(config, disturb=True)
    other = _print_of(config | {"seed": (config["seed"] + 1) % SEED_LIMIT}, disturb=False)
    return [_independence(usual, disturbed), _effect_of_seed(session, usual, other)]


def _independence(usual: DataPrint, disturbed: DataPrint) -> CheckResult:
    changed = [
        f"the {stage} examples"
        for stage in STAGES
        if usual.examples[stage] != disturbed.examples[stage]
    ]
    changed += [
        f"the order of {stage}"
        for stage in STAGES
        if usual.examples[stage] == disturbed.examples[stage]
        and usual.order[stage] != disturbed.order[stage]
    ]
    if not changed:
        return ok(NET, "examples and order are the same whatever the net draws")
    return failed(
        NET,
        f"{', '.join(changed)} change when something else has drawn numbers before",
        "draw from the global generators in setup() or from the `seed` that the constructor is "
        "given; share no generator with the net",
    )


def _effect_of_seed(session: Session, usual: DataPrint, other: DataPrint) -> CheckResult:
    config = session.config
    there = config | {"seed": (config["seed"] + 1) % SEED_LIMIT}
    changes = {f"{stage} data": usual.examples[stage] != other.examples[stage] for stage in STAGES}
    changes["initial weights"] = _weights(config) != _weights(there)
    if not changes["train data"]:  # different examples have no order to compare
        changes["order"] = usual.order["train"] != other.order["train"]
    changed = [name for name, does in changes.items() if does]
    if not changed:
        seen = "neither data nor initial weights nor order"
        return failed(SEED, seen, "leave out manual_seed and fixed random_state in your own code")
    same = [
        name for name in ("initial weights", "train data", "order") if not changes.get(name, True)
    ]
    held = {"init": "initial weights", "data": "train data", "order": "order"}
    given = config.get("seeds") or {}
    meant = {what for name, what in held.items() if given.get(name) is not None}
    seen = ", ".join(changed)
    if "initial weights" in same and "initial weights" not in meant and session.first.norms:
        advice = "pretrained, or a seed of its own? Then the spread over seeds leaves them out"
        return warning(SEED, f"{seen}; not the initial weights", advice)
    if {"train data", "order"} <= set(same) - meant:
        advice = "the spread over seeds says nothing of which examples came when: shuffle=True"
        return warning(SEED, f"{seen}; neither training data nor their order", advice)
    return ok(SEED, seen + (f"; not {' and '.join(same)}" if same else ""))


def _weights(config: dict[str, Any]) -> str:
    """Return the SHA-256 of the initial weights of a configuration's task."""
    digest = hashlib.sha256()
    for tensor in build_components(config).task.state_dict().values():
        digest.update(
            tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes()
        )
    return digest.hexdigest()


def _draw(count: int) -> None:
    """Draw `count` numbers from each global generator, as dropout or an initialisation would."""
    torch.rand(count)
    np.random.rand(count)
    for _ in range(count):
        random.random()


def _print_of(config: dict[str, Any], disturb: bool) -> DataPrint:
    data = build_data(config)
    data.prepare_data()
    for stage in ("fit", "test"):
        seeding.start(seeds_of(config)["data"], "data")
        data.setup(stage)
    examples, order = {}, {}
    for stage in STAGES:
        batches, first = hashlib.sha256(), []
        loaders = loaders_of(data, stage)
        for epoch in range(2 if stage == "train" else 1):
            for loader in loaders:
                for batch in _first_batches(loader, epoch):
                    if disturb:
                        _draw(3)
                    found = example_hashes(batch)
                    batches.update(b"".join(found))
                    first += [] if epoch else found
        order[stage] = batches.hexdigest()
        held = [each for loader in loaders for each in _examples(loader)] or sorted(first)
        examples[stage] = hashlib.sha256(b"".join(held)).hexdigest()
    return DataPrint(examples, order)


def _first_batches(loader: SeededLoader, epoch: int) -> Iterator[Any]:
    # Examples without an index are known only from the batches of the whole epoch.
    most = BATCHES if is_indexed(loader) else MANY_BATCHES
    return itertools.islice(begin_epoch(loader, epoch), most)


def _examples(loader: SeededLoader) -> list[bytes]:
    """Return the number of examples and hashes of some; empty if examples have no index."""
    if not is_indexed(loader):
        return []
    count = len(loader.dataset)
    hashes = [str(count).encode()]
    for number in range(0, count, max(1, count // EXAMPLES)):
        seeding.start(0, "example", number)
        hashes += example_hashes(loader.collate_fn([loader.dataset[number]]))
    return hashes
