"""The report's basic convnet, which reads a pair as one image with two channels."""

from collections.abc import Sequence

from torch import Tensor, nn

from project.models.convolutions import Convolutions, check_pairs
from project.models.prediction import Prediction


class Basic(nn.Module):
    """Two convolutions, then two linear layers, with ReLU (report, part 1, "Basic").

    Args:
        channels: The output channels of the two convolutions.
        hidden: The width of the hidden linear layer.
    """

    def __init__(self, channels: Sequence[int], hidden: int) -> None:
        super().__init__()
        if hidden < 1:
            raise ValueError(f"hidden must be at least 1, got {hidden}")
        self.convolutions = Convolutions(2, channels)
        self.linear1 = nn.Linear(self.convolutions.features, hidden)
        self.linear2 = nn.Linear(hidden, 2)

    def forward(self, pairs: Tensor) -> Prediction:
        """Map pairs (N, 2, 14, 14) to comparison logits (N, 2), without digit outputs."""
        check_pairs(pairs)
        return Prediction(self.linear2(self.linear1(self.convolutions(pairs)).relu()))
