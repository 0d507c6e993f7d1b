"""Batch normalisation: each feature brought to mean 0 and variance 1 (Ioffe and Szegedy 2015)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import empty

from project.framework.maps import maps_of, pixels_of
from project.framework.module import Module

if TYPE_CHECKING:
    from torch import Generator, Tensor
    from torch import dtype as torch_dtype


class BatchNorm(Module):
    """y = weight * (x - mean) / sqrt(var + eps) + bias, column by column of a matrix (N, C).

    Training takes mean and (biased) var from the batch, and lets the running statistics follow:
    running <- (1 - momentum) * running + momentum * batch's, the variance in its unbiased form.
    Evaluation takes the running statistics. All the tensors are (C,); beside them the state has
    torch's count of the batches that were trained on.
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
            raise ValueError(f"{type(self).__name__} needs at least 1 feature, got {num_features}")
        if not eps > 0:
            raise ValueError(f"eps must be greater than 0, got {eps}")
        if not 0 <= momentum <= 1:
            raise ValueError(f"momentum must be in [0, 1], got {momentum}")
        self.eps = eps
        self.momentum = momentum
        self.weight = empty(num_features, dtype=dtype)
        self.check_float(self.weight)
        self.bias = empty(num_features, dtype=dtype)
        self.weight_gradient = empty(num_features, dtype=dtype).zero_()
        self.bias_gradient = empty(num_features, dtype=dtype).zero_()
        self.running_mean = empty(num_features, dtype=dtype)
        self.running_var = empty(num_features, dtype=dtype)
        self.num_batches_tracked = empty(()).zero_().long()
        self.reset_parameters()

    def reset_parameters(self, generator: Generator | None = None) -> None:
        """Weights and running variances 1, all else 0; nothing is drawn from the generator."""
        for tensor in (self.weight, self.running_var):
            tensor.fill_(1)
        for tensor in (self.bias, self.running_mean, self.num_batches_tracked):
            tensor.zero_()

    def normalise(self, x: Tensor) -> Tensor:
        """x (N, C) to weight * x̂ + bias (N, C), where x̂ = (x - mean) / sqrt(var + eps)."""
        self._from_batch = self.training
        if self._from_batch:
            centred, var = self._centre_on_batch(x)
        else:
            centred, var = x - self.running_mean, self.running_var
        self._inverse_std = (var + self.eps).rsqrt_()
        self._normalised = centred.mul_(self._inverse_std)
        return self.bias.addcmul(self._normalised, self.weight)

    def normalise_backward(self, output_gradient: Tensor) -> Tensor:
        """G = dL/dy (N, C) to dL/dx (N, C), with Ĝ = dL/dx̂ = G * weight.

        Adds dL/dweight = sum_n G x̂ (C,) and dL/dbias = sum_n G (C,).
        Evaluation: dL/dx = Ĝ / std. Training: mean and var depend on x as well, which takes away
        what they cancel: dL/dx = (Ĝ - mean_n(Ĝ) - x̂ * mean_n(Ĝ x̂)) / std. As weight is the same
        for all n, mean_n(Ĝ) = weight * sum_n(G) / N, and so on: from the sums that are there.
        """
        along_normalised = (output_gradient * self._normalised).sum(0)
        total = output_gradient.sum(0)
        self.weight_gradient.add_(along_normalised)
        self.bias_gradient.add_(total)
        scale = self._inverse_std * self.weight
        if not self._from_batch:
            return output_gradient * scale
        rows = output_gradient.shape[0]
        gradient = output_gradient - total.div_(rows)
        gradient.addcmul_(self._normalised, along_normalised.div_(rows), value=-1)
        return gradient.mul_(scale)

    def _centre_on_batch(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x (N, C) to x - mean (N, C) and the biased variance (C,); the running ones follow."""
        count = x.shape[0]
        if count < 2:
            raise ValueError(f"{type(self).__name__}: training needs at least 2 rows, got {count}")
        mean = x.mean(0)
        centred = x - mean
        var = (centred * centred).mean(0)
        keep = 1 - self.momentum
        self.num_batches_tracked.add_(1)
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
            "num_batches_tracked": self.num_batches_tracked,
        }


class BatchNorm1d(BatchNorm):
    """Batch normalisation of features: (N, C) to (N, C), each feature over the batch."""

    def forward(self, x: Tensor) -> Tensor:
        """x (N, C) to y (N, C): `normalise`."""
        self.check_columns(x, self.weight)
        return self.remember(self.normalise(x))

    def backward(self, output_gradient: Tensor) -> Tensor:
        """dL/dy (N, C) to dL/dx (N, C): `normalise_backward`."""
        self.recall(output_gradient)
        return self.normalise_backward(output_gradient)


class BatchNorm2d(BatchNorm):
    """Batch normalisation of maps: (N, C, H, W) to the same, each channel over all its pixels."""

    def forward(self, x: Tensor) -> Tensor:
        """x (N, C, H, W) to y (N, C, H, W): `normalise` of the pixels (N H W, C)."""
        self.check_maps(x, self.weight.shape[0], self.weight)
        images, _, height, width = x.shape
        return self.remember(maps_of(self.normalise(pixels_of(x)), images, height, width))

    def backward(self, output_gradient: Tensor) -> Tensor:
        """dL/dy (N, C, H, W) to dL/dx (N, C, H, W): `normalise_backward` of the pixels."""
        images, _, height, width = self.recall(output_gradient).shape
        gradient = self.normalise_backward(pixels_of(output_gradient))
        return maps_of(gradient, images, height, width)
