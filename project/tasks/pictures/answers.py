"""A trained net's predictions for the test pairs, from which all pictures are drawn."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from project.models.prediction import Prediction


@dataclass(frozen=True)
class Answers:
    """A net's predictions for N pairs.

    Attributes:
        images: (N, 2, H, W) float.
        digits: (N, 2), the true classes.
        said_ordered: (N,) bool, whether the net predicts "first <= second".
        probability_ordered: (N,), the predicted probability of "first <= second".
        digits_read: (N, 2), the predicted classes; None for a net without digit outputs.
    """

    images: np.ndarray
    digits: np.ndarray
    said_ordered: np.ndarray
    probability_ordered: np.ndarray
    digits_read: np.ndarray | None

    @property
    def ordered(self) -> np.ndarray:
        """(N,) bool: whether the first digit is in truth at most the second."""
        return self.digits[:, 0] <= self.digits[:, 1]


def collect(batches: Sequence[tuple[Tensor, Tensor, Prediction]]) -> Answers:
    """Concatenate the images, digits and predictions of one or more test batches."""
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
