"""The contract that all layers and losses share, so that any of them can be chained with any other.

A module is a function y = f(x; parameters). `forward` computes y and remembers what `backward` will
need; `backward` takes dL/dy, adds dL/dparameter to each parameter's gradient, and returns dL/dx.

What is remembered is the last forward, and only that:

- Several backward passes after one forward are fine; their gradients add up.
- Of two forwards before a backward, the backward belongs to the second.
- Outputs and input gradients are new tensors, never a buffer that a later pass overwrites (only a
  dropout that drops nothing passes its argument on). No pass changes its argument.
- In return, inputs, outputs and parameters must not be changed in place between a forward and its
  backward: the module remembers the tensors themselves, not copies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from project.framework.state import Stateful

if TYPE_CHECKING:
    from typing import Self

    from torch import Tensor


class Module(Stateful):
    """A differentiable function with parameters (possibly none)."""

    training = True  # the mode; `train` and `eval` change it
    _output: Tensor | None = None

    def __call__(self, *inputs: Any) -> Tensor:
        return self.forward(*inputs)

    def forward(self, *args: Any, **kwargs: Any) -> Tensor:
        """x to y = f(x)."""
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    def backward(self, *args: Any, **kwargs: Any) -> Tensor:
        """dL/dy, in the shape of y, to dL/dx, in the shape of x; parameter gradients accumulate."""
        raise NotImplementedError(f"{type(self).__name__} has no backward")

    def param(self) -> list[tuple[Tensor, Tensor]]:
        """(parameter, gradient) pairs: always the same tensors, which training changes in place."""
        return []

    def gradient_step(self, lr: float) -> None:
        """Plain gradient descent: parameter <- parameter - lr * gradient."""
        for parameter, gradient in self.param():
            parameter.add_(gradient, alpha=-lr)

    def gradient_reset(self) -> None:
        """Set the accumulated gradients to zero."""
        for _, gradient in self.param():
            gradient.zero_()

    def train(self, mode: bool = True) -> Self:
        """Switch to training mode, which matters to dropout and batch normalisation."""
        self.training = mode
        return self

    def eval(self) -> Self:
        """Switch to evaluation mode."""
        return self.train(False)

    def remember(self, output: Tensor) -> Tensor:
        """Keep the output of a forward for its backward, and pass it on."""
        self._output = output
        return output

    def recall(self, output_gradient: Tensor) -> Tensor:
        """The output of the last forward, if dL/doutput fits it; an error that says why, if not."""
        output = self._output
        if output is None:
            raise self.forward_missing()
        if output_gradient.shape != output.shape:
            raise ValueError(
                f"{type(self).__name__}.backward: the gradient must have the last output's shape "
                f"{tuple(output.shape)}, got {tuple(output_gradient.shape)}"
            )
        if output_gradient.dtype != output.dtype:
            raise TypeError(
                f"{type(self).__name__}.backward: the gradient must have the last output's dtype "
                f"{output.dtype}, got {output_gradient.dtype}"
            )
        return output

    def forward_missing(self) -> RuntimeError:
        """The error of a backward that has no forward to refer to."""
        return RuntimeError(f"{type(self).__name__}.backward needs a forward before it")

    def check_float(self, x: Tensor) -> None:
        """Refuse integers, on which derivatives make no sense."""
        if not x.is_floating_point():
            raise TypeError(f"{type(self).__name__} needs floating-point values, got {x.dtype}")

    def check_columns(self, x: Tensor, like: Tensor) -> None:
        """Refuse all but a batch (N, C) of a parameter's dtype, C being its last dimension."""
        if x.dim() != 2 or x.shape[1] != like.shape[-1]:
            raise ValueError(
                f"{type(self).__name__}: the input must be (N, {like.shape[-1]}), "
                f"got {tuple(x.shape)}"
            )
        if x.dtype != like.dtype:
            raise TypeError(
                f"{type(self).__name__}: the input must have the parameters' dtype {like.dtype}, "
                f"got {x.dtype}"
            )
