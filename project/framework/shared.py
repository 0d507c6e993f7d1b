"""Weight sharing: one branch reads every image of a pair."""

from __future__ import annotations

from typing import TYPE_CHECKING

from project.framework.module import Module

if TYPE_CHECKING:
    from torch import Tensor


class Shared(Module):
    """One branch applied to each of the P items of an example: (N, P, ...) to (N, P, ...).

    The branch sees all items of all examples as one batch (N P, ...), in which those of an example
    follow one another. So batch normalisation takes its statistics from all of them, and the
    branch's gradients are sums over all of them: nothing more is needed for shared weights. The
    branch may have several outputs.
    """

    _items: tuple[int, int]

    def __init__(self, branch: Module) -> None:
        self.branch = branch

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        """x (N, P, ...) to the branch's output (N, P, ...), or a tuple of several."""
        if x.dim() < 2:
            raise ValueError(f"Shared: the input must be (N, P, ...), got {tuple(x.shape)}")
        self._items = (x.shape[0], x.shape[1])
        output = self.branch.forward(x.flatten(0, 1))
        if isinstance(output, tuple):
            return self.remember_all(tuple(each.unflatten(0, self._items) for each in output))
        return self.remember(output.unflatten(0, self._items))

    def backward(self, output_gradient: Tensor | tuple[Tensor, ...]) -> Tensor:
        """dL/dy (N, P, ...), or one for each output, to dL/dx (N, P, ...)."""
        if isinstance(output_gradient, tuple):
            self.recall_all(output_gradient)
            gradient = self.branch.backward(tuple(each.flatten(0, 1) for each in output_gradient))
        else:
            self.recall(output_gradient)
            gradient = self.branch.backward(output_gradient.flatten(0, 1))
        return gradient.unflatten(0, self._items)

    def children(self) -> list[tuple[str, Module]]:
        return [("", self.branch)]
