"""Siamese nets: one shared branch reads both digits, a head compares them (report, part 1)."""

from collections.abc import Sequence
from typing import Literal

from project.framework import Flatten, Module, Sequential, Shared, Softmax
from project.framework.nets.layers import Convolutions, Layers, check_pairs
from project.framework.state import require
from project.framework.torch_types import Generator, Tensor, torch_dtype

POSITIONS = ("early", "late", "both", "none")
INPUTS = ("probabilities", "logits")
CLASSES = 10


class Siamese(Module):
    """Siamese net: a shared branch for each image, and a head with two linear layers that compares.

    The branch is four shared parts: `convolutions` to 256 features, `digit` to 10 logits, `softmax`
    and, for the early auxiliary output, `early` from the features to 10 logits.

    Attributes:
        digit_outputs: `probabilities` or `logits` for each output that classifies the digits.
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
        require(auxiliary in POSITIONS, f"auxiliary must be one of {POSITIONS}", repr(auxiliary))
        rule = f"auxiliary_input must be one of {INPUTS}"
        require(auxiliary_input in INPUTS, rule, repr(auxiliary_input))
        self.on_probabilities = auxiliary_input == "probabilities"
        self.late = auxiliary in ("late", "both")
        layers = Layers(generator, dtype)
        convolutions = Convolutions(layers, 1, channels, batch_norm, dropout_conv)
        features = convolutions.features
        digit = layers.perceptron("digit", features, hidden_digit, CLASSES, batch_norm)
        self.convolutions = Shared(convolutions)
        self.digit = Shared(Sequential(**digit))
        self.softmax = Shared(Softmax())
        self.early: Module | None = None
        if auxiliary in ("early", "both"):
            softmax = {"softmax": Softmax()} if self.on_probabilities else {}
            self.early = Shared(Sequential(early=layers.linear(features, CLASSES), **softmax))
        self.head = Sequential(
            join=Flatten(),
            dropout_linear=layers.dropout(dropout_linear),
            **layers.perceptron("comparison", 2 * CLASSES, hidden_comparison, 2, batch_norm),
        )
        self.digit_outputs = (auxiliary_input,) * ((self.early is not None) + self.late)

    def forward(self, pairs: Tensor) -> tuple[Tensor, ...]:
        """Return comparison logits (N, 2), then digit outputs (N, 2, 10), the early one first."""
        check_pairs(pairs)
        features = self.convolutions.forward(pairs.unsqueeze(2))
        logits = self.digit.forward(features)
        probabilities = self.softmax.forward(logits)
        outputs = [self.head.forward(probabilities)]
        if self.early is not None:
            outputs.append(self.early.forward(features))
        if self.late:
            outputs.append(probabilities if self.on_probabilities else logits)
        return self.remember(tuple(outputs))

    def backward(self, output_gradients: Sequence[Tensor]) -> Tensor:
        """Return dL/dpairs (N, 2, 14, 14) from a gradient for each output of `forward`.

        A tensor that is used twice gets the sum of two gradients: that of the auxiliary loss and
        that of the later layers.
        """
        self.recall(output_gradients)
        comparison, *auxiliary = output_gradients
        late = auxiliary.pop() if self.late else None
        gradient = self.head.backward(comparison)
        if late is not None and self.on_probabilities:
            gradient = gradient + late
        gradient = self.softmax.backward(gradient)
        if late is not None and not self.on_probabilities:
            gradient = gradient + late
        gradient = self.digit.backward(gradient)
        if self.early is not None:
            gradient = gradient + self.early.backward(auxiliary.pop())
        return self.convolutions.backward(gradient).squeeze(2)

    def children(self) -> list[tuple[str, Module]]:
        early = [] if self.early is None else [("", self.early)]
        parts = [("", each) for each in (self.digit, self.softmax, self.head)]
        return [("convolutions", self.convolutions), *early, *parts]
