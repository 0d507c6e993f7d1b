"""Poolings: each window of a map becomes one pixel. None has parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from project.framework.windows import Windowed

if TYPE_CHECKING:
    from torch import Tensor


class MaxPool2d(Windowed):
    """The largest pixel of each window, channel by channel: (N, C, H, W) to (N, C, H', W')."""

    _input: Tensor
    _counts: tuple[int, int]
    _maxima: list[Tensor]

    def __init__(self, kernel_size: int, *, stride: int | None = None) -> None:
        super().__init__(kernel_size, kernel_size if stride is None else stride)

    def forward(self, x: Tensor) -> Tensor:
        """x (N, C, H, W) to y (N, C, H', W'): y = m_K, the last of a window's running maxima.

        With t_0 .. t_K the window's pixels, row by row, m_0 = t_0 and m_k = max(m_{k-1}, t_k).
        """
        self.check_maps(x)
        self._input, self._counts = x, self.window_counts(x)
        first, *others = self.taps(x, self._counts)
        self._maxima = [first.clone()]
        for tap in others:
            self._maxima.append(self._maxima[-1].maximum(tap))
        return self.remember(self._maxima[-1])

    def backward(self, output_gradient: Tensor) -> Tensor:
        """G = dL/dy (N, C, H', W') to dL/dx (N, C, H, W): the largest pixel of a window gets its G.

        From the last pixel to the first: G goes to t_k if t_k > m_{k-1}, and else on to m_{k-1}.
        So of equal pixels the first gets it. A pixel in several windows gets the sum.
        """
        self.recall(output_gradient)
        input_gradient = self.zeros(self._input)
        pixels = self.taps(self._input, self._counts)
        gradients = self.taps(input_gradient, self._counts)
        passed_on = output_gradient
        for k in range(len(pixels) - 1, 0, -1):
            taken = pixels[k].clone().gt_(self._maxima[k - 1]).mul_(passed_on)
            gradients[k].add_(taken)
            passed_on = passed_on - taken
        gradients[0].add_(passed_on)
        return input_gradient


class AvgPool2d(Windowed):
    """The mean of each window, channel by channel: (N, C, H, W) to (N, C, H', W')."""

    _input: Tensor
    _counts: tuple[int, int]

    def __init__(self, kernel_size: int, *, stride: int | None = None) -> None:
        super().__init__(kernel_size, kernel_size if stride is None else stride)

    def forward(self, x: Tensor) -> Tensor:
        """x (N, C, H, W) to y (N, C, H', W'): the sum of a window's pixels over their number."""
        self.check_maps(x)
        self._input, self._counts = x, self.window_counts(x)
        first, *others = self.taps(x, self._counts)
        total = first.clone()
        for tap in others:
            total.add_(tap)
        return self.remember(total.div_(self.kernel_size**2))

    def backward(self, output_gradient: Tensor) -> Tensor:
        """G = dL/dy (N, C, H', W') to dL/dx (N, C, H, W): each pixel of a window gets G / k^2.

        A pixel in several windows gets the sum, one in no window 0.
        """
        self.recall(output_gradient)
        share = output_gradient / self.kernel_size**2
        input_gradient = self.zeros(self._input)
        for tap in self.taps(input_gradient, self._counts):
            tap.add_(share)
        return input_gradient
