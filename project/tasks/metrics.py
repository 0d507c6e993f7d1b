"""Means of losses and error rates over an epoch, computed once at its end."""

import torch
from pytorch_lightning import LightningModule
from torch import Tensor


class EpochMetrics:
    """Collector of an epoch's losses and predictions; at the end it logs their means over examples.

    In training these are the examples of all devices. Computing the means once saves a dozen small
    operations in each step.
    """

    def __init__(self) -> None:
        self._counts: list[int] = []
        self._losses: dict[str, list[Tensor]] = {}
        self._answers: dict[str, list[tuple[Tensor, Tensor]]] = {}

    def add(
        self, count: int, losses: dict[str, Tensor], answers: dict[str, tuple[Tensor, Tensor]]
    ) -> None:
        """Add a batch of `count` examples.

        Args:
            count: The number of examples.
            losses: Mean losses of the batch, scalars, by name.
            answers: Pairs of scores (..., classes) and true classes (...), by the name of the
                metric: the share of right predictions if the name ends in `accuracy`, else that of
                wrong ones.
        """
        self._counts.append(count)
        for name, loss in losses.items():
            self._losses.setdefault(name, []).append(loss.detach())
        for name, (scores, right) in answers.items():
            self._answers.setdefault(name, []).append((scores.detach(), right))

    def log(self, module: LightningModule, stage: str) -> None:
        """Log `<stage>/<name>` for all that was added, and forget it; call it at an epoch's end."""
        reduced = stage == "train" and module.trainer.world_size > 1
        for name, (total, count) in self._sums().items():
            if reduced:
                both = torch.stack((total, count))
                total, count = module.trainer.strategy.reduce(both, reduce_op="sum").unbind()
            module.log(f"{stage}/{name}", total / count)
        for kept in (self._counts, self._losses, self._answers):
            kept.clear()

    def _sums(self) -> dict[str, tuple[Tensor, Tensor]]:
        """Return, by metric name, the sum over the examples and the number of examples."""
        sums = {}
        for name, batches in self._losses.items():
            losses = torch.stack(batches)
            counts = losses.new_tensor(self._counts)
            sums[name] = (losses @ counts, counts.sum())
        for name, given in self._answers.items():
            scores, right = (torch.cat(parts) for parts in zip(*given, strict=True))
            is_right = scores.argmax(-1) == right
            counted = (is_right if name.endswith("accuracy") else ~is_right).sum().float()
            sums[name] = (counted, counted.new_tensor(right.numel()))
        return sums
