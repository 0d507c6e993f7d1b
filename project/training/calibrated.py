"""A trained net as it is used: plain pixels in, probabilities that can be believed out."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from project.data.mnist_pairs import MnistPairs
from project.models.prediction import Prediction
from project.training.calibration import are_probabilities, fit_temperature, logarithms


class Calibration(NamedTuple):
    """pairs: validation pairs on which it was fitted; with 0 all temperatures are 1.

    digits: None for a net that names none. digits_as_logarithms: the net gives probabilities.
    """

    pairs: int
    comparison: float
    digits: float | None
    digits_as_logarithms: bool


def calibrate(net: nn.Module, data: MnistPairs) -> Calibration:
    """The temperatures of `net` on the run's validation pairs: a tenth of a second."""
    pairs = data.val if len(data.val) else data.train  # either shows what the outputs are
    with torch.inference_mode():
        comparison, digits = net(pairs.images)
    scores, as_logarithms = None, False
    if digits:
        scores = digits[-1].flatten(0, 1)
        as_logarithms = are_probabilities(scores)
        scores = logarithms(scores) if as_logarithms else scores

    def fitted(scores: Tensor, classes: Tensor) -> float:
        return fit_temperature(scores, classes) if len(data.val) else 1.0

    return Calibration(
        pairs=len(data.val),
        comparison=fitted(comparison, pairs.target),
        digits=None if scores is None else fitted(scores, pairs.digits.flatten()),
        digits_as_logarithms=as_logarithms,
    )


class CalibratedNet(nn.Module):
    """Pairs (N, 2, 14, 14) of pixels in [0, 255], ink 255, to what `answers` gives.

    net: maps pairs as the run's own data give them, with their mean and std.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, net: nn.Module, data: MnistPairs, calibration: Calibration) -> None:
        super().__init__()
        self.net = net
        self.calibration = calibration
        self.register_buffer("mean", data.mean)
        self.register_buffer("std", data.std)

    @property
    def output_names(self) -> tuple[str, ...]:
        """What `forward` returns, in its order."""
        names = ("comparison", "probability_ordered", "digit_probabilities")
        return names[:2] if self.calibration.digits is None else names

    def forward(self, pairs: Tensor) -> tuple[Tensor, ...]:
        return self.answers(self.net((pairs - self.mean) / self.std))

    def answers(self, prediction: Prediction) -> tuple[Tensor, ...]:
        """The net's prediction, calibrated.

        Scores of the comparison as the net gives them (N, 2); the probability that the first digit
        is lesser than or equal to the second (N,); for a net that names the digits, the
        probabilities of their classes (N, 2, 10).
        """
        comparison, temperatures = prediction.comparison, self.calibration
        ordered = (comparison / temperatures.comparison).softmax(1)[:, 1]
        if temperatures.digits is None:
            return comparison, ordered
        digits = prediction.digits[-1]
        scores = logarithms(digits) if temperatures.digits_as_logarithms else digits
        return comparison, ordered, (scores / temperatures.digits).softmax(2)
