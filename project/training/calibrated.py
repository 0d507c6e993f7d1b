"""A trained net as it is used: plain pixels in, probabilities that can be believed out."""

from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn

from project.config.errors import ConfigurationError
from project.data.mnist_pairs import MnistPairs
from project.models.prediction import Prediction
from project.training.calibration import are_probabilities, fit_temperature, logarithms
from project.training.load_run import LoadedRun

TASK = "project.tasks.digit_pairs.DigitPairs"
DATA = "project.data.mnist_pairs.MnistPairs"


def open_pairs(loaded: LoadedRun, folder: str | None, **changes: Any) -> MnistPairs:
    """Return the data of a run that compares MNIST pairs.

    Args:
        loaded: The run.
        folder: Where its files are; None for the default.
        changes: To the configuration's section `data`.

    Raises:
        ConfigurationError: The run does something else.
    """
    targets = (loaded.config["task"]["_target_"], loaded.config["data"]["_target_"])
    if targets != (TASK, DATA):
        raise ConfigurationError(
            f"{loaded.directory} is a run of task={loaded.record['task']} on data="
            f"{loaded.record['data']}; this command is for task=digit_pairs on MNIST pairs"
        )
    return cast(MnistPairs, loaded.data(folder, **changes))


class Calibration(NamedTuple):
    """The temperatures of a net.

    Attributes:
        pairs: Validation pairs on which they were fitted; with 0 all of them are 1.
        comparison: That of the comparison.
        digits: That of the digits; None for a net that names none.
        digits_as_logarithms: Whether the net gives probabilities.
    """

    pairs: int
    comparison: float
    digits: float | None
    digits_as_logarithms: bool


def calibrate(net: nn.Module, data: MnistPairs) -> Calibration:
    """Return the temperatures of `net` on the run's validation pairs: a tenth of a second."""
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

    Args:
        net: Maps pairs as the run's own data give them.
        data: The run's data, with the mean and std by which they are normalised.
        calibration: The net's temperatures.
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
        """The names of what `forward` returns, in its order."""
        names = ("comparison", "probability_ordered", "digit_probabilities")
        return names[:2] if self.calibration.digits is None else names

    def forward(self, pairs: Tensor) -> tuple[Tensor, ...]:
        """Return what `answers` says about plain pixels (N, 2, 14, 14)."""
        return self.answers(self.net((pairs - self.mean) / self.std))

    def answers(self, prediction: Prediction) -> tuple[Tensor, ...]:
        """Return the net's prediction, calibrated.

        Returns:
            Scores of the comparison as the net gives them (N, 2); the probability that the first
            digit is lesser than or equal to the second (N,); for a net that names the digits, the
            probabilities of their classes (N, 2, 10).
        """
        comparison, temperatures = prediction.comparison, self.calibration
        ordered = (comparison / temperatures.comparison).softmax(1)[:, 1]
        if temperatures.digits is None:
            return comparison, ordered
        digits = prediction.digits[-1]
        scores = logarithms(digits) if temperatures.digits_as_logarithms else digits
        return comparison, ordered, (scores / temperatures.digits).softmax(2)
