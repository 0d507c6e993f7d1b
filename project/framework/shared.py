"""Weight sharing: apply one module to every image of a pair."""

from project.framework.module import Module
from project.framework.torch_types import Tensor


class Shared(Module):
    """Module that applies one branch to each of an example's P items: (N, P, ...) to (N, P, ...).

    The branch sees the items of all examples as one batch (N P, ...), the items of an example being
    adjacent. So batch normalisation uses the statistics of all items, and the branch's gradients
    are sums over all items, as shared weights require. The branch may have several outputs.
    """

    _items: tuple[int, int]

    def __init__(self, branch: Module) -> None:
        self.branch = branch

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Return the branch's output (N, P, ...) for x (N, P, ...), or a tuple of outputs."""
        if x.dim() < 2:
            raise ValueError(f"Shared: the input must be (N, P, ...), got {tuple(x.shape)}")
        self._items = (x.shape[0], x.shape[1])
        output = self.branch.forward(x.flatten(0, 1))
        if isinstance(output, tuple):
            return self.remember(tuple(each.unflatten(0, self._items) for each in output))
        return self.remember(output.unflatten(0, self._items))

    def backward(self, output_gradient: Tensor | tuple[Tensor, ...]) -> Tensor:
        """Return dL/dx (N, P, ...) from dL/dy (N, P, ...), or from a tuple, one for each output."""
        self.recall(output_gradient)
        if isinstance(output_gradient, tuple):
            gradient = self.branch.backward(tuple(each.flatten(0, 1) for each in output_gradient))
        else:
            gradient = self.branch.backward(output_gradient.flatten(0, 1))
        return gradient.unflatten(0, self._items)

    def children(self) -> list[tuple[str, Module]]:
        return [("", self.branch)]
