"""Weight sharing: apply one module to every image of a pair."""

from project.framework.module import Module
from project.framework.torch_types import Tensor


class Shared(Module):
    """Module that applies one branch to each of an example's P items: (N, P, ...) to (N, P, ...).

    The branch sees the items of all examples as one batch (N P, ...), the items of an example being
    adjacent. So batch normalisation uses the statistics of all items, and the branch's gradients
    are sums over all items, as shared weights require.
    """

    def __init__(self, branch: Module) -> None:
        self.branch = branch

    def forward(self, x: Tensor) -> Tensor:
        """Return the branch's output (N, P, ...) for x (N, P, ...)."""
        if x.dim() < 2:
            raise self.wrong_shape(x, "(N, P, ...)")
        output = self.branch.forward(x.flatten(0, 1))
        return self.remember(output.unflatten(0, x.shape[:2]))

    def backward(self, output_gradient: Tensor) -> Tensor:
        """Return dL/dx (N, P, ...) from dL/dy (N, P, ...)."""
        items = self.recall(output_gradient).shape[:2]
        return self.branch.backward(output_gradient.flatten(0, 1)).unflatten(0, items)

    def children(self) -> list[tuple[str, Module]]:
        return [("", self.branch)]
