"""Temperature scaling: scores to probabilities that can be believed.

softmax(scores / T) keeps every answer and changes only how sure it sounds (Guo, Pleiss, Sun and
Weinberger 2017, On Calibration of Modern Neural Networks, arXiv 1706.04599). One number, fitted on
validation pairs, which took no part in training; never on test pairs, which are there to measure.
"""

import math

import torch
from scipy.optimize import minimize_scalar
from torch import Tensor
from torch.nn.functional import cross_entropy

MIN_TEMPERATURE, MAX_TEMPERATURE = 1e-3, 1e3
EPS = 1e-12  # in the place of a probability of 0, which has no logarithm


def fit_temperature(scores: Tensor, classes: Tensor) -> float:
    """Return the T at which softmax(scores / T) gives the classes the highest likelihood.

    The true class counts as (N + 1) / (N + 2) sure and not as certain (Platt 1999): else a net
    without a mistake on N examples would be sure for ever. The loss is convex in 1 / T, so it has
    one minimum.

    Args:
        scores: (N, C), N >= 1.
        classes: (N,).

    Raises:
        ValueError: The shapes are others.
    """
    count, choices = scores.shape
    if count == 0 or classes.shape != (count,):
        raise ValueError(
            f"scores must be (N, C) and classes (N,) with N >= 1, got {tuple(scores.shape)} and "
            f"{tuple(classes.shape)}"
        )
    scores = scores.double()
    # torch spreads the smoothing over all classes, the true one included.
    smoothing = choices / (choices - 1) / (count + 2)

    def loss(logarithm: float) -> float:
        heated = scores / math.exp(logarithm)
        return cross_entropy(heated, classes, label_smoothing=smoothing).item()

    bounds = (math.log(MIN_TEMPERATURE), math.log(MAX_TEMPERATURE))
    return math.exp(minimize_scalar(loss, bounds=bounds, method="bounded").x)


def are_probabilities(outputs: Tensor) -> bool:
    """Whether a net gives probabilities (..., C), as `auxiliary_input: probabilities` has them.

    Then their logarithms are its scores.
    """
    sums = outputs.sum(-1)
    return bool((outputs >= 0).all() and torch.allclose(sums, torch.ones_like(sums), atol=1e-4))


def logarithms(probabilities: Tensor) -> Tensor:
    """Return the scores whose softmax the probabilities are."""
    return probabilities.clamp_min(EPS).log()
