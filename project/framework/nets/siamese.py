"""Siamese nets: one shared branch reads both digits, a head compares them (report, part 1)."""

from collections.abc import Sequence
from typing import Literal

from project.framework.activations import ReLU, Softmax
from project.framework.flatten import Flatten
from project.framework.module import Module
from project.framework.nets.layers import Convolutions, Layers, check_pairs
from project.framework.sequential import Sequential
from project.framework.shared import Shared
from project.framework.state import require
from project.framework.torch_types import Generator, Tensor, torch_dtype

AUXILIARY_POSITIONS = ("early", "late", "both", "none")
AUXILIARY_INPUTS = ("probabilities", "logits")
CLASSES = 10


class Branch(Module):
    """The part of a siamese net that is applied to each image (N, 1, 14, 14).

    It returns a tuple of tensors (N, 10): the probabilities for the head, then the early and the
    late auxiliary output, if they are asked for.
    """

    def __init__(
        self,
        layers: Layers,
        convolutions: Convolutions,
        hidden: int,
        batch_norm: bool,
        auxiliary: str,
        auxiliary_input: str,
    ) -> None:
        self.late = auxiliary in ("late", "both")
        self.on_probabilities = auxiliary_input == "probabilities"
        self.convolutions = convolutions
        self.digit = Sequential(
            digit1=layers.linear(convolutions.features, hidden),
            **({"digit_norm": layers.norm1d(hidden)} if batch_norm else {}),
            relu=ReLU(),
            digit2=layers.linear(hidden, CLASSES),
        )
        self.softmax = Softmax()
        self.early: Sequential | None = None
        if auxiliary in ("early", "both"):
            softmax = {"softmax": Softmax()} if self.on_probabilities else {}
            self.early = Sequential(early=layers.linear(convolutions.features, CLASSES), **softmax)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return the probabilities and the auxiliary outputs, (N, 10) each."""
        features = self.convolutions.forward(images)
        logits = self.digit.forward(features)
        probabilities = self.softmax.forward(logits)
        outputs = [probabilities]
        if self.early is not None:
            outputs.append(self.early.forward(features))
        if self.late:
            outputs.append(probabilities if self.on_probabilities else logits)
        return self.remember(tuple(outputs))

    def backward(self, output_gradients: Sequence[Tensor]) -> Tensor:
        """Return dL/dimages (N, 1, 14, 14) from a gradient (N, 10) for each output.

        An output that is used twice gets the sum of two gradients: that of the auxiliary loss and
        that of the later layers.
        """
        self.recall(output_gradients)
        gradient, *auxiliary = output_gradients
        late = auxiliary.pop() if self.late else None
        if late is not None and self.on_probabilities:
            gradient = gradient + late
        gradient = self.softmax.backward(gradient)
        if late is not None and not self.on_probabilities:
            gradient = gradient + late
        gradient = self.digit.backward(gradient)
        if self.early is not None:
            gradient = gradient + self.early.backward(auxiliary.pop())
        return self.convolutions.backward(gradient)

    def children(self) -> list[tuple[str, Module]]:
        early = [] if self.early is None else [("", self.early)]
        return [("convolutions", self.convolutions), *early, ("", self.digit), ("", self.softmax)]


class Siamese(Module):
    """Siamese net: a shared branch for each image, and a head with two linear layers that compares.

    Per image: two convolutions to 256 features -> hidden_digit -> 10 -> softmax. The two softmaxed
    outputs joined: 20 -> hidden_comparison -> 2.

    Attributes:
        digit_outputs: `probabilities` or `logits` for each output that classifies the digits.

    Raises:
        ValueError: An argument is out of its range.
    """

    def __init__(
        self,
        channels: Sequence[int],
        hidden_digit: int,
        hidden_comparison: int,
        batch_norm: bool,
        dropout_conv: float | Sequence[float],
        dropout_linear: float,
        auxiliary: Literal["early", "late", "both", "none"],
        auxiliary_input: Literal["probabilities", "logits"],
        *,
        generator: Generator | None = None,
        dtype: torch_dtype | None = None,
    ) -> None:
        require(hidden_digit >= 1, "hidden_digit must be at least 1", hidden_digit)
        require(hidden_comparison >= 1, "hidden_comparison must be at least 1", hidden_comparison)
        require(0 <= dropout_linear < 1, "dropout_linear must be in [0, 1)", dropout_linear)
        for name, value, known in (
            ("auxiliary", auxiliary, AUXILIARY_POSITIONS),
            ("auxiliary_input", auxiliary_input, AUXILIARY_INPUTS),
        ):
            require(value in known, f"{name} must be one of {known}", repr(value))
        places = {"none": 0, "both": 2}.get(auxiliary, 1)
        self.digit_outputs = (auxiliary_input,) * places
        dropouts = _one_each(dropout_conv)
        layers = Layers(generator, dtype)
        convolutions = Convolutions(layers, 1, channels, batch_norm, dropouts)
        self.branch = Shared(
            Branch(layers, convolutions, hidden_digit, batch_norm, auxiliary, auxiliary_input)
        )
        self.head = Sequential(
            join=Flatten(),
            dropout_linear=layers.dropout(dropout_linear),
            comparison1=layers.linear(2 * CLASSES, hidden_comparison),
            **({"comparison_norm": layers.norm1d(hidden_comparison)} if batch_norm else {}),
            relu=ReLU(),
            comparison2=layers.linear(hidden_comparison, 2),
        )

    def forward(self, pairs: Tensor) -> tuple[Tensor, ...]:
        """Return comparison logits (N, 2) and digit outputs (N, 2, 10) of pairs (N, 2, 14, 14)."""
        check_pairs(pairs)
        probabilities, *digits = self.branch.forward(pairs.unsqueeze(2))
        return self.remember((self.head.forward(probabilities), *digits))

    def backward(self, output_gradients: Sequence[Tensor]) -> Tensor:
        """Return dL/dpairs (N, 2, 14, 14) from a gradient for each output of `forward`."""
        self.recall(output_gradients)
        comparison, *digits = output_gradients
        return self.branch.backward((self.head.backward(comparison), *digits)).squeeze(2)

    def children(self) -> list[tuple[str, Module]]:
        return [("", self.branch), ("", self.head)]


def _one_each(given: float | Sequence[float]) -> tuple[float, float]:
    """Return the dropout probabilities of both convolutions."""
    values = (given, given) if isinstance(given, int | float) else tuple(given)
    require(len(values) == 2, "dropout_conv must be one number or two", list(values))
    for value in values:
        require(0 <= value < 1, "dropout_conv must be in [0, 1)", value)
    return values[0], values[1]
