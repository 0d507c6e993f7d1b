"""The classifier of one rank: its pairs of every batch, sums over all ranks."""

from typing import Any

import torch
from torch import Tensor

from project.data.pairs import Batch
from project.training.distributed.layers import Share, distribute, summed
from project.training.module import EpochMeans, PairClassifier


class MeansOverRanks(EpochMeans):
    """Every pair is counted once, on the rank that has it."""

    def means(self, stage: str) -> dict[str, Tensor]:
        totals: dict[str, Tensor] = {}
        sizes: dict[str, Tensor] = {}
        for name, batches in self.losses.items():
            losses = torch.stack(batches).double()
            pairs = losses.new_tensor(self.pairs)
            there = pairs > 0  # the mean over no pair is no number
            totals[name], sizes[name] = losses[there] @ pairs[there], pairs.sum()
        for name, given in self.answers.items():
            scores, right = (torch.cat(parts) for parts in zip(*given, strict=True))
            wrong = (scores.argmax(-1) != right).double()
            totals[name], sizes[name] = wrong.sum(), wrong.new_tensor(wrong.numel())
        sums, counts = summed(torch.stack([*totals.values(), *sizes.values()])).chunk(2)
        means = (sums / counts).float()
        return {f"{stage}/{name}": mean for name, mean in zip(totals, means, strict=True)}


class DistributedClassifier(PairClassifier):
    """`PairClassifier` on `rank` of `ranks`: the same loss, gradients and metrics on all of them.

    Every rank gets the whole batch, which is in memory everywhere, and takes its own part of it:
    so pairs and order are those of one process. The other arguments are PairClassifier's.
    """

    def __init__(self, rank: int, ranks: int, **classifier: Any) -> None:
        super().__init__(**classifier)
        self.share = Share(rank, ranks)
        distribute(self.net, self.share)

    def new_means(self) -> EpochMeans:
        return MeansOverRanks()

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
