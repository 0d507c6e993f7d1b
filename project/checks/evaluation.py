"""Checks that an evaluation repeats, and that an answer does not depend on the rest of its batch.

"Answer" means what the task or net returns.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import torch
from pytorch_lightning.callbacks import LambdaCallback
from torch import Tensor

from project import seeding
from project.checks.batches import clone, example_count, inputs_of, take, tensors_of
from project.checks.loaders import Wrap, is_indexed, loaders_of, repeated, singly, wrapped
from project.checks.result import CheckResult, failed, not_checked, ok, percent, shown, some
from project.checks.session import Session

REPEATS = "evaluation repeats"
BATCH, SINGLE = "batch does not matter", "one example alone"
PASS_SECONDS = 1.5  # time limit of each pass over a stage
EXAMPLES = 16
# Tolerated difference, as a share of the answers' std: rounding depends on the batch size.
ROUNDING = 1e-3
ADVICE_SINGLE = "reshape by -1, and squeeze named dimensions only"

Forward = Callable[[Any], Any]
# Returns a batch of the examples at the given positions.
MakeBatch = Callable[[Sequence[int]], Any]


def check_repeats(session: Session) -> list[CheckResult]:
    """Check that two passes over validation and test log the same and do not change the net."""
    before = clone(session.task.state_dict())
    stages = [stage for stage in ("val", "test") if session.batches[stage] != 0]
    differing = []
    for stage in stages:
        first, second = (_evaluate(session, stage, name) for name in ("one pass", "another"))
        differing += [
            f"{name} is {shown(first[name])}, then {shown(second[name])}"
            for name in first
            if repr(first[name]) != repr(second.get(name))
        ]
    after = session.task.state_dict()
    changed = [name for name, each in before.items() if not torch.equal(each, after[name])]
    if differing:
        advice = (
            "leave dropout off in evaluation: no F.dropout without training=self.training, no "
            ".train() in a validation or test step"
        )
        return [failed(REPEATS, some(differing, 2), advice)]
    if changed:
        advice = "let statistics be updated in training only (self.training)"
        return [failed(REPEATS, f"evaluating changes {some(changed)}", advice)]
    return [ok(REPEATS, f"{' and '.join(stages)} twice the same, nothing changed by it")]


def _evaluate(session: Session, stage: str, noise: str) -> dict[str, float]:
    """Return the metrics of a pass whose batches start at the random streams `<noise>/<n>`."""

    def start(trainer: Any, task: Any, batch: Any, number: int, loader: int = 0) -> None:
        seeding.start(0, noise, number)

    callback = LambdaCallback(on_validation_batch_start=start, on_test_batch_start=start)
    count = session.affordable(stage, PASS_SECONDS)
    trainer = session.trainer([callback], evaluation=count, own=False)
    return session.run(trainer, "validate" if stage == "val" else "test")


def check_batches(session: Session) -> list[CheckResult]:
    """Check that answers do not depend on how examples are batched; the results BATCH and SINGLE.

    In evaluation mode, the same examples are answered together, in reverse order and one by one.
    If the task cannot be called on a batch, its test metrics are compared instead.
    """
    task = session.task
    was_training = task.training
    task.eval()
    try:
        with torch.no_grad():
            for make, count in _batches(session):
                whole = make(range(count))
                for forward in (lambda batch: task(inputs_of(batch)), task):
                    if _is_answered(forward, whole):
                        return _compare(forward, make, count)
    finally:
        task.train(was_training)
    return _compare_metrics(session)


def _batches(session: Session) -> Iterator[tuple[MakeBatch, int]]:
    """Yield test examples joined by the loader's collate function, then cut from a batch."""
    for loader in filter(is_indexed, loaders_of(session.data, "test")):
        examples = [loader.dataset[place] for place in range(min(EXAMPLES, len(loader.dataset)))]
        collate = partial(_collate, loader.collate_fn, examples)
        yield collate, len(examples)
    batch = session.first.batches.get("test")
    if count := example_count(batch):
        yield partial(take, batch, count=count), min(EXAMPLES, count)


def _collate(function: Callable[[Any], Any], examples: list[Any], places: Sequence[int]) -> Any:
    return function([examples[place] for place in places])


def _is_answered(forward: Forward, batch: Any) -> bool:
    try:
        return bool(_answers(forward(batch), example_count(batch)))
    except Exception:  # this is no way to call it: the task may have no forward
        return False


def _answers(output: Any, count: int) -> list[Tensor]:
    """Return, as floats, the tensors of an output that have one entry for each of the examples."""
    return [each.float() for each in tensors_of(output) if each.dim() and len(each) == count]


def _compare(forward: Forward, make: MakeBatch, count: int) -> list[CheckResult]:
    places = range(count)
    whole, again = (_answers(forward(make(places)), count) for _ in range(2))
    if _same_answers(whole, again, "again").status != "ok":
        reason = "a batch is not answered alike twice, whatever is beside it"
        return [not_checked(BATCH, reason), not_checked(SINGLE, reason)]
    turned = [each.flip(0) for each in _answers(forward(make(places[::-1])), count)]
    batch = _same_answers(whole, turned, "in another order")
    try:
        single = [_answers(forward(make([place])), 1) for place in places]
    except Exception as error:
        return [batch, failed(SINGLE, f"{type(error).__name__}: {error}", ADVICE_SINGLE)]
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
    """Compare the answers to the whole batch with those obtained in another way, named `how`."""
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
    """Compare the test metrics of the examples together and one by one."""

    def test(wrap: Wrap) -> dict[str, float]:
        data = wrapped(session.data, test=("test", wrap))
        return session.run(session.trainer(own=False), "test", data=data)

    together = test(partial(repeated, most=EXAMPLES))
    try:
        apart = test(partial(singly, most=EXAMPLES))
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        return [
            not_checked(BATCH, "one example alone fails"),
            failed(SINGLE, reason, ADVICE_SINGLE),
        ]
    single = ok(SINGLE, "tested one by one")
    for name, value in together.items():
        other = apart.get(name, float("nan"))
        if not abs(value - other) <= ROUNDING * max(abs(value), 1e-6):
            seen = f"{name} is {shown(value)} together, {shown(other)} one by one"
            advice = "no statistics over the batch in evaluation, no metric as a mean over batches"
            return [failed(BATCH, seen, advice), single]
    return [ok(BATCH, "tested together and one by one: the same metrics"), single]
