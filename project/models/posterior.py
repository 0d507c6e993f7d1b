"""Nets that compute the comparison of two digits from the probabilities of the digits' classes."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from project.models.convolutions import IMAGE_SIZE, check_pairs
from project.models.prediction import Prediction

HEADS = ("posterior", "learned")


class ConvolutionStage(nn.Module):
    """A 3x3 convolution, optional 2x2 max-pooling, batch norm and ReLU.

    Maps (N, in_channels, H, W) to (N, out_channels, H', W'). Without padding (`pad`) the image
    first shrinks by 2 pixels along each axis; pooling then halves it.
    """

    def __init__(self, in_channels: int, out_channels: int, pool: bool, pad: bool) -> None:
        super().__init__()
        # No bias: the following batch norm would cancel it.
        self.conv = nn.Conv2d(in_channels, out_channels, 3, padding=int(pad), bias=False)
        self.pool = nn.MaxPool2d(2) if pool else nn.Identity()
        self.norm = nn.BatchNorm2d(out_channels)

    def forward(self, maps: Tensor) -> Tensor:
        """Return maps (N, out_channels, H', W')."""
        # Pooling comes before batch norm and ReLU, which then process a quarter of the pixels.
        return self.norm(self.pool(self.conv(maps))).relu()


class PosteriorNet(nn.Module):
    """Convolutions and a linear layer from each image to ten digit logits, and a comparison head.

    Args:
        channels: The output channels of each convolution.
        pooled: The numbers, from 1, of the convolutions followed by 2x2 max-pooling.
        head: `posterior` computes P(a <= b), the sum over i <= j of p_i q_j, from the digits'
            probabilities p and q, exact for independent digits. `learned` applies two linear layers
            to these probabilities, as the report's nets do.
        hidden_comparison: The width between the two linear layers of the learned head.
        unpadded: The numbers, from 1, of the convolutions without padding, which shrink the image
            by 2.
    """

    def __init__(
        self,
        channels: Sequence[int],
        pooled: Sequence[int],
        head: Literal["posterior", "learned"],
        hidden_comparison: int,
        unpadded: Sequence[int] = (),
    ) -> None:
        super().__init__()
        if min(channels, default=0) < 1:
            raise ValueError(f"channels must be positive numbers, got {list(channels)}")
        for name, places in (("pooled", pooled), ("unpadded", unpadded)):
            if not set(places) <= set(range(1, len(channels) + 1)):
                rule = f"{name} must name some of the convolutions 1 to {len(channels)}"
                raise ValueError(f"{rule}, got {list(places)}")
        if head not in HEADS:
            raise ValueError(f"head must be one of {HEADS}, got {head!r}")
        if hidden_comparison < 1:
            raise ValueError(f"hidden_comparison must be at least 1, got {hidden_comparison}")
        stages, size, width = [], IMAGE_SIZE, 1
        for place, wider in enumerate(channels, 1):
            pool, pad = place in pooled, place not in unpadded
            size = (size if pad else size - 2) // (2 if pool else 1)
            if size < 1:
                raise ValueError(
                    f"pooled={list(pooled)} and unpadded={list(unpadded)} leave nothing of an "
                    f"image of {IMAGE_SIZE} pixels after convolution {place}"
                )
            stages.append(ConvolutionStage(width, wider, pool, pad))
            width = wider
        self.digit_outputs = ("logits",)  # the kind of each tensor in `Prediction.digits`
        self.convolutions = nn.Sequential(*stages)
        self.linear = nn.Linear(width, 10)
        self.comparison: nn.Module | None = None
        if head == "learned":
            self.comparison = nn.Sequential(
                nn.Linear(20, hidden_comparison), nn.ReLU(), nn.Linear(hidden_comparison, 2)
            )

    def forward(self, pairs: Tensor) -> Prediction:
        """Map pairs (N, 2, 14, 14) to comparison scores (N, 2) and digit logits (N, 2, 10).

        With the posterior head the scores are log-probabilities, which the log-softmax in
        cross-entropy does not change.
        """
        check_pairs(pairs)
        images = pairs.reshape(-1, 1, IMAGE_SIZE, IMAGE_SIZE)
        digits = self.linear(self.convolutions(images).mean((2, 3))).view(-1, 2, 10)
        if self.comparison is not None:
            return Prediction(self.comparison(digits.softmax(2).flatten(1)), (digits,))
        return Prediction(comparison_of(digits), (digits,))


def comparison_of(digits: Tensor) -> Tensor:
    """Return log P(a > b) and log P(a <= b), as (N, 2), from digit logits (N, 2, 10)."""
    first, second = digits.log_softmax(2).unbind(1)
    both = first.unsqueeze(2) + second.unsqueeze(1)  # log p_i q_j
    # Each side is a sum of its own: 1 minus the other would lose precision for small values.
    # The mask is not a module constant: computing it at import would start torch's threads, which
    # break in jobs that are forked later.
    lesser_or_equal = torch.ones(10, 10, dtype=torch.bool, device=digits.device).triu()
    sides = torch.stack((~lesser_or_equal, lesser_or_equal)).unsqueeze(1)
    return both.where(sides, -torch.inf).logsumexp((2, 3)).T
