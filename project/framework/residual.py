"""The residual connection: layers that learn what to add to their input (He et al. 2015)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from project.framework.module import Module

if TYPE_CHECKING:
    from torch import Tensor


class Residual(Module):
    """y = x + f(x), any shape that f keeps; with a shortcut s, y = s(x) + f(x).

    The tensors of f are named as if they were this module's own, those of s "shortcut...".
    """

    def __init__(self, body: Module, shortcut: Module | None = None) -> None:
        self.body = body
        self.shortcut = shortcut
        self.check_each_once()

    def forward(self, x: Tensor) -> Tensor:
        """x to x + f(x), in x's shape, or to s(x) + f(x), in f's."""
        beside = x if self.shortcut is None else self.shortcut.forward(x)
        output = self.body.forward(x)
        if output.shape != beside.shape:
            raise ValueError(
                f"Residual: what is added must have one shape, got {tuple(beside.shape)} "
                f"and {tuple(output.shape)}"
            )
        return self.remember(beside + output)

    def backward(self, output_gradient: Tensor) -> Tensor:
        """G = dL/dy to dL/dx = G + f'(x)^T G, in x's shape: x enters y twice, so two terms add up.

        With a shortcut, s'(x)^T G + f'(x)^T G.
        """
        self.recall(output_gradient)
        gradient = self.body.backward(output_gradient)
        if self.shortcut is None:
            return gradient + output_gradient
        return gradient + self.shortcut.backward(output_gradient)

    def children(self) -> list[tuple[str, Module]]:
        body = [("", self.body)]
        return body if self.shortcut is None else [*body, ("shortcut", self.shortcut)]
