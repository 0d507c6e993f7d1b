"""The functions that make a stack of layers more than one linear map. None has parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import empty

from project.framework.module import Module

if TYPE_CHECKING:
    from torch import Tensor

_ONE = empty(()).fill_(1)  # without dimensions, it takes on the dtype of what it meets


class ReLU(Module):
    """y = max(x, 0), element by element, any shape."""

    def forward(self, x: Tensor) -> Tensor:
        """x to max(x, 0), in x's shape."""
        self.check_float(x)
        return self.remember(x.clamp(min=0))

    def backward(self, output_gradient: Tensor) -> Tensor:
        """dL/dx = dL/dy where x > 0, else 0: at the kink, x = 0, the slope is taken as 0."""
        y = self.recall(output_gradient)
        return y.clone().gt_(0).mul_(output_gradient)


class Tanh(Module):
    """y = tanh(x), element by element, any shape."""

    def forward(self, x: Tensor) -> Tensor:
        """x to tanh(x), in x's shape."""
        self.check_float(x)
        return self.remember(x.tanh())

    def backward(self, output_gradient: Tensor) -> Tensor:
        """dL/dx = dL/dy * (1 - y^2), in x's shape."""
        y = self.recall(output_gradient)
        return _ONE.addcmul(y, y, value=-1).mul_(output_gradient)


class Sigmoid(Module):
    """y = 1 / (1 + exp(-x)), element by element, any shape."""

    def forward(self, x: Tensor) -> Tensor:
        """x to 1 / (1 + exp(-x)), in x's shape."""
        self.check_float(x)
        return self.remember(x.sigmoid())

    def backward(self, output_gradient: Tensor) -> Tensor:
        """dL/dx = dL/dy * y * (1 - y), in x's shape."""
        y = self.recall(output_gradient)
        return (1 - y).mul_(y).mul_(output_gradient)


class Softmax(Module):
    """y_i = exp(x_i) / sum_j exp(x_j) within each row: scores (N, C) to probabilities (N, C)."""

    def forward(self, x: Tensor) -> Tensor:
        """x (N, C) to probabilities (N, C).

        Each row is first shifted by its maximum, which changes no y but keeps exp from overflowing.
        """
        self.check_float(x)
        if x.dim() != 2 or x.shape[1] == 0:
            raise ValueError(f"Softmax: the input must be (N, C), got {tuple(x.shape)}")
        y = (x - x.amax(1, keepdim=True)).exp_()
        return self.remember(y.div_(y.sum(1, keepdim=True)))

    def backward(self, output_gradient: Tensor) -> Tensor:
        """G = dL/dy (N, C) to dL/dx_i = y_i * (G_i - sum_j G_j y_j) (N, C)."""
        y = self.recall(output_gradient)
        mean_gradient = (output_gradient * y).sum(1, keepdim=True)
        return (output_gradient - mean_gradient).mul_(y)
