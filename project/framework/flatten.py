"""Flatten maps into the features of a linear layer."""

from project.framework.module import Module
from project.framework.torch_types import Tensor


class Flatten(Module):
    """Module that flattens all dimensions but the first, in row-major order: (N, ...) to (N, F)."""

    def forward(self, x: Tensor) -> Tensor:
        """Return x (N, ...) as (N, F): a view if possible, else a copy."""
        self.check_float(x)
        if x.dim() < 2:
            raise self.wrong_shape(x, "(N, ...)")
        self._shape = tuple(x.shape)
        return self.remember(x.flatten(1))

    def backward(self, output_gradient: Tensor) -> Tensor:
        self.recall(output_gradient)
        return output_gradient.reshape(self._shape)
