"""Square windows that slide over maps: what a convolution and the poolings have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import empty

from project.framework.module import Module

if TYPE_CHECKING:
    from torch import Tensor


class Windowed(Module):
    """A module each of whose outputs sees one window of its input, k = kernel_size pixels square.

    The maps are first padded with `padding` zeros on each side. Window (r, s) then begins at pixel
    (stride * r, stride * s). Pixels at the bottom and at the right that do not fill a window any
    more are left out, as in torch.
    """

    def __init__(self, kernel_size: int, stride: int, padding: int = 0) -> None:
        name = type(self).__name__
        for given in (kernel_size, stride, padding):
            if not isinstance(given, int):
                raise TypeError(
                    f"{name}: kernel_size, stride and padding must be whole numbers, each for both "
                    f"directions, got {given!r}"
                )
        if kernel_size < 1 or stride < 1:
            raise ValueError(
                f"{name}: kernel_size and stride must be at least 1, got {kernel_size} and {stride}"
            )
        if padding < 0:
            raise ValueError(f"{name}: padding must be at least 0, got {padding}")
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding

    def window_counts(self, x: Tensor) -> tuple[int, int]:
        """How many windows fit below and beside one another in x (N, C, H, W): (H', W')."""
        height, width = (size + 2 * self.padding - self.kernel_size for size in x.shape[2:])
        if height < 0 or width < 0:
            padded = f" with padding {self.padding}" if self.padding else ""
            raise ValueError(
                f"{type(self).__name__}: a kernel of {self.kernel_size} x {self.kernel_size} must "
                f"fit into the image, got {x.shape[2]} x {x.shape[3]}{padded}"
            )
        return height // self.stride + 1, width // self.stride + 1

    def taps(self, maps: Tensor, counts: tuple[int, int]) -> list[Tensor]:
        """Padded maps to k * k views (N, C, H', W'): view i * k + j is pixel (i, j) of all windows.

        In the views of an input's gradient, the gradients of the windows are added up.
        """
        rows, columns = (1 + self.stride * (count - 1) for count in counts)
        offsets = range(self.kernel_size)
        return [
            maps[:, :, i : i + rows : self.stride, j : j + columns : self.stride]
            for i in offsets
            for j in offsets
        ]

    def zeros(self, x: Tensor) -> Tensor:
        """Zeros in the shape that x (N, C, H, W) has when padded, channels side by side."""
        images, channels, height, width = x.shape
        more = 2 * self.padding
        zeros = empty(images, height + more, width + more, channels, dtype=x.dtype).zero_()
        return zeros.permute(0, 3, 1, 2)

    def inside(self, padded: Tensor) -> Tensor:
        """The part of padded maps that is not padding: a view."""
        if self.padding == 0:
            return padded
        return padded[:, :, self.padding : -self.padding, self.padding : -self.padding]

    def pad(self, x: Tensor) -> Tensor:
        """x (N, C, H, W) to (N, C, H + 2 padding, W + 2 padding), with zeros around."""
        if self.padding == 0:
            return x
        padded = self.zeros(x)
        self.inside(padded).copy_(x)
        return padded
