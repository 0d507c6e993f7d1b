"""Two-dimensional convolution, computed as one matrix product of all windows and the kernels."""

from project.framework.initialisation import initialisation_named
from project.framework.state import require
from project.framework.torch_types import Generator, Tensor, torch_dtype
from project.framework.windows import Windowed, maps_of, pixels_of


class Conv2d(Windowed):
    """Convolution y[n,o,r,s] = b[o] + sum_{c,i,j} W[o,c,i,j] x[n, c, stride r + i, stride s + j].

    Maps x (N, C, H, W), padded with zeros, to y (N, O, H', W'); W (O, C, k, k), b (O,), which
    `bias` False leaves out. In matrix form it is a linear layer on the windows: X (N H' W', k k C)
    times W^T (k k C, O). README.md derives the backward pass with a picture.

    C and O are the numbers of channels; `Windowed` and `Linear` tell the other arguments.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        stride: int = 1,
        padding: int = 0,
        bias: bool = True,
        initialisation: str = "normal",
        generator: Generator | None = None,
        dtype: torch_dtype | None = None,
    ) -> None:
        super().__init__(kernel_size, stride=stride)
        self.padding = self.whole(padding, "padding", at_least=0)
        channels = f"{in_channels} to {out_channels}"
        enough = in_channels >= 1 and out_channels >= 1
        require(enough, "Conv2d needs at least 1 channel on each side", channels)
        self._draw = initialisation_named(initialisation)
        shape = out_channels, in_channels, kernel_size, kernel_size
        self.weight, self.weight_gradient = self.new_parameter("weight", *shape, dtype=dtype)
        self.bias: Tensor | None = None
        if bias:
            self.bias, self.bias_gradient = self.new_parameter("bias", out_channels, dtype=dtype)
        self.reset_parameters(generator)

    def reset_parameters(self, generator: Generator | None = None) -> None:
        self._draw(self.weight, self.bias, generator)

    def forward(self, x: Tensor) -> Tensor:
        """Return y (N, O, H', W') for x (N, C, H, W): with X the windows of x, y = X W^T + b.

        In training X is stored for the backward pass. In evaluation it is recomputed if needed:
        batches are large and backward passes rare.
        """
        self.check_maps(x, self.weight.shape[1], self.weight)
        self.remember_windows(x)
        self._kernels = self.weight.permute(0, 2, 3, 1).flatten(1)
        windows = self._windows_of(x)
        self._windows = windows if self.training else None
        kernels = self._kernels.t()
        pixels = windows.mm(kernels) if self.bias is None else self.bias.addmm(windows, kernels)
        return self.remember(maps_of(pixels, len(x), *self._counts))

    def backward(self, output_gradient: Tensor) -> Tensor:
        """Return dL/dx (N, C, H, W) from G = dL/dy (N, O, H', W'), read as pixels (N H' W', O).

        Adds dL/dW = G^T X (O, k k C) and dL/db = G^T 1 (O,), the sum over all pixels.
        dL/dX = G W (N H' W', k k C); each pixel of x gets the sum over all windows that contain it.
        """
        self.recall(output_gradient)
        windows = self._windows_of(self._input) if self._windows is None else self._windows
        gradient = pixels_of(output_gradient)
        channels, k = self.weight.shape[1], self.kernel_size
        kernels_gradient = windows.t().mm(gradient).view(k, k, channels, -1)
        self.weight_gradient.add_(kernels_gradient.permute(3, 2, 0, 1))
        if self.bias is not None:
            self.bias_gradient.add_(gradient.sum(0))
        windows_gradient = maps_of(gradient.mm(self._kernels), len(self._input), *self._counts)
        input_gradient = self.zeros(self._input)
        taps = self.taps(input_gradient)
        for tap, share in zip(taps, windows_gradient.split(channels, dim=1), strict=True):
            tap.add_(share)
        return self.inside(input_gradient)

    def _windows_of(self, x: Tensor) -> Tensor:
        """Return the windows (N H' W', k k C) of x (N, C, H, W), copied once from strided views."""
        k, stride = self.kernel_size, self.stride
        windows = self.pad(x).unfold(2, k, stride).unfold(3, k, stride)  # (N, C, H', W', k, k)
        return windows.permute(0, 2, 3, 4, 5, 1).reshape(-1, k * k * x.shape[1])
