"""Temperature scaling, which makes a net's probabilities match its error rate.

softmax(scores / T) keeps the predicted class and changes only its probability (Guo, Pleiss, Sun and
Weinberger 2017, On Calibration of Modern Neural Networks, arXiv 1706.04599). T is one number,
fitted on validation examples; never on test examples, which must stay independent.
"""

import math
from typing import Any

import torch
from scipy.optimize import minimize_scalar
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

MIN_TEMPERATURE, MAX_TEMPERATURE = 1e-3, 1e3
EPS = 1e-12  # replaces a probability of 0 in a logarithm


class Calibrated(nn.Module):
    """Trained net that gets plain pixels; subclasses define `answers`, which calibrate its output.

    Pixels are divided by `levels` of the run's data module, then normalised by its mean and std.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, net: nn.Module, data: Any, calibration: Any) -> None:
        super().__init__()
        self.net = net
        self.levels = data.levels
        self.calibration = calibration
        self.register_buffer("mean", data.mean)
        self.register_buffer("std", data.std)

    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        """Return the `answers` to plain pixels (N, C, H, W)."""
        return self.answers(self.net((pixels / self.levels - self.mean) / self.std))

    def answers(self, output: Any) -> tuple[Tensor, ...]:
        """Return the net's scores, unchanged, and calibrated probabilities."""
        raise NotImplementedError


def fit_temperature(scores: Tensor, classes: Tensor) -> float:
    """Return the temperature T at which softmax(scores / T) makes the classes most likely.

    The target probability of the true class is (N + 1) / (N + 2) instead of 1 (Platt 1999);
    otherwise T would go to 0 for a net without errors on the N >= 1 examples. The loss is convex
    in 1 / T, so it has one minimum. Scores are (N, C), classes (N,).
    """
    count, choices = scores.shape
    scores = scores.double()
    # torch spreads the smoothing over all classes, including the true one.
    smoothing = choices / (choices - 1) / (count + 2)

    def loss(logarithm: float) -> float:
        heated = scores / math.exp(logarithm)
        return cross_entropy(heated, classes, label_smoothing=smoothing).item()

    bounds = (math.log(MIN_TEMPERATURE), math.log(MAX_TEMPERATURE))
    return math.exp(minimize_scalar(loss, bounds=bounds, method="bounded").x)


def are_probabilities(outputs: Tensor) -> bool:
    """Return whether outputs (..., C) are probabilities: nonnegative, with sums of 1."""
    sums = outputs.sum(-1)
    return bool((outputs >= 0).all() and torch.allclose(sums, torch.ones_like(sums), atol=1e-4))


def logarithms(probabilities: Tensor) -> Tensor:
    """Return scores whose softmax gives back the probabilities."""
    return probabilities.clamp_min(EPS).log()
