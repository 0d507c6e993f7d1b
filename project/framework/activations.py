"""Activation functions: modules without parameters that make a net nonlinear."""

from torch import empty

from project.framework.module import Module
from project.framework.torch_types import Tensor

_ONE = empty(()).fill_(1)  # a 0-dimensional tensor, so results have the dtype of the other operand


class ReLU(Module):
    """The module y = max(x, 0), elementwise, for any shape."""

    def forward(self, x: Tensor) -> Tensor:
        self.check_float(x)
        return self.remember(x.clamp(min=0))

    def backward(self, output_gradient: Tensor) -> Tensor:
        """Return dL/dx = dL/dy where x > 0, else 0 (also at x = 0, where ReLU has a kink)."""
        y = self.recall(output_gradient)
        return y.clone().gt_(0).mul_(output_gradient)


class Tanh(Module):
    """The module y = tanh(x), elementwise, for any shape."""

    def forward(self, x: Tensor) -> Tensor:
        self.check_float(x)
        return self.remember(x.tanh())

    def backward(self, output_gradient: Tensor) -> Tensor:
        """Return dL/dx = dL/dy * (1 - y^2), in x's shape."""
        y = self.recall(output_gradient)
        return _ONE.addcmul(y, y, value=-1).mul_(output_gradient)


class Sigmoid(Module):
    """The module y = 1 / (1 + exp(-x)), elementwise, for any shape."""

    def forward(self, x: Tensor) -> Tensor:
        self.check_float(x)
        return self.remember(x.sigmoid())

    def backward(self, output_gradient: Tensor) -> Tensor:
        """Return dL/dx = dL/dy * y * (1 - y), in x's shape."""
        y = self.recall(output_gradient)
        return (1 - y).mul_(y).mul_(output_gradient)


class Softmax(Module):
    """The module y_i = exp(x_i) / sum_j exp(x_j) per row: scores (N, C) to probabilities (N, C)."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the probabilities (N, C) of scores x (N, C).

        The maximum of each row is subtracted first; this does not change y but prevents overflow.
        """
        self.check_float(x)
        if x.dim() != 2 or x.shape[1] == 0:
            raise self.wrong_shape(x, "(N, C)")
        y = (x - x.amax(1, keepdim=True)).exp_()
        return self.remember(y.div_(y.sum(1, keepdim=True)))

    def backward(self, output_gradient: Tensor) -> Tensor:
        """Return dL/dx_i = y_i * (G_i - sum_j G_j y_j), (N, C), from G = dL/dy (N, C)."""
        y = self.recall(output_gradient)
        mean_gradient = (output_gradient * y).sum(1, keepdim=True)
        return (output_gradient - mean_gradient).mul_(y)
