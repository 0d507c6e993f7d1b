"""The base class of nets that compare the digits without classifying them."""

from collections.abc import Sequence

from project.framework.module import Module
from project.framework.torch_types import Tensor

IMAGE_SIZE = 14


def check_pairs(pairs: Tensor) -> None:
    """Raise ValueError unless `pairs` is (N, 2, 14, 14)."""
    if pairs.dim() != 4 or pairs.shape[1:] != (2, IMAGE_SIZE, IMAGE_SIZE):
        raise ValueError(f"pairs must be (N, 2, 14, 14), got {tuple(pairs.shape)}")


class ComparisonNet(Module):
    """Net that applies a chain of modules to the pair as one image with two channels.

    Args:
        chain: Maps pairs (N, 2, 14, 14) to comparison logits (N, 2).
    """

    def __init__(self, chain: Module) -> None:
        self.chain = chain

    def forward(self, pairs: Tensor) -> tuple[Tensor, ...]:
        """Return the comparison logits (N, 2) of pairs (N, 2, 14, 14), as a tuple of one tensor."""
        check_pairs(pairs)
        return self.remember((self.chain.forward(pairs),))

    def backward(self, output_gradients: Sequence[Tensor]) -> Tensor:
        """Return dL/dpairs (N, 2, 14, 14) from a tuple of one tensor, dL/dlogits (N, 2)."""
        self.recall(output_gradients)
        return self.chain.backward(output_gradients[0])

    def children(self) -> list[tuple[str, Module]]:
        return [("", self.chain)]
