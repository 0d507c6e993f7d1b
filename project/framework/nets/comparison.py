"""The base class of nets that compare the digits without classifying them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from project.framework.module import Module
from project.framework.nets.convolutions import check_pairs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


class ComparisonNet(Module):
    """Net that applies a chain of modules to the pair as one image with two channels.

    Args:
        chain: Maps pairs (N, 2, 14, 14) to comparison logits (N, 2).
    """

    def __init__(self, chain: Module) -> None:
        self.chain = chain

    def forward(self, pairs: Tensor) -> tuple[Tensor]:
        """Return the comparison logits (N, 2) of pairs (N, 2, 14, 14), as a tuple of one tensor."""
        check_pairs(pairs)
        logits = self.chain.forward(pairs)
        self.remember_all((logits,))
        return (logits,)

    def backward(self, output_gradients: Sequence[Tensor]) -> Tensor:
        """Return dL/dpairs (N, 2, 14, 14) from a tuple of one tensor, dL/dlogits (N, 2)."""
        self.recall_all(output_gradients)
        return self.chain.backward(output_gradients[0])

    def children(self) -> list[tuple[str, Module]]:
        return [("", self.chain)]
