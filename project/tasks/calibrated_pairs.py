"""Export of nets that compare digits: plain pixels to scores and calibrated probabilities."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from project.data.pairs import DigitPairsData
from project.models.prediction import Prediction
from project.tasks.calibration import Calibrated, are_probabilities, fit_temperature, logarithms
from project.tasks.exportable import EXAMPLES, Card, Exportable, Output

OUTPUTS = (
    Output(
        "comparison",
        "`comparison` (N, 2), the net's scores of first > second and first <= second",
        "scores",
    ),
    Output(
        "probability_ordered",
        "`probability_ordered` (N,), the calibrated probability of first <= second",
        "probabilities",
    ),
    Output(
        "digit_probabilities",
        "`digit_probabilities` (N, 2, 10), calibrated, of the classes 0 to 9",
        "probabilities",
    ),
)


class Calibration(NamedTuple):
    """The temperatures of a net's outputs, fitted on validation pairs."""

    pairs: int  # the number of validation pairs; without any, all temperatures are 1
    comparison: float
    digits: float | None  # None for a net without digit outputs
    digits_as_logarithms: bool  # whether the digits' scores are logarithms of probabilities


def calibrate(net: nn.Module, data: DigitPairsData) -> Calibration:
    """Fit the temperatures of a trained net on the validation pairs of its data, set up."""
    count = len(data.val)
    pairs = data.val if count else data.train  # either shows which outputs the net has
    with torch.inference_mode():
        comparison, digits = net(pairs.images)

    def fitted(scores: Tensor, classes: Tensor) -> float:
        return fit_temperature(scores, classes) if count else 1.0

    temperature = fitted(comparison, pairs.target)
    if not digits:
        return Calibration(count, temperature, None, False)
    scores = digits[-1].flatten(0, 1)
    as_logarithms = are_probabilities(scores)
    scores = logarithms(scores) if as_logarithms else scores
    return Calibration(count, temperature, fitted(scores, pairs.digits.flatten()), as_logarithms)


class CalibratedNet(Calibrated):
    """Net for pairs (N, 2, H, W) of plain pixels in [0, 255], with ink as 255."""

    calibration: Calibration

    @property
    def outputs(self) -> tuple[Output, ...]:
        """The descriptions of the tensors that `forward` returns, in the same order."""
        return OUTPUTS[:2] if self.calibration.digits is None else OUTPUTS

    def answers(self, output: Prediction) -> tuple[Tensor, ...]:
        """Return the comparison scores unchanged and the calibrated probabilities (`OUTPUTS`)."""
        comparison, temperatures = output.comparison, self.calibration
        ordered = (comparison / temperatures.comparison).softmax(1)[:, 1]
        if temperatures.digits is None:
            return comparison, ordered
        digits = output.digits[-1]
        scores = logarithms(digits) if temperatures.digits_as_logarithms else digits
        return comparison, ordered, (scores / temperatures.digits).softmax(2)


def pairs_exportable(net: nn.Module, data: DigitPairsData) -> Exportable:
    """Return a trained net, combined with its normalisation and calibration, for export.

    The data module must have been set up.
    """
    calibration = calibrate(net, data)
    module = CalibratedNet(net, data, calibration).eval()
    # Expected outputs come from the run's own normalised pairs, independent of the exported module.
    with torch.inference_mode():
        expected = module.answers(net(own_pairs(data)))
    size = data.image_size
    return Exportable(
        module=module,
        inputs=own_pairs(data.plain()),
        expected=expected,
        input_name="pairs",
        input_text=f"float32 (N, 2, {size}, {size}), pixels in [0, 255], ink 255",
        outputs=module.outputs,
        card=pairs_card(data, calibration),
        facts={"calibration": calibration._asdict()},
    )


def own_pairs(data: DigitPairsData) -> Tensor:
    """Return up to 1,000 pairs (N, 2, H, W): validation first, then training, no test pairs."""
    return torch.cat([data.val.images, data.train.images])[:EXAMPLES]


def pairs_card(data: DigitPairsData, calibration: Calibration) -> Card:
    """Return the model card's part about comparing pairs of digits."""
    size = data.image_size
    use = "The run's normalisation is inside."
    limits = [
        "It answers whatever it is shown, even letters, several digits or noise, and can be sure "
        "of it.",
        "The comparison and the digits are separate outputs, which may contradict each other; then "
        "trust neither.",
    ]
    if data.dataset_name.startswith("mnist"):
        use = (
            "A digit as MNIST has it (its box scaled into 20x20, its centre of mass in the middle "
            f"of 28x28, which `project/data/images.py` does), then 2x2 means. {use}"
        )
        limits.insert(
            0,
            f"It has seen digits of `{data.dataset_name}` only: handwriting of American census "
            "clerks and pupils of about 1990. Errors and probabilities hold for such digits, cut "
            "out and centred in the same way; for other handwriting, typeset digits or photographs "
            "neither was measured.",
        )
    return Card(
        summary="Two images of digits in; out comes whether the first digit is lesser than or "
        "equal to the second.",
        errors={
            "test/error": "test error",
            "val/error": "validation error",
            "test/digit_error": "test error of single digits",
        },
        data=[
            f"{data.train_pairs:,} training, {data.val_pairs:,} validation and "
            f"{data.test_pairs:,} test pairs, {size}x{size} pixels each digit; no digit in two of "
            "them"
        ],
        use=[use],
        calibration=_calibration_text(calibration),
        limits=limits,
    )


def _calibration_text(calibration: Calibration) -> str:
    named = calibration.digits is not None
    silent = "" if named else "The net does not name the digits. "
    if not calibration.pairs:
        return f"{silent}There were no validation pairs: the probabilities are not calibrated."
    digits = f", digits {calibration.digits:.3f}" if named else ""
    return (
        f"{silent}Temperatures (comparison {calibration.comparison:.3f}{digits}) were fitted on "
        f"{calibration.pairs:,} validation pairs."
    )
