"""Maps (N, C, H, W): square sliding windows over them, and their pixels as rows of a matrix."""

from torch import empty

from project.framework.module import Module
from project.framework.state import require
from project.framework.torch_types import Tensor


def pixels_of(maps: Tensor) -> Tensor:
    """Return maps (N, C, H, W) as pixels (N * H * W, C): a view of channels_last, else a copy."""
    return maps.movedim(1, -1).reshape(-1, maps.shape[1])


def maps_of(pixels: Tensor, images: int, *sizes: int) -> Tensor:
    """Return pixels (N * H * W, C) as maps (N, C, H, W), for N = images and sizes H, W: a view."""
    return pixels.view(images, *sizes, pixels.shape[1]).movedim(-1, 1)


class Windowed(Module):
    """Base class of modules in which each output pixel depends on one square window of the input.

    The maps are padded with `padding` zeros on each side. Window (r, s) then starts at pixel
    (stride * r, stride * s); its side is k = `kernel_size` pixels, and so is the stride if it is
    None. Pixels at the bottom and right that do not fill a window are ignored, as in torch. H' and
    W' are the numbers of windows along each axis.
    """

    padding = 0

    def __init__(self, kernel_size: int, *, stride: int | None = None) -> None:
        self.kernel_size = self.whole(kernel_size, "kernel_size", at_least=1)
        self.stride = kernel_size if stride is None else self.whole(stride, "stride", at_least=1)

    def whole(self, given: int, name: str, at_least: int) -> int:
        """Return an argument that is one number for both directions, after checking that it is."""
        rule = f"{type(self).__name__}: {name}, for both directions, must be a whole number from"
        require(isinstance(given, int) and given >= at_least, f"{rule} {at_least}", given)
        return given

    def remember_windows(self, x: Tensor) -> None:
        """Store the input x (N, C, H, W) and (H', W'); a window must fit into the padded image."""
        height, width = (size + 2 * self.padding - self.kernel_size for size in x.shape[2:])
        if height < 0 or width < 0:
            padded = f" with padding {self.padding}" if self.padding else ""
            raise ValueError(
                f"{type(self).__name__}: a kernel of {self.kernel_size} x {self.kernel_size} must "
                f"fit into the image, got {x.shape[2]} x {x.shape[3]}{padded}"
            )
        self._input = x
        self._counts = height // self.stride + 1, width // self.stride + 1

    def taps(self, maps: Tensor) -> list[Tensor]:
        """Return views (N, C, H', W') of padded maps: i * k + j is pixel (i, j) of all windows."""
        k, stride = self.kernel_size, self.stride
        rows, columns = (1 + stride * (count - 1) for count in self._counts)
        places = [(i, j) for i in range(k) for j in range(k)]
        return [maps[:, :, i : i + rows : stride, j : j + columns : stride] for i, j in places]

    def zeros(self, x: Tensor) -> Tensor:
        """Return zeros in the padded shape of x (N, C, H, W), in channels_last layout."""
        images, channels, height, width = x.shape
        more = 2 * self.padding
        zeros = empty(images, height + more, width + more, channels, dtype=x.dtype).zero_()
        return zeros.movedim(-1, 1)

    def inside(self, padded: Tensor) -> Tensor:
        """Return a view of padded maps without their padding."""
        height, width = (size - self.padding for size in padded.shape[2:])
        return padded[:, :, self.padding : height, self.padding : width]

    def pad(self, x: Tensor) -> Tensor:
        """Return x padded with zeros, (N, C, H + 2 padding, W + 2 padding); x itself without."""
        if self.padding == 0:
            return x
        padded = self.zeros(x)
        self.inside(padded).copy_(x)
        return padded
