"""Batch normalisation: scale each feature to mean 0 and variance 1 (Ioffe and Szegedy 2015)."""

from torch import empty

from project.framework.module import Module
from project.framework.state import require
from project.framework.torch_types import Generator, Tensor, torch_dtype
from project.framework.windows import maps_of, pixels_of


class BatchNorm(Module):
    """Base class of batch normalisation: y = weight * (x - mean) / sqrt(var + eps) + bias.

    Each column of the rows (N, C) is normalised by itself; the rows of maps are their pixels. In
    training mode mean and (biased) var are those of the batch, and the running statistics are
    updated with the unbiased variance: running <- (1 - momentum) * running + momentum * batch.
    In evaluation mode mean and var are the running statistics. The state also has torch's
    `num_batches_tracked`, the number of training batches. C is `num_features`.
    """

    def __init__(
        self,
        num_features: int,
        *,
        eps: float = 1e-5,
        momentum: float = 0.1,
        dtype: torch_dtype | None = None,
    ) -> None:
        require(num_features >= 1, f"{type(self).__name__} needs at least 1 feature", num_features)
        require(eps > 0, "eps must be greater than 0", eps)
        require(0 <= momentum <= 1, "momentum must be in [0, 1]", momentum)
        self.eps = eps
        self.momentum = momentum
        self.weight, self.weight_gradient = self.new_parameter("weight", num_features, dtype=dtype)
        self.bias, self.bias_gradient = self.new_parameter("bias", num_features, dtype=dtype)
        self.running_mean, self.running_var = self.weight.clone(), self.weight.clone()
        self.num_batches_tracked = empty(()).zero_().long()
        self.reset_parameters()

    def reset_parameters(self, generator: Generator | None = None) -> None:
        """Set weight and running_var to 1, all other tensors to 0; `generator` is not used."""
        for tensor in (self.weight, self.running_var):
            tensor.fill_(1)
        for tensor in (self.bias, self.running_mean, self.num_batches_tracked):
            tensor.zero_()

    def forward(self, x: Tensor) -> Tensor:
        """Return weight * x̂ + bias in x's shape, where x̂ = (x - mean) / sqrt(var + eps)."""
        rows = pixels_of(x)
        self._from_batch = self.training
        if self._from_batch:
            centred, var = self._centre_on_batch(rows)
        else:
            centred, var = rows - self.running_mean, self.running_var
        self._inverse_std = (var + self.eps).rsqrt_()
        self._normalised = centred.mul_(self._inverse_std)
        y = self.bias.addcmul(self._normalised, self.weight)
        return self.remember(maps_of(y, len(x), *x.shape[2:]))

    def backward(self, output_gradient: Tensor) -> Tensor:
        """Return dL/dx in x's shape from dL/dy, whose rows are G (N, C); accumulate gradients.

        Adds dL/dweight = sum_n G x̂ (C,) and dL/dbias = sum_n G (C,).
        With Ĝ = dL/dx̂ = G * weight, evaluation gives dL/dx = Ĝ / std.
        In training mean and var depend on x too:
        dL/dx = (Ĝ - mean_n(Ĝ) - x̂ * mean_n(Ĝ x̂)) / std.
        Since weight does not depend on n, both means follow from the sums above:
        mean_n(Ĝ) = weight * sum_n(G) / N and mean_n(Ĝ x̂) = weight * sum_n(G x̂) / N.
        """
        images, _, *sizes = self.recall(output_gradient).shape
        gradient = pixels_of(output_gradient)
        along_normalised = (gradient * self._normalised).sum(0)
        total = gradient.sum(0)
        self.weight_gradient.add_(along_normalised)
        self.bias_gradient.add_(total)
        scale = self._inverse_std * self.weight
        if not self._from_batch:
            return maps_of(gradient * scale, images, *sizes)
        count = len(gradient)
        centred = gradient - total.div_(count)
        centred.addcmul_(self._normalised, along_normalised.div_(count), value=-1)
        return maps_of(centred.mul_(scale), images, *sizes)

    def _centre_on_batch(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return x - mean (N, C) and the biased variance (C,); update the running statistics."""
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

    def tensors(self) -> dict[str, Tensor]:
        running = {"running_mean": self.running_mean, "running_var": self.running_var}
        count = {"num_batches_tracked": self.num_batches_tracked}
        return super().tensors() | running | count


class BatchNorm1d(BatchNorm):
    """Batch normalisation of features (N, C), each feature over the batch."""

    def forward(self, x: Tensor) -> Tensor:
        self.check_columns(x, self.weight)
        return super().forward(x)


class BatchNorm2d(BatchNorm):
    """Batch normalisation of maps (N, C, H, W), each channel over all pixels of the batch."""

    def forward(self, x: Tensor) -> Tensor:
        self.check_maps(x, self.weight.shape[0], self.weight)
        return super().forward(x)
