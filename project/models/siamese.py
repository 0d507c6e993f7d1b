"""Siamese nets: one shared branch reads both digits, a head compares them (report, part 1)."""

from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn

from project.models.convolutions import IMAGE_SIZE, Convolutions, check_pairs
from project.models.prediction import Prediction

POSITIONS = ("early", "late", "both", "none")
INPUTS = ("probabilities", "logits")


class Siamese(nn.Module):
    """Siamese net: a shared branch for each image, and a head with two linear layers that compares.

    Per image: two convolutions to 256 features -> hidden_digit -> 10 -> softmax. The two softmaxed
    outputs joined: 20 -> hidden_comparison -> 2.

    Args:
        channels: The output channels of the two convolutions.
        hidden_digit: The width of the branch's hidden linear layer.
        hidden_comparison: The width of the head's hidden layer.
        batch_norm: Whether every hidden layer is followed by batch norm.
        dropout_conv: The probability of dropping a channel after each convolution: one number for
            both, or one for each.
        dropout_linear: The probability of dropping one of the head's 20 inputs.
        auxiliary: Where the net outputs the digits' classes for the auxiliary loss: `late` (the 10
            outputs that go to the head), `early` (a linear layer after the convolutions), `both`,
            or `none`.
        auxiliary_input: What the auxiliary cross-entropy gets. `logits` is the correct form.
            `probabilities` are softmaxed, so that cross-entropy applies softmax a second time,
            which the EPFL report almost certainly did. The head gets probabilities in both cases.
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
    ) -> None:
        super().__init__()
        if hidden_digit < 1:
            raise ValueError(f"hidden_digit must be at least 1, got {hidden_digit}")
        if hidden_comparison < 1:
            raise ValueError(f"hidden_comparison must be at least 1, got {hidden_comparison}")
        if not 0.0 <= dropout_linear < 1.0:
            raise ValueError(f"dropout_linear must be in [0, 1), got {dropout_linear}")
        if auxiliary not in POSITIONS:
            raise ValueError(f"auxiliary must be one of {POSITIONS}, got {auxiliary!r}")
        if auxiliary_input not in INPUTS:
            raise ValueError(f"auxiliary_input must be one of {INPUTS}, got {auxiliary_input!r}")
        self.auxiliary_input = auxiliary_input
        self.late = auxiliary in ("late", "both")
        self.convolutions = Convolutions(1, channels, batch_norm, dropout_conv)
        features = self.convolutions.features
        self.early = nn.Linear(features, 10) if auxiliary in ("early", "both") else None
        # The kind of each tensor in `Prediction.digits`: probabilities or logits.
        self.digit_outputs = (auxiliary_input,) * ((self.early is not None) + self.late)
        self.digit1 = nn.Linear(features, hidden_digit)
        self.digit_norm = nn.BatchNorm1d(hidden_digit) if batch_norm else nn.Identity()
        self.digit2 = nn.Linear(hidden_digit, 10)
        self.dropout_linear = nn.Dropout(dropout_linear)
        self.comparison1 = nn.Linear(20, hidden_comparison)
        self.comparison_norm = nn.BatchNorm1d(hidden_comparison) if batch_norm else nn.Identity()
        self.comparison2 = nn.Linear(hidden_comparison, 2)

    def forward(self, pairs: Tensor) -> Prediction:
        """Map pairs (N, 2, 14, 14) to comparison logits (N, 2) and digit outputs (N, 2, 10)."""
        check_pairs(pairs)
        features = self.convolutions(pairs.reshape(-1, 1, IMAGE_SIZE, IMAGE_SIZE))
        logits = self.digit2(self.digit_norm(self.digit1(features)).relu())
        probabilities = logits.softmax(1)
        joined = self.dropout_linear(probabilities.view(-1, 20))
        comparison = self.comparison2(self.comparison_norm(self.comparison1(joined)).relu())
        digits = []
        if self.early is not None:
            early = self.early(features)
            digits.append(early.softmax(1) if self.auxiliary_input == "probabilities" else early)
        if self.late:
            digits.append(probabilities if self.auxiliary_input == "probabilities" else logits)
        return Prediction(comparison, tuple(output.view(-1, 2, 10) for output in digits))
