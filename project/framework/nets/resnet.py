"""Residual nets: of constant width, as in the report, and of growing width, its future work."""

from collections.abc import Sequence

from project.framework import AvgPool2d, Flatten, Module, ReLU, Residual, Sequential
from project.framework.nets.layers import IMAGE_SIZE, ComparisonNet, Layers
from project.framework.torch_types import Generator, torch_dtype


class ResidualBlock(Sequential):
    """Residual block relu(x + norm(conv(relu(norm(conv(x)))))) of `project.models.resnet`."""

    def __init__(self, layers: Layers, in_channels: int, out_channels: int, stride: int) -> None:
        body = Sequential(
            conv1=layers.conv(in_channels, out_channels, 3, stride=stride, padding=1),
            norm1=layers.norm2d(out_channels),
            relu=ReLU(),
            conv2=layers.conv(out_channels, out_channels, 3, padding=1),
            norm2=layers.norm2d(out_channels),
        )
        shortcut = None
        if stride != 1 or in_channels != out_channels:
            shortcut = Sequential(
                layers.conv(in_channels, out_channels, 1, stride=stride, bias=False),
                layers.norm2d(out_channels),
            )
        super().__init__(Residual(body, shortcut), ReLU())

    def children(self) -> list[tuple[str, Module]]:
        return [("", module) for module in self.modules]


class ResNet(ComparisonNet):
    """Residual net on the pair as an image with two channels; it does not classify the digits.

    The report's net is one stage of 10 blocks and 32 channels; a further one halves the image.
    """

    def __init__(
        self,
        channels: Sequence[int],
        blocks: Sequence[int],
        *,
        generator: Generator | None = None,
        dtype: torch_dtype | None = None,
    ) -> None:
        if len(channels) != len(blocks) or not channels or min(*channels, *blocks, 1) < 1:
            raise ValueError(
                "channels and blocks must be equally long lists of positive numbers, "
                f"got channels={list(channels)}, blocks={list(blocks)}"
            )
        layers = Layers(generator, dtype)
        stages: list[ResidualBlock] = []
        width, size = channels[0], IMAGE_SIZE
        conv = layers.conv(2, width, 3, padding=1)
        for stage, (stage_width, depth) in enumerate(zip(channels, blocks, strict=True)):
            for block in range(depth):
                stride = 2 if stage > 0 and block == 0 else 1
                stages.append(ResidualBlock(layers, width, stage_width, stride))
                width, size = stage_width, (size - 1) // stride + 1
        super().__init__(
            conv=conv,
            norm=layers.norm2d(channels[0]),
            relu=ReLU(),
            blocks=Sequential(*stages),
            mean=AvgPool2d(size),
            flatten=Flatten(),
            linear=layers.linear(width, 2),
        )
