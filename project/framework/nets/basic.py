"""The report's basic convnet, which reads a pair as one image with two channels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from project.framework.activations import ReLU
from project.framework.nets.comparison import ComparisonNet
from project.framework.nets.convolutions import Convolutions
from project.framework.nets.layers import Layers
from project.framework.sequential import Sequential

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Generator
    from torch import dtype as torch_dtype


class Basic(ComparisonNet):
    """Two convolutions, then two linear layers, with ReLU (report, part 1, "Basic").

    Args:
        channels: The output channels of the two convolutions.
        hidden: The width of the hidden linear layer.
        generator: What the weights are drawn from; None for torch's default generator.
        dtype: The dtype of the parameters; None for torch's default.

    Raises:
        ValueError: `hidden` is below 1, or `channels` are not two positive numbers.
    """

    def __init__(
        self,
        channels: Sequence[int],
        hidden: int,
        *,
        generator: Generator | None = None,
        dtype: torch_dtype | None = None,
    ) -> None:
        if hidden < 1:
            raise ValueError(f"hidden must be at least 1, got {hidden}")
        layers = Layers(generator, dtype)
        convolutions = Convolutions(layers, 2, channels, batch_norm=False)
        super().__init__(
            Sequential(
                convolutions=convolutions,
                linear1=layers.linear(convolutions.features, hidden),
                relu=ReLU(),
                linear2=layers.linear(hidden, 2),
            )
        )
