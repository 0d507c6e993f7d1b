"""Residual nets: of constant width, as in the report, and of growing width, its future work."""

from collections.abc import Sequence

from torch import Tensor, nn

from project.models.convolutions import check_pairs
from project.models.prediction import Prediction


class ResidualBlock(nn.Module):
    """Residual block relu(x + norm(conv(relu(norm(conv(x)))))) (He et al. 2015, arXiv 1512.03385).

    Maps (N, in_channels, H, W) to (N, out_channels, H / stride, W / stride). If the shape changes,
    the shortcut is a 1x1 convolution with batch norm (option B of the paper).
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1)
        self.norm1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        self.norm2 = nn.BatchNorm2d(out_channels)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride=stride, bias=False),
                nn.BatchNorm2d(out_channels),
            )

    def forward(self, maps: Tensor) -> Tensor:
        """Return maps (N, out_channels, H / stride, W / stride)."""
        residual = self.norm1(self.conv1(maps)).relu()
        residual = self.norm2(self.conv2(residual))
        return (self.shortcut(maps) + residual).relu()


class ResNet(nn.Module):
    """Residual net on the pair as an image with two channels; it does not classify the digits.

    The report's net is one stage of 10 blocks and 32 channels.

    Args:
        channels: The width of each stage; every stage after the first halves the image.
        blocks: The number of residual blocks in each stage.
    """

    def __init__(self, channels: Sequence[int], blocks: Sequence[int]) -> None:
        super().__init__()
        if len(channels) != len(blocks) or not channels or min(*channels, *blocks, 1) < 1:
            raise ValueError(
                "channels and blocks must be equally long lists of positive numbers, "
                f"got channels={list(channels)}, blocks={list(blocks)}"
            )
        self.conv = nn.Conv2d(2, channels[0], 3, padding=1)
        self.norm = nn.BatchNorm2d(channels[0])
        stages: list[nn.Module] = []
        width = channels[0]
        for stage, (stage_width, depth) in enumerate(zip(channels, blocks, strict=True)):
            for block in range(depth):
                stride = 2 if stage > 0 and block == 0 else 1
                stages.append(ResidualBlock(width, stage_width, stride))
                width = stage_width
        self.blocks = nn.Sequential(*stages)
        self.linear = nn.Linear(width, 2)

    def forward(self, pairs: Tensor) -> Prediction:
        """Map pairs (N, 2, 14, 14) to comparison logits (N, 2), without digit outputs."""
        check_pairs(pairs)
        maps = self.blocks(self.norm(self.conv(pairs)).relu())
        return Prediction(self.linear(maps.mean((2, 3))))
