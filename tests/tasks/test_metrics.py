"""The means of an epoch are those over its examples."""

from types import SimpleNamespace
from typing import Any

import torch

from project.tasks.metrics import EpochMetrics

RIGHT, WRONG = [[1.0, 0.0]], [[0.0, 1.0]]


def module(logged: dict[str, torch.Tensor], **trainer: Any) -> Any:
    return SimpleNamespace(
        log=lambda name, value: logged.update({name: value}),
        trainer=SimpleNamespace(world_size=1, **trainer),
    )


def test_batches_of_an_epoch_become_means_over_its_examples() -> None:
    metrics, logged = EpochMetrics(), {}
    for scores, loss in ((RIGHT + WRONG, 0.5), (RIGHT + RIGHT + WRONG, 3.0)):
        target = torch.zeros(len(scores), dtype=torch.long)
        answers = {"error": (torch.tensor(scores), target)}
        metrics.add(len(scores), {"loss": torch.tensor(loss)}, answers)
    metrics.log(module(logged), "test")
    assert logged == {"test/error": torch.tensor(0.4), "test/loss": torch.tensor(2.0)}


def test_over_several_processes_the_sums_are_added_up() -> None:
    """The others had 1 of 6 wrong and a loss of 2."""

    def reduce(sums: torch.Tensor, reduce_op: str) -> torch.Tensor:
        assert reduce_op == "sum"
        others = {2.0: [1.0, 6.0], 3.0: [12.0, 6.0]}
        return sums + torch.tensor(others[sums[0].item()])

    metrics, logged = EpochMetrics(), {}
    scores = torch.tensor(RIGHT + WRONG + WRONG)
    answers = {"error": (scores, torch.zeros(3, dtype=torch.long))}
    metrics.add(3, {"loss": torch.tensor(1.0)}, answers)
    task = module(logged, strategy=SimpleNamespace(reduce=reduce))
    task.trainer.world_size = 2
    metrics.log(task, "train")
    assert logged == {"train/loss": torch.tensor(15 / 9), "train/error": torch.tensor(3 / 9)}


def test_what_is_kept_keeps_no_graph() -> None:
    """Else the memory of an epoch would be that of all its steps."""
    weight = torch.ones(2, 2, requires_grad=True)
    before = weight.grad_fn
    metrics, logged = EpochMetrics(), {}
    scores = weight * 2
    metrics.add(2, {"loss": scores.sum()}, {"error": (scores, torch.zeros(2, dtype=torch.long))})
    metrics.log(module(logged), "train")
    assert not any(value.requires_grad for value in logged.values())
    assert before is None
