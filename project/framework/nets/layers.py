"""A factory of layers with shared settings: initialisation, generator and dtype."""

from __future__ import annotations

from typing import TYPE_CHECKING

from project.framework.batchnorm import BatchNorm1d, BatchNorm2d
from project.framework.conv2d import Conv2d
from project.framework.dropout import Dropout, Dropout2d
from project.framework.linear import Linear

if TYPE_CHECKING:
    from torch import Generator
    from torch import dtype as torch_dtype


class Layers:
    """Factory of layers that are initialised as torch's and share one generator and dtype.

    Args:
        generator: What weights and dropout masks are drawn from; None for torch's default
            generator.
        dtype: The dtype of the parameters; None for torch's default.
    """

    def __init__(self, generator: Generator | None, dtype: torch_dtype | None) -> None:
        self.generator = generator
        self.dtype = dtype

    def linear(self, in_features: int, out_features: int) -> Linear:
        """Return a linear layer."""
        return Linear(
            in_features,
            out_features,
            initialisation="kaiming_uniform",
            generator=self.generator,
            dtype=self.dtype,
        )

    def conv(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: int = 0,
        bias: bool = True,
    ) -> Conv2d:
        """Return a convolution with square kernels."""
        return Conv2d(
            in_channels,
            out_channels,
            kernel_size,
            stride=stride,
            padding=padding,
            bias=bias,
            initialisation="kaiming_uniform",
            generator=self.generator,
            dtype=self.dtype,
        )

    def norm1d(self, features: int) -> BatchNorm1d:
        """Return a batch normalisation for (N, features)."""
        return BatchNorm1d(features, dtype=self.dtype)

    def norm2d(self, channels: int) -> BatchNorm2d:
        """Return a batch normalisation for maps (N, channels, H, W)."""
        return BatchNorm2d(channels, dtype=self.dtype)

    def dropout(self, p: float) -> Dropout:
        """Return a dropout layer that drops single values with probability p."""
        return Dropout(p, generator=self.generator)

    def dropout2d(self, p: float) -> Dropout2d:
        """Return a dropout layer that drops whole channels with probability p."""
        return Dropout2d(p, generator=self.generator)
