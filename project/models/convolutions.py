"""The two convolutions that the basic net and the siamese nets share."""

from collections.abc import Sequence

from torch import Tensor, nn

IMAGE_SIZE = 14
PIXELS_LEFT = 2 * 2


def check_pairs(pairs: Tensor) -> None:
    """Raise ValueError unless `pairs` is (N, 2, 14, 14)."""
    if pairs.dim() != 4 or pairs.shape[1:] != (2, IMAGE_SIZE, IMAGE_SIZE):
        raise ValueError(f"pairs must be (N, 2, 14, 14), got {tuple(pairs.shape)}")


class Convolutions(nn.Module):
    """Two convolution stages: images (N, in_channels, 14, 14) to (N, features = 4 * channels[1]).

    Each is a 3x3 convolution, a 2x2 max-pooling, batch norm if asked for, ReLU and dropout of whole
    channels. 14 -> 12 -> 6 -> 4 -> 2 pixels: 64 channels end as the report's 256 features. The
    arguments are those of `Siamese`.
    """

    def __init__(
        self,
        in_channels: int,
        channels: Sequence[int],
        batch_norm: bool = False,
        dropout_conv: float | Sequence[float] = 0.0,
    ) -> None:
        super().__init__()
        if len(channels) != 2 or min(channels) < 1:
            raise ValueError(f"channels must be two positive numbers, got {list(channels)}")
        both = list(dropout_conv) if isinstance(dropout_conv, Sequence) else [dropout_conv] * 2
        if len(both) != 2:
            raise ValueError(f"dropout_conv must be one number or two, got {both}")
        for dropout in both:
            if not 0.0 <= dropout < 1.0:
                raise ValueError(f"dropout_conv must be in [0, 1), got {dropout}")
        self.features = PIXELS_LEFT * channels[1]
        self.conv1 = nn.Conv2d(in_channels, channels[0], kernel_size=3)
        self.conv2 = nn.Conv2d(channels[0], channels[1], kernel_size=3)
        self.norm1 = nn.BatchNorm2d(channels[0]) if batch_norm else nn.Identity()
        self.norm2 = nn.BatchNorm2d(channels[1]) if batch_norm else nn.Identity()
        self.dropout1, self.dropout2 = map(nn.Dropout2d, both)
        self.pool = nn.MaxPool2d(2)

    def forward(self, images: Tensor) -> Tensor:
        """Map images to features, flattened in the order channel, row, column."""
        maps = self.dropout1(self.norm1(self.pool(self.conv1(images))).relu())
        maps = self.dropout2(self.norm2(self.pool(self.conv2(maps))).relu())
        return maps.flatten(1)
