"""What a trained net said about the test pairs: what all pictures are made of."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from project.models.prediction import Prediction


@dataclass(frozen=True)
class Answers:
    """A net's answers about N pairs.

    Attributes:
        images: (N, 2, H, W) float.
        digits: (N, 2), the true classes.
        said_ordered: (N,) bool, the answer "first <= second".
        probability_ordered: (N,), how probable the net found that.
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


def collect(batches: Sequence[tuple[Tensor, Tensor, Prediction]]) -> Answers:
    """Join the images, digits and predictions of test batches."""
    images, digits, predictions = zip(*batches, strict=True)
    comparison = torch.cat([each.comparison for each in predictions]).float().cpu()
    read = [each.digits[-1].argmax(2) for each in predictions if each.digits]
    return Answers(
        images=torch.cat(images).cpu().numpy(),
        digits=torch.cat(digits).cpu().numpy(),
        said_ordered=comparison.argmax(1).numpy() == 1,
        probability_ordered=comparison.softmax(1)[:, 1].numpy(),
        digits_read=torch.cat(read).cpu().numpy() if read else None,
    )
