"""A small convolutional network for images of any size."""

from collections.abc import Sequence

from torch import Tensor, nn


class ConvNet(nn.Module):
    """Convolutional net that maps images (N, channels, H, W) to scores (N, classes).

    Each block is a 3x3 convolution, batch norm, ReLU and, if the image has at least 4 pixels along
    each axis, 2x2 max-pooling. The mean over the remaining pixels goes to a linear layer.

    Args:
        classes, channels, image_size: As for all nets that classify.
        widths: The output channels of each block, positive.
        dropout: The probability of dropping a feature before the linear layer, in [0, 1).
    """

    def __init__(
        self,
        classes: int,
        channels: int,
        image_size: int,
        widths: Sequence[int] = (32, 64, 128),
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if not widths or min(widths) < 1:
            raise ValueError(f"widths must be positive numbers, got {list(widths)}")
        if not 0.0 <= dropout < 1.0:
            raise ValueError(f"dropout must be in [0, 1), got {dropout}")
        blocks: list[nn.Module] = []
        width, size = channels, image_size
        for each in widths:
            blocks += [nn.Conv2d(width, each, 3, padding=1), nn.BatchNorm2d(each), nn.ReLU()]
            if size >= 4:
                blocks.append(nn.MaxPool2d(2))
                size //= 2
            width = each
        self.blocks = nn.Sequential(*blocks)
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(width, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Return scores (N, classes)."""
        return self.linear(self.dropout(self.blocks(images).mean((2, 3))))
