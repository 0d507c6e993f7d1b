"""One branch reads both digits; the comparison follows from what it believes about each.

Nothing is learned for the comparison itself: from the probabilities p and q of the two digits

    P(a <= b) = sum over i <= j of p_i q_j,

which is exact if the digits are independent given their images, as they are by construction here.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from project.models.convolutions import IMAGE_SIZE, check_pairs
from project.models.prediction import Prediction

HEADS = ("posterior", "learned")


class ConvolutionStage(nn.Module):
    """3x3 convolution, 2x2 max-pooling if asked, batch norm, ReLU.

    Maps (N, in_channels, H, W) to (N, out_channels, H, W): smaller by 2 without padding, then half.
    """

    def __init__(self, in_channels: int, out_channels: int, pool: bool, pad: bool) -> None:
        super().__init__()
        # Batch norm follows, which would take a bias away again.
        self.conv = nn.Conv2d(in_channels, out_channels, 3, padding=int(pad), bias=False)
        self.pool = nn.MaxPool2d(2) if pool else nn.Identity()
        self.norm = nn.BatchNorm2d(out_channels)

    def forward(self, maps: Tensor) -> Tensor:
        """Map (N, in_channels, H, W) to (N, out_channels, H', W')."""
        # Pooling first: there is a quarter of the pixels left to norm, and ReLU commutes with it.
        return self.norm(self.pool(self.conv(maps))).relu()


class PosteriorNet(nn.Module):
    """A stack of convolutions for each image, the average over its pixels, ten logits; a head.

    Args:
        channels: Of each convolution.
        pooled: Which of them (counted from 1) halve the image.
        head: `posterior`, P(a <= b) as above; `learned`, two linear layers of `hidden_comparison`
            in between on the probabilities of both digits, as the report's nets have them.
        hidden_comparison: Width of the learned head.
        unpadded: Which convolutions see whole 3x3 windows only, and make the image smaller by 2.
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
        if not channels or min(channels) < 1:
            raise ValueError(f"channels must be positive numbers, got {list(channels)}")
        for name, places in (("pooled", pooled), ("unpadded", unpadded)):
            if any(not 1 <= place <= len(channels) for place in places):
                raise ValueError(
                    f"{name} must name some of the convolutions 1 to {len(channels)}, "
                    f"got {list(places)}"
                )
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
        self.digit_outputs = ("logits",)  # of `Prediction.digits`
        self.convolutions = nn.Sequential(*stages)
        self.linear = nn.Linear(width, 10)
        self.comparison: nn.Module | None = None
        if head == "learned":
            self.comparison = nn.Sequential(
                nn.Linear(20, hidden_comparison), nn.ReLU(), nn.Linear(hidden_comparison, 2)
            )

    def forward(self, pairs: Tensor) -> Prediction:
        """Map pairs (N, 2, 14, 14) to comparison scores (N, 2) and digit logits (N, 2, 10).

        With the posterior head the scores are log-probabilities: cross-entropy leaves them as
        they are.
        """
        check_pairs(pairs)
        images = pairs.reshape(-1, 1, IMAGE_SIZE, IMAGE_SIZE)
        digits = self.linear(self.convolutions(images).mean((2, 3))).view(-1, 2, 10)
        if self.comparison is not None:
            return Prediction(self.comparison(digits.softmax(2).flatten(1)), (digits,))
        return Prediction(comparison_of(digits), (digits,))


def comparison_of(digits: Tensor) -> Tensor:
    """Return the log-probabilities (N, 2) of a > b and of a <= b, from digit logits (N, 2, 10)."""
    first, second = digits.log_softmax(2).unbind(1)
    both = first.unsqueeze(2) + second.unsqueeze(1)  # log p_i q_j
    # A sum for each, not 1 minus the other: so neither loses its digits where it is small.
    # Made here: at import its operators would start threads, which jobs forked later cannot use.
    lesser_or_equal = torch.ones(10, 10, dtype=torch.bool, device=digits.device).triu()
    sides = torch.stack((~lesser_or_equal, lesser_or_equal)).unsqueeze(1)
    return both.where(sides, -torch.inf).logsumexp((2, 3)).T
