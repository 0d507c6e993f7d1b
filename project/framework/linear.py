"""The fully connected layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import empty

from project.framework.initialisation import INITIALISATIONS, check_initialisation
from project.framework.module import Module

if TYPE_CHECKING:
    from torch import Generator, Tensor
    from torch import dtype as torch_dtype


class Linear(Module):
    """y = x W^T + b: (N, in) to (N, out), W (out, in) and b (out,).

    `initialisation` says how W and b start: "normal" and "uniform" draw W and set b to zero.
    """

    _input: Tensor

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        initialisation: str = "normal",
        generator: Generator | None = None,
        dtype: torch_dtype | None = None,
    ) -> None:
        if in_features < 1 or out_features < 1:
            raise ValueError(
                f"Linear needs at least 1 feature on each side, got {in_features} to {out_features}"
            )
        check_initialisation(initialisation)
        self.initialisation = initialisation
        self.weight = empty(out_features, in_features, dtype=dtype)
        self.check_float(self.weight)
        self.bias = empty(out_features, dtype=dtype)
        self.weight_gradient = empty(out_features, in_features, dtype=dtype).zero_()
        self.bias_gradient = empty(out_features, dtype=dtype).zero_()
        self._kept_ones = empty(0, dtype=dtype)
        self.reset_parameters(generator)

    def reset_parameters(self, generator: Generator | None = None) -> None:
        INITIALISATIONS[self.initialisation](self.weight, self.bias, generator)

    def forward(self, x: Tensor) -> Tensor:
        """x (N, in) to x W^T + b (N, out)."""
        self.check_columns(x, self.weight)
        self._input = x
        return self.remember(self.bias.addmm(x, self.weight.t()))

    def backward(self, output_gradient: Tensor) -> Tensor:
        """G = dL/dy (N, out) to dL/dx = G W (N, in).

        Adds dL/dW = G^T x (out, in) and dL/db = G^T 1 (out,), the sum of G's rows.
        """
        self.recall(output_gradient)
        transposed = output_gradient.t()
        self.weight_gradient.addmm_(transposed, self._input)
        self.bias_gradient.addmv_(transposed, self._ones(output_gradient.shape[0]))
        return output_gradient.mm(self.weight)

    def _ones(self, count: int) -> Tensor:
        """Ones (count,), kept for as long as the batch keeps its size."""
        if self._kept_ones.shape[0] != count:
            self._kept_ones = empty(count, dtype=self.bias.dtype).fill_(1)
        return self._kept_ones

    def param(self) -> list[tuple[Tensor, Tensor]]:
        return [(self.weight, self.weight_gradient), (self.bias, self.bias_gradient)]

    def tensors(self) -> dict[str, Tensor]:
        return {"weight": self.weight, "bias": self.bias}
