"""Convert maps (N, C, H, W) to a matrix with a row for each pixel and a column for each channel.

For maps in torch's memory format channels_last the matrix is a view, for others a copy. The modules
that compute maps return them in channels_last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def pixels_of(maps: Tensor) -> Tensor:
    """Return maps (N, C, H, W) as pixels (N * H * W, C), a view if they are channels_last."""
    return maps.permute(0, 2, 3, 1).reshape(-1, maps.shape[1])


def maps_of(pixels: Tensor, images: int, height: int, width: int) -> Tensor:
    """Return pixels (N * H * W, C), N = images, as maps (N, C, H, W): a view."""
    return pixels.view(images, height, width, pixels.shape[1]).permute(0, 3, 1, 2)
