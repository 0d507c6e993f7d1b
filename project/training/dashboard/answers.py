"""What a trained net said about the test pairs: the matter of all pictures."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from project.data.pairs import Pairs
from project.models import Prediction


@dataclass(frozen=True)
class Answers:
    """A net's answers about N pairs.

    images: (N, 2, 14, 14) float. digits: (N, 2), the true classes. said_ordered: (N,) bool, the
    answer "first <= second". probability_ordered: (N,), how probable the net found that.
    digits_read: (N, 2), the classes that it read; None for a net that names no digits.
    """

    images: np.ndarray
    digits: np.ndarray
    said_ordered: np.ndarray
    probability_ordered: np.ndarray
    digits_read: np.ndarray | None

    @property
    def ordered(self) -> np.ndarray:
        """(N,) bool: whether the first digit is lesser than or equal to the second."""
        return self.digits[:, 0] <= self.digits[:, 1]


def collect(pairs: Pairs, predictions: Sequence[Prediction]) -> Answers:
    """The answers in `predictions`, one for each batch of `pairs`, in their order."""
    comparison = torch.cat([each.comparison for each in predictions]).cpu()
    read = [each.digits[-1].argmax(2) for each in predictions if each.digits]
    return Answers(
        images=pairs.images.numpy(),
        digits=pairs.digits.numpy(),
        said_ordered=comparison.argmax(1).numpy() == 1,
        probability_ordered=comparison.softmax(1)[:, 1].numpy(),
        digits_read=torch.cat(read).cpu().numpy() if read else None,
    )
