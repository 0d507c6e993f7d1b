"""Maps (N, C, H, W) seen as a matrix with a row for each pixel and a column for each channel.

It is a view of maps whose channels lie side by side in memory (torch calls this channels_last), and
a copy of others. The modules that compute maps return them in this layout.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def pixels_of(maps: Tensor) -> Tensor:
    """Maps (N, C, H, W) to pixels (N * H * W, C)."""
    return maps.permute(0, 2, 3, 1).reshape(-1, maps.shape[1])


def maps_of(pixels: Tensor, images: int, height: int, width: int) -> Tensor:
    """Pixels (N * H * W, C) to maps (N, C, H, W), N = images: a view."""
    return pixels.view(images, height, width, pixels.shape[1]).permute(0, 3, 1, 2)
