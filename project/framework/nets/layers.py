"""What the nets are built from: layers of shared settings, two convolutions, and a base class."""

from collections.abc import Sequence
from functools import partial

from project.framework.activations import ReLU
from project.framework.batchnorm import BatchNorm1d, BatchNorm2d
from project.framework.conv2d import Conv2d
from project.framework.dropout import Dropout, Dropout2d
from project.framework.flatten import Flatten
from project.framework.linear import Linear
from project.framework.module import Module
from project.framework.pooling import MaxPool2d
from project.framework.sequential import Sequential
from project.framework.state import require
from project.framework.torch_types import Generator, Tensor, torch_dtype

IMAGE_SIZE = 14
PIXELS_LEFT = 2 * 2


def check_pairs(pairs: Tensor) -> None:
    """Raise ValueError unless `pairs` is (N, 2, 14, 14)."""
    if pairs.dim() != 4 or pairs.shape[1:] != (2, IMAGE_SIZE, IMAGE_SIZE):
        raise ValueError(f"pairs must be (N, 2, 14, 14), got {tuple(pairs.shape)}")


class Layers:
    """The constructors of layers that are initialised as torch's and share generator and dtype."""

    def __init__(self, generator: Generator | None, dtype: torch_dtype | None) -> None:
        drawn = {"initialisation": "kaiming_uniform", "generator": generator, "dtype": dtype}
        self.linear = partial(Linear, **drawn)
        self.conv = partial(Conv2d, **drawn)
        self.norm1d = partial(BatchNorm1d, dtype=dtype)
        self.norm2d = partial(BatchNorm2d, dtype=dtype)
        self.dropout = partial(Dropout, generator=generator)
        self.dropout2d = partial(Dropout2d, generator=generator)

    def perceptron(
        self, name: str, inputs: int, hidden: int, outputs: int, batch_norm: bool = False
    ) -> dict[str, Module]:
        """Return a hidden layer with ReLU and an output layer, by names that begin with `name`."""
        norm = {f"{name}_norm": self.norm1d(hidden)} if batch_norm else {}
        first, last = self.linear(inputs, hidden), self.linear(hidden, outputs)
        return {f"{name}1": first, **norm, "relu": ReLU(), f"{name}2": last}


class Convolutions(Sequential):
    """Two convolution stages: images (N, in_channels, 14, 14) to (N, features = 4 * channels[1]).

    Each stage is a 3x3 convolution, 2x2 max-pooling, optional batch normalisation, ReLU and dropout
    of whole channels. The image shrinks from 14 to 12, 6, 4 and 2 pixels.
    """

    def __init__(
        self,
        layers: Layers,
        in_channels: int,
        channels: Sequence[int],
        batch_norm: bool = False,
        dropout_conv: float | Sequence[float] = 0.0,
    ) -> None:
        are_two = len(channels) == 2 and min(channels) >= 1
        require(are_two, "channels must be two positive numbers", list(channels))
        both = [dropout_conv] * 2 if isinstance(dropout_conv, int | float) else list(dropout_conv)
        require(len(both) == 2, "dropout_conv must be one number or two", both)
        for dropout in both:
            require(0 <= dropout < 1, "dropout_conv must be in [0, 1)", dropout)
        self.features = PIXELS_LEFT * channels[1]
        modules: dict[str, Module] = {}
        for place, width, wider in ((1, in_channels, channels[0]), (2, *channels)):
            modules[f"conv{place}"] = layers.conv(width, wider, 3)
            modules[f"pool{place}"] = MaxPool2d(2)
            if batch_norm:
                modules[f"norm{place}"] = layers.norm2d(wider)
            modules[f"relu{place}"] = ReLU()
            modules[f"dropout{place}"] = layers.dropout2d(both[place - 1])
        super().__init__(**modules, flatten=Flatten())


class ComparisonNet(Module):
    """Net that does not classify the digits: a chain from pairs (N, 2, 14, 14) to logits (N, 2)."""

    def __init__(self, **chain: Module) -> None:
        self.chain = Sequential(**chain)

    def forward(self, pairs: Tensor) -> tuple[Tensor, ...]:
        """Return the comparison logits (N, 2) of pairs (N, 2, 14, 14), as a tuple of one tensor."""
        check_pairs(pairs)
        return self.remember((self.chain.forward(pairs),))

    def backward(self, output_gradients: Sequence[Tensor]) -> Tensor:
        """Return dL/dpairs (N, 2, 14, 14) from a tuple of one tensor, dL/dlogits (N, 2)."""
        self.recall(output_gradients)
        return self.chain.backward(output_gradients[0])

    def children(self) -> list[tuple[str, Module]]:
        return [("", self.chain)]
