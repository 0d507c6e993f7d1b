"""The two convolutions that the basic net and the siamese nets share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from project.framework.activations import ReLU
from project.framework.flatten import Flatten
from project.framework.pooling import MaxPool2d
from project.framework.sequential import Sequential

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from project.framework.module import Module
    from project.framework.nets.layers import Layers

IMAGE_SIZE = 14
PIXELS_LEFT = 2 * 2


def check_pairs(pairs: Tensor) -> None:
    """Raise ValueError unless `pairs` is (N, 2, 14, 14)."""
    if pairs.dim() != 4 or pairs.shape[1:] != (2, IMAGE_SIZE, IMAGE_SIZE):
        raise ValueError(f"pairs must be (N, 2, 14, 14), got {tuple(pairs.shape)}")


class Convolutions(Sequential):
    """Two convolution stages: images (N, in_channels, 14, 14) to features (N, 4 * channels[1]).

    Each stage is a 3x3 convolution, 2x2 max-pooling, optional batch normalisation, ReLU and dropout
    of whole channels. The image shrinks from 14 to 12, 6, 4 and 2 pixels.

    Args:
        layers: The factory of the layers.
        in_channels: The channels of the images.
        channels: The output channels of the two convolutions.
        batch_norm: Whether to use batch normalisation.
        dropout: The dropout probability of each stage.

    Attributes:
        features: The number of output features.

    Raises:
        ValueError: `channels` are not two positive numbers.
    """

    def __init__(
        self,
        layers: Layers,
        in_channels: int,
        channels: Sequence[int],
        batch_norm: bool,
        dropout: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        if len(channels) != 2 or min(channels) < 1:
            raise ValueError(f"channels must be two positive numbers, got {list(channels)}")
        self.features = PIXELS_LEFT * channels[1]
        modules: dict[str, Module] = {}
        widths = (in_channels, *channels)
        for place in (1, 2):
            modules[f"conv{place}"] = layers.conv(widths[place - 1], widths[place], 3)
            modules[f"pool{place}"] = MaxPool2d(2)
            if batch_norm:
                modules[f"norm{place}"] = layers.norm2d(widths[place])
            modules[f"relu{place}"] = ReLU()
            modules[f"dropout{place}"] = layers.dropout2d(dropout[place - 1])
        super().__init__(**modules, flatten=Flatten())
