"""Pooling layers: each window of a map becomes one pixel, per channel, without padding."""

from project.framework.torch_types import Tensor
from project.framework.windows import Windowed


class MaxPool2d(Windowed):
    """Max-pooling: the largest pixel of each window."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the maxima y (N, C, H', W') of the windows of x (N, C, H, W).

        Computed as running maxima: with t_0 .. t_K the pixels of a window, row by row, m_0 = t_0,
        m_k = max(m_{k-1}, t_k) and y = m_K. All m_k are stored for the backward pass.
        """
        self.check_maps(x)
        self.remember_windows(x)
        first, *others = self.taps(x)
        self._maxima = [first.clone()]
        for pixel in others:
            self._maxima.append(self._maxima[-1].maximum(pixel))
        return self.remember(self._maxima[-1])

    def backward(self, output_gradient: Tensor) -> Tensor:
        """Return dL/dx (N, C, H, W) from G = dL/dy (N, C, H', W'): the largest pixel gets G.

        From a window's last pixel to its first: G goes to t_k if t_k > m_{k-1}, else on to m_{k-1}.
        So of several equal maxima the first gets it. A pixel in several windows gets the sum.
        """
        self.recall(output_gradient)
        input_gradient = self.zeros(self._input)
        pixels = self.taps(self._input)
        gradients = self.taps(input_gradient)
        passed_on = output_gradient
        for k in range(len(pixels) - 1, 0, -1):
            taken = pixels[k].clone().gt_(self._maxima[k - 1]).mul_(passed_on)
            gradients[k].add_(taken)
            passed_on = passed_on - taken
        gradients[0].add_(passed_on)
        return input_gradient


class AvgPool2d(Windowed):
    """Average pooling: the mean of each window."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the means y (N, C, H', W') of the windows of x (N, C, H, W)."""
        self.check_maps(x)
        self.remember_windows(x)
        first, *others = self.taps(x)
        total = first.clone()
        for pixel in others:
            total.add_(pixel)
        return self.remember(total.div_(self.kernel_size**2))

    def backward(self, output_gradient: Tensor) -> Tensor:
        """Return dL/dx from G = dL/dy: each pixel gets the sum of G / k^2 over its windows."""
        self.recall(output_gradient)
        share = output_gradient / self.kernel_size**2
        input_gradient = self.zeros(self._input)
        for tap in self.taps(input_gradient):
            tap.add_(share)
        return input_gradient
