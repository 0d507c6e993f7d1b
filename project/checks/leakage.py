"""Checks for examples shared by training, validation and test, and for class balance."""

import hashlib
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from project.checks.batches import classes_of, example_count, inputs_of
from project.checks.loaders import STAGES, begin_epoch, loaders_of
from project.checks.result import CheckResult, failed, not_checked, ok, percent, some, warning
from project.checks.session import Session
from project.data.digests import example_hashes

LEAKAGE, BALANCE = "leakage", "class balance"
PAIRS = (("train", "test"), ("val", "test"), ("train", "val"))
# Examples with fewer input values than this may be equal by chance.
MIN_NUMBERS = 32
# Standardised values are rounded to multiples of this before they are compared.
STEP = 0.1
MIN_CLASSES, MAX_CLASSES = 2, 1000
RARE = 0.1  # a class is rare below this fraction of a balanced class's share


@dataclass
class Contents:
    """The inputs of a stage's examples, as hashes, and the counts of their classes."""

    exact: list[bytes] = field(default_factory=list)  # of each example, in the loaders' order
    # Of inputs scaled to mean 0 and std 1; empty bytes if they are constant, too few or no tensor.
    standardised: list[bytes] = field(default_factory=list)
    classes: Counter[int] = field(default_factory=Counter)
    numbers: int = 0  # of values in an example's inputs; MIN_NUMBERS if they are no tensor
    is_whole: bool = True  # whether all examples were read


def check_contents(session: Session) -> list[CheckResult]:
    """Check that no example is in two stages, and no class missing; the results LEAKAGE, BALANCE.

    Sets the session's `classes` and `commonest` if the targets are classes.
    """
    seconds = session.candidate.limits.leakage / len(STAGES)
    contents = {stage: _read(session, stage, seconds) for stage in STAGES}
    train, val = contents["train"].classes, contents["val"].classes
    if MIN_CLASSES <= len(train) <= min(MAX_CLASSES, max(2, train.total() // 3)):
        session.classes = len(train)
        session.commonest = max(val.values()) / val.total() if val else None
    return [_leakage(contents), _balance(contents, session.classes)]


def _read(session: Session, stage: str, seconds: float) -> Contents:
    """Read the examples of a stage's first epoch, for at most `seconds`."""
    contents, end = Contents(), time.monotonic() + seconds
    for loader in loaders_of(session.data, stage):
        for batch in begin_epoch(loader, 0):
            inputs = inputs_of(batch)
            hashes = example_hashes(inputs)
            contents.exact += hashes
            contents.standardised += _standardised(inputs) or [b""] * len(hashes)
            if isinstance(inputs, Tensor) and len(inputs):
                contents.numbers = inputs[0].numel()
            elif hashes:
                contents.numbers = MIN_NUMBERS
            classes = classes_of(batch)
            if classes is not None and len(classes) == example_count(batch):
                contents.classes.update(classes.tolist())
            if time.monotonic() > end:
                contents.is_whole = False
                return contents
    return contents


def _standardised(inputs: Any) -> list[bytes]:
    """Return `Contents.standardised` of a batch; empty if `inputs` are no tensor or too few."""
    if not isinstance(inputs, Tensor) or inputs.dim() < 2 or inputs[0].numel() < MIN_NUMBERS:
        return []
    values = inputs.detach().cpu().flatten(1).double()
    std, mean = torch.std_mean(values, dim=1, keepdim=True)
    rounded = ((values - mean) / std.clamp_min(1e-12) / STEP).round().to(torch.int16).numpy()
    is_flat = (std <= 1e-12).flatten().tolist()
    return [
        b"" if flat else hashlib.sha256(row.tobytes()).digest()
        for flat, row in zip(is_flat, rounded, strict=True)
    ]


def _leakage(contents: dict[str, Contents]) -> CheckResult:
    train = contents["train"]
    if not train.exact or not contents["test"].exact:
        return not_checked(LEAKAGE, "the batches cannot be taken apart into examples")
    lines = []
    for first, second in PAIRS:
        one, two = contents[first], contents[second]
        exact = _shared(one.exact, two.exact)
        alike = _shared(one.standardised, two.standardised)
        alike = {place: other for place, other in alike.items() if place not in exact}
        for found, how in ((exact, ""), (alike, " but for brightness or contrast")):
            if found:
                place, other = next(iter(found.items()))
                lines.append(
                    f"{len(found)} of {len(two.exact):,} {second} examples are in "
                    f"{first} too{how}: {second}[{place}] is {first}[{other}]"
                )
    sizes = ", ".join(f"{len(contents[stage].exact):,} {stage}" for stage in STAGES)
    if not lines:
        part = "" if all(each.is_whole for each in contents.values()) else ", not all read"
        repeated = len(train.exact) - len(set(train.exact))
        twice = f"; {repeated} are in train more than once" if repeated else ""
        return ok(LEAKAGE, f"no example is in two of {sizes}{part}{twice}")
    seen = "; ".join(lines)
    if train.numbers < MIN_NUMBERS:
        advice = f"{train.numbers} numbers may be equal by chance; if not, split again"
        return warning(LEAKAGE, seen, advice)
    return failed(LEAKAGE, seen, "remove equal examples before the data are split")


def _shared(first: list[bytes], second: list[bytes]) -> dict[int, int]:
    """Map the position in `second` of each hash, not empty, in both lists to that in `first`."""
    places = {key: place for place, key in reversed(list(enumerate(first))) if key}
    return {place: places[key] for place, key in enumerate(second) if key in places}


def _balance(contents: dict[str, Contents], classes: int | None) -> CheckResult:
    if classes is None:
        return not_checked(BALANCE, "the targets are not classes")
    counts = {stage: each.classes for stage, each in contents.items() if each.classes}
    known = sorted(set().union(*counts.values()))
    shares = {
        stage: {each: count[each] / count.total() for each in known}
        for stage, count in counts.items()
    }
    if classes == len(known) == 2:
        parts = ", ".join(f"{percent(each[known[1]])} of {stage}" for stage, each in shares.items())
        seen = f"class {known[1]} is {parts}"
    else:
        parts = ", ".join(f"{_range(each)} of {stage}" for stage, each in shares.items())
        seen = f"{classes} classes, each {parts}"
    missing = [
        f"{each} in {stage}" for stage, count in counts.items() for each in known if not count[each]
    ]
    if missing:
        advice = "split by class (stratified), or check the labels"
        return warning(BALANCE, f"{seen}; there is no class {some(missing)}", advice)
    rare = [str(each) for each in known if shares["train"][each] < RARE / len(known)]
    if rare:
        advice = "a share of errors says little of rare classes: judge by balanced accuracy or F1"
        return warning(BALANCE, f"{seen}; class {some(rare)} is rare", advice)
    return ok(BALANCE, seen)


def _range(shares: dict[int, float]) -> str:
    low, high = percent(min(shares.values())), percent(max(shares.values()))
    return low if low == high else f"{low} to {high}"
