"""The classifier of one rank: its pairs of every batch, sums over all ranks."""

from typing import Any

import torch
from torch import Tensor

from project.data.pairs import Batch
from project.training.distributed.layers import Share, distribute, summed
from project.training.module import EpochSums, PairClassifier


class SumsOverRanks(EpochSums):
    """Every pair is counted once, on the rank that has it."""

    def add(self, pairs: int, **per_batch_sums: Tensor) -> None:
        if not pairs:  # the mean over no pair is no number
            per_batch_sums = {name: torch.zeros_like(each) for name, each in per_batch_sums.items()}
        super().add(pairs, **per_batch_sums)

    def means(self, stage: str) -> dict[str, Tensor]:
        values = [each.double() for each in self.sums.values()]
        *totals, pairs = summed(torch.stack([*values, values[0].new_tensor(self.pairs)]))
        return {
            f"{stage}/{name}": (total / pairs).float()
            for name, total in zip(self.sums, totals, strict=True)
        }


class DistributedClassifier(PairClassifier):
    """`PairClassifier` on `rank` of `ranks`: the same loss, gradients and metrics on all of them.

    Every rank gets the whole batch, which is in memory everywhere, and takes its own part of it:
    so pairs and order are those of one process. The other arguments are PairClassifier's.
    """

    def __init__(self, rank: int, ranks: int, **classifier: Any) -> None:
        super().__init__(**classifier)
        self.share = Share(rank, ranks)
        distribute(self.net, self.share)

    def new_sums(self) -> EpochSums:
        return SumsOverRanks()

    def loss(self, batch: Batch) -> Tensor:
        """The mean over the batch of all ranks; its gradient is that of this rank's part.

        The parts are weighted by their pairs, for they need not be equally large.
        """
        images, target, digits = batch
        own = self.share.split(len(target))
        mean = super().loss((images[own], target[own], digits[own]))
        if not self.training:
            return mean
        part = mean * ((own.stop - own.start) / len(target))
        if own.start == own.stop:
            part = mean.nan_to_num() * 0
        # A loss that is not finite on one rank stops all of them, at the same step.
        return part + (summed(part.detach()) - part.detach())

    def on_after_backward(self) -> None:
        """Sum the gradients over all ranks, all in one message."""
        gradients = [each.grad for each in self.parameters() if each.grad is not None]
        total = summed(torch.cat([gradient.reshape(-1) for gradient in gradients]))
        parts = total.split([gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))
