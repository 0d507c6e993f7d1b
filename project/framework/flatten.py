"""From maps to the features of a linear layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from project.framework.module import Module

if TYPE_CHECKING:
    from torch import Tensor


class Flatten(Module):
    """All but the first dimension as one: (N, ...) to (N, F), in the order of the dimensions."""

    _shape: tuple[int, ...]

    def forward(self, x: Tensor) -> Tensor:
        """x (N, C, H, W) to y (N, C * H * W): the same numbers, in the same memory if possible."""
        self.check_float(x)
        if x.dim() < 2:
            raise ValueError(f"Flatten: the input must be (N, ...), got {tuple(x.shape)}")
        self._shape = tuple(x.shape)
        return self.remember(x.flatten(1))

    def backward(self, output_gradient: Tensor) -> Tensor:
        """dL/dy (N, C * H * W) to dL/dx (N, C, H, W): each number back to its place."""
        self.recall(output_gradient)
        return output_gradient.reshape(self._shape)
