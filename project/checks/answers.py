"""Checks that the output for an example does not depend on the rest of its batch.

A batch of a single example must work too. "Answer" means what the task or net returns.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from pytorch_lightning import LightningDataModule, LightningModule
from torch import Tensor
from torch.utils.data import DataLoader

from project.checks.batches import example_count, inputs_of, take, tensors_of
from project.checks.loaders import Repeated, Singly, loaders_of, wrapped
from project.checks.result import CheckResult, failed, not_checked, ok, percent, shown
from project.checks.sampling import is_indexed
from project.checks.session import Session
from project.checks.trainers import scratch_trainer

BATCH, SINGLE = "batch does not matter", "one example alone"
EXAMPLES = 16
# Tolerated difference, as a share of the answers' std: rounding depends on the batch size.
ROUNDING = 1e-3

Forward = Callable[[Any], Any]


@dataclass(frozen=True)
class Batches:
    """The same examples, batched in three ways.

    Attributes:
        whole: All examples in one batch.
        turned: All examples in one batch, in reverse order.
        single: One batch for each example.
    """

    whole: Any
    turned: Any
    single: list[Any]


def check_batches(session: Session) -> list[CheckResult]:
    """Check that answers do not depend on how examples are batched.

    In evaluation mode, the same examples are answered together, in reverse order and one by one.
    If the task cannot be called on a batch, its test metrics are compared instead.

    Returns:
        The results BATCH and SINGLE.
    """
    task = session.task
    was_training = task.training
    task.eval()
    try:
        with torch.no_grad():
            for batches in _batches(session):
                if (forward := _forward(task, batches.whole)) is not None:
                    return _compare(forward, batches)
    finally:
        task.train(was_training)
    return _compare_metrics(session)


def _batches(session: Session) -> Iterator[Batches]:
    """Yield test examples joined by the loader's collate function, then cut from a batch."""
    for loader in loaders_of(session.data, "test"):
        if isinstance(loader.loader, DataLoader) and is_indexed(loader):
            count = min(EXAMPLES, len(loader.dataset))
            examples = [loader.dataset[place] for place in range(count)]
            collate = loader.collate_fn
            yield Batches(
                collate(examples), collate(examples[::-1]), [collate([each]) for each in examples]
            )
    batch = session.first.batches.get("test")
    count = example_count(batch)
    kept = min(EXAMPLES, count)
    if kept:
        places = torch.arange(kept)
        yield Batches(
            take(batch, places, count),
            take(batch, places.flip(0), count),
            [take(batch, places[place : place + 1], count) for place in range(kept)],
        )


def _forward(task: LightningModule, batch: Any) -> Forward | None:
    """Return the call that answers a batch, `task(inputs)` or `task(batch)`; None if neither."""
    ways: list[Forward] = [lambda each: task(inputs_of(each)), lambda each: task(each)]
    for way in ways:
        try:
            if _answers(way(batch), example_count(batch)):
                return way
        except Exception:  # this is no way to call it: the task may have no forward
            continue
    return None


def _answers(output: Any, count: int) -> list[Tensor]:
    """Return, as floats, the tensors of an output that have one entry for each of the examples."""
    return [each.float() for each in tensors_of(output) if each.dim() and len(each) == count]


def _compare(forward: Forward, batches: Batches) -> list[CheckResult]:
    count = len(batches.single)
    whole = _answers(forward(batches.whole), count)
    again = _answers(forward(batches.whole), count)
    if _same_answers(whole, again, "again").status != "ok":
        reason = "a batch is not answered alike twice, whatever is beside it"
        return [not_checked(BATCH, reason), not_checked(SINGLE, reason)]
    turned = [each.flip(0) for each in _answers(forward(batches.turned), count)]
    batch = _same_answers(whole, turned, "in another order")
    try:
        single = [_answers(forward(each), 1) for each in batches.single]
    except Exception as error:
        advice = "reshape by -1, and squeeze named dimensions only"
        return [batch, failed(SINGLE, f"{type(error).__name__}: {error}", advice)]
    if any(len(each) != len(whole) for each in single):
        return [batch, not_checked(SINGLE, "its answer has other parts than a batch's")]
    if batch.status == "ok":
        try:
            joined = [torch.cat(parts) for parts in zip(*single, strict=True)]
        except RuntimeError:
            return [batch, ok(SINGLE, "answered, in another shape than in a batch")]
        batch = _same_answers(whole, joined, "one by one")
    return [batch, ok(SINGLE, f"{count} examples are answered one by one")]


def _same_answers(first: list[Tensor], second: list[Tensor], how: str) -> CheckResult:
    """Compare two lists of answers to the same examples.

    Args:
        first: The answers to the whole batch.
        second: The answers obtained in another way.
        how: That way, for the message.
    """
    if [each.shape for each in first] != [each.shape for each in second]:
        return failed(BATCH, f"{how} the answers have another shape", "answer each example alone")
    difference = max(map(_difference, first, second), default=0.0)
    if difference <= ROUNDING:
        return ok(BATCH, f"{len(first[0])} examples are answered alike together and apart")
    return failed(
        BATCH,
        f"{how} answers differ by {percent(difference)} of their std",
        "no statistics over the batch in evaluation: batch norm in evaluation mode, no mean or "
        "softmax over dimension 0, no sorting; mask what is padded",
    )


def _difference(first: Tensor, second: Tensor) -> float:
    """Return the largest absolute difference, as a share of the std of `first`."""
    size = float(first.std(correction=0)) + 1e-6 * float(first.abs().max()) + 1e-30
    return float((first - second).abs().max()) / size


def _compare_metrics(session: Session) -> list[CheckResult]:
    """Compare the test metrics of the examples together and one by one.

    Used if the task cannot be called on a batch.
    """

    def test(data: LightningDataModule) -> dict[str, float]:
        return session.run(scratch_trainer(session.candidate, own=False), "test", data=data)

    data = session.data
    together = test(wrapped(data, test=("test", lambda each: Repeated(each, 1, EXAMPLES))))
    try:
        apart = test(wrapped(data, test=("test", lambda each: Singly(each, EXAMPLES))))
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        advice = "reshape by -1, and squeeze named dimensions only"
        return [not_checked(BATCH, "one example alone fails"), failed(SINGLE, reason, advice)]
    single = ok(SINGLE, "tested one by one")
    for name, value in together.items():
        other = apart.get(name, float("nan"))
        if not abs(value - other) <= ROUNDING * max(abs(value), 1e-6):
            seen = f"{name} is {shown(value)} together, {shown(other)} one by one"
            advice = "no statistics over the batch in evaluation, no metric as a mean over batches"
            return [failed(BATCH, seen, advice), single]
    return [ok(BATCH, "tested together and one by one: the same metrics"), single]
