"""The report's basic convnet, which reads a pair as one image with two channels."""

from collections.abc import Sequence

from project.framework.nets.layers import ComparisonNet, Convolutions, Layers
from project.framework.state import require
from project.framework.torch_types import Generator, torch_dtype


class Basic(ComparisonNet):
    """Two convolutions, then two linear layers, with ReLU (report, part 1, "Basic")."""

    def __init__(
        self,
        channels: Sequence[int],
        hidden: int,
        *,
        generator: Generator | None = None,
        dtype: torch_dtype | None = None,
    ) -> None:
        require(hidden >= 1, "hidden must be at least 1", hidden)
        layers = Layers(generator, dtype)
        convolutions = Convolutions(layers, 2, channels)
        linears = layers.perceptron("linear", convolutions.features, hidden, 2)
        super().__init__(convolutions=convolutions, **linears)
