"""Nets that answer the comparison and name no digits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from project.framework.module import Module
from project.framework.nets.convolutions import check_pairs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


class ComparisonNet(Module):
    """A chain of modules over the pair as one image of two channels."""

    def __init__(self, chain: Module) -> None:
        self.chain = chain

    def forward(self, pairs: Tensor) -> tuple[Tensor]:
        """Pairs (N, 2, 14, 14) to comparison logits (N, 2), the only output."""
        check_pairs(pairs)
        logits = self.chain.forward(pairs)
        self.remember_all((logits,))
        return (logits,)

    def backward(self, output_gradients: Sequence[Tensor]) -> Tensor:
        """dL/dlogits (N, 2), in a tuple, to dL/dpairs (N, 2, 14, 14)."""
        self.recall_all(output_gradients)
        return self.chain.backward(output_gradients[0])

    def children(self) -> list[tuple[str, Module]]:
        return [("", self.chain)]
