"""A trained net's predictions for the test pairs, from which all pictures are drawn."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from project.models.prediction import Prediction


@dataclass(frozen=True)
class Answers:
    """A net's predictions for N pairs."""

    images: np.ndarray  # (N, 2, H, W) float
    digits: np.ndarray  # (N, 2), the true classes
    said_ordered: np.ndarray  # (N,) bool, whether the net predicts "first <= second"
    probability_ordered: np.ndarray  # (N,), the predicted probability of "first <= second"
    digits_read: np.ndarray | None  # (N, 2), predicted; None for a net without digit outputs

    @property
    def ordered(self) -> np.ndarray:
        """(N,) bool: whether the first digit is in truth at most the second."""
        return self.digits[:, 0] <= self.digits[:, 1]

    @property
    def certainty(self) -> np.ndarray:
        """(N,): the predicted probability of the net's own answer."""
        probability = self.probability_ordered
        return np.where(self.said_ordered, probability, 1 - probability)


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
