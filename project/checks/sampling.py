"""Checks that the data depend on the seed alone, whatever else draws random numbers."""

import hashlib
import itertools
import random
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

# For each stage a hash of its examples, independent of their order, and one of its batches in their
# order, in the first epoch (of train, in the first two).
Hashes = tuple[dict[str, str], dict[str, str]]


def check_data(session: Session) -> list[CheckResult]:
    """Check that other draws from the global generators do not change the data, but a seed does."""
    config = session.config
    there = config | {"seed": (config["seed"] + 1) % SEED_LIMIT}
    build_net(config)
    usual = _hashes(config, disturb=False)
    seeding.start(SEED_LIMIT - 2, "another net")
    _draw(100)
    disturbed = _hashes(config, disturb=True)
    other = _hashes(there, disturb=False)
    changes = {f"{stage} data": usual[0][stage] != other[0][stage] for stage in STAGES}
    one, two = (build_components(each).task.state_dict() for each in (config, there))
    changes["initial weights"] = any(not torch.equal(one[name], two[name]) for name in one)
    if not changes["train data"]:  # different examples have no order to compare
        changes["order"] = usual[1]["train"] != other[1]["train"]
    return [_independence(usual, disturbed), _effect_of_seed(session, changes)]


def _independence(usual: Hashes, disturbed: Hashes) -> CheckResult:
    examples, order = (
        [stage for stage in STAGES if usual[which][stage] != disturbed[which][stage]]
        for which in range(2)
    )
    changed = [f"the {stage} examples" for stage in examples]
    changed += [f"the order of {stage}" for stage in order if stage not in examples]
    if not changed:
        return ok(NET, "examples and order are the same whatever the net draws")
    return failed(
        NET,
        f"{', '.join(changed)} change when something else has drawn numbers before",
        "draw from the global generators in setup() or from the `seed` that the constructor is "
        "given; share no generator with the net",
    )


def _effect_of_seed(session: Session, changes: dict[str, bool]) -> CheckResult:
    """Return what another seed changes, given whether it changes each thing that was compared."""
    changed = [name for name, does in changes.items() if does]
    if not changed:
        seen = "neither data nor initial weights nor order"
        return failed(SEED, seen, "leave out manual_seed and fixed random_state in your own code")
    sources = {"init": "initial weights", "data": "train data", "order": "order"}
    same = [what for what in sources.values() if not changes.get(what, True)]
    held = session.config.get("seeds") or {}
    unmeant = {what for name, what in sources.items() if what in same and held.get(name) is None}
    seen = ", ".join(changed)
    if "initial weights" in unmeant and session.first.norms:
        advice = "pretrained, or a seed of its own? Then the spread over seeds leaves them out"
        return warning(SEED, f"{seen}; not the initial weights", advice)
    if {"train data", "order"} <= unmeant:
        advice = "the spread over seeds says nothing of which examples came when: shuffle=True"
        return warning(SEED, f"{seen}; neither training data nor their order", advice)
    return ok(SEED, seen + (f"; not {' and '.join(same)}" if same else ""))


def _draw(count: int) -> None:
    """Draw from each global generator, as dropout or an initialisation would."""
    torch.rand(count)
    np.random.rand(count)
    for _ in range(count):
        random.random()


def _hashes(config: dict[str, Any], disturb: bool) -> Hashes:
    """Return hashes of the data; `disturb` draws other random numbers between the batches."""
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
                # Examples without an index are known only from the batches of the whole epoch.
                most = BATCHES if is_indexed(loader) else MANY_BATCHES
                for batch in itertools.islice(begin_epoch(loader, epoch), most):
                    if disturb:
                        _draw(3)
                    found = example_hashes(batch)
                    batches.update(b"".join(found))
                    first += [] if epoch else found
        order[stage] = batches.hexdigest()
        held = [each for loader in loaders for each in _examples(loader)] or sorted(first)
        examples[stage] = hashlib.sha256(b"".join(held)).hexdigest()
    return examples, order


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
