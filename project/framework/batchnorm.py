"""Batch normalisation: each feature brought to mean 0 and variance 1 (Ioffe and Szegedy 2015)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import empty

from project.framework.module import Module

if TYPE_CHECKING:
    from torch import Tensor
    from torch import dtype as torch_dtype


class BatchNorm1d(Module):
    """y = weight * (x - mean) / sqrt(var + eps) + bias: (N, C) to (N, C), feature by feature.

    Training takes mean and (biased) var from the batch, and lets the running statistics follow:
    running <- (1 - momentum) * running + momentum * batch's, the variance in its unbiased form.
    Evaluation takes the running statistics. All the tensors are (C,).
    """

    _normalised: Tensor
    _inverse_std: Tensor
    _from_batch: bool

    def __init__(
        self,
        num_features: int,
        *,
        eps: float = 1e-5,
        momentum: float = 0.1,
        dtype: torch_dtype | None = None,
    ) -> None:
        if num_features < 1:
            raise ValueError(f"BatchNorm1d needs at least 1 feature, got {num_features}")
        if not eps > 0:
            raise ValueError(f"eps must be greater than 0, got {eps}")
        if not 0 <= momentum <= 1:
            raise ValueError(f"momentum must be in [0, 1], got {momentum}")
        self.eps = eps
        self.momentum = momentum
        self.weight = empty(num_features, dtype=dtype).fill_(1)
        self.check_float(self.weight)
        self.bias = empty(num_features, dtype=dtype).zero_()
        self.weight_gradient = empty(num_features, dtype=dtype).zero_()
        self.bias_gradient = empty(num_features, dtype=dtype).zero_()
        self.running_mean = empty(num_features, dtype=dtype).zero_()
        self.running_var = empty(num_features, dtype=dtype).fill_(1)

    def forward(self, x: Tensor) -> Tensor:
        """x (N, C) to weight * x̂ + bias (N, C), where x̂ = (x - mean) / sqrt(var + eps)."""
        self.check_columns(x, self.weight)
        self._from_batch = self.training
        if self._from_batch:
            centred, var = self._centre_on_batch(x)
        else:
            centred, var = x - self.running_mean, self.running_var
        self._inverse_std = (var + self.eps).rsqrt_()
        self._normalised = centred.mul_(self._inverse_std)
        return self.remember(self.bias.addcmul(self._normalised, self.weight))

    def backward(self, output_gradient: Tensor) -> Tensor:
        """G = dL/dy (N, C) to dL/dx (N, C), with Ĝ = dL/dx̂ = G * weight.

        Adds dL/dweight = sum_n G x̂ (C,) and dL/dbias = sum_n G (C,).
        Evaluation: dL/dx = Ĝ / std. Training: mean and var depend on x as well, which takes away
        what they cancel: dL/dx = (Ĝ - mean_n(Ĝ) - x̂ * mean_n(Ĝ x̂)) / std.
        """
        self.recall(output_gradient)
        self.weight_gradient.add_((output_gradient * self._normalised).sum(0))
        self.bias_gradient.add_(output_gradient.sum(0))
        gradient = output_gradient * self.weight
        if self._from_batch:
            along_normalised = (gradient * self._normalised).mean(0)
            gradient.sub_(gradient.mean(0)).addcmul_(self._normalised, along_normalised, value=-1)
        return gradient.mul_(self._inverse_std)

    def _centre_on_batch(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x (N, C) to x - mean (N, C) and the biased variance (C,); the running ones follow."""
        count = x.shape[0]
        if count < 2:
            raise ValueError(f"BatchNorm1d: training needs at least 2 rows, got {count}")
        mean = x.mean(0)
        centred = x - mean
        var = (centred * centred).mean(0)
        keep = 1 - self.momentum
        self.running_mean.mul_(keep).add_(mean, alpha=self.momentum)
        self.running_var.mul_(keep).add_(var, alpha=self.momentum * count / (count - 1))
        return centred, var

    def param(self) -> list[tuple[Tensor, Tensor]]:
        return [(self.weight, self.weight_gradient), (self.bias, self.bias_gradient)]

    def tensors(self) -> dict[str, Tensor]:
        return {
            "weight": self.weight,
            "bias": self.bias,
            "running_mean": self.running_mean,
            "running_var": self.running_var,
        }
