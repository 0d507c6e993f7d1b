"""Claims about a net as it is used: from plain pixels to calibrated probabilities."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from project.data.mnist_pairs import MnistPairs
from project.models import Basic, Siamese
from project.seeding import initialise
from project.tasks.calibrated_pairs import CalibratedNet, calibrate

MakePairs = Callable[..., MnistPairs]


def ready(net: nn.Module) -> nn.Module:
    initialise(net, seed=0)
    return net.eval()


def siamese(auxiliary_input: str = "logits") -> nn.Module:
    return ready(Siamese([4, 6], 8, 8, True, 0.2, 0.2, "both", auxiliary_input))  # type: ignore[arg-type]


@pytest.mark.parametrize("normalise", [True, False])
def test_plain_pixels_lead_to_the_scores_of_the_runs_own_pairs(
    make_pairs: MakePairs, normalise: bool
) -> None:
    """Bit for bit: with the mean and std of the training pairs, if the run had them."""
    own, plain = make_pairs(normalise=normalise), make_pairs(normalise=False)
    own.setup()
    plain.setup()
    net = siamese()
    calibrated = CalibratedNet(net, own, calibrate(net, own))
    assert plain.val.images.max() > 100
    with torch.inference_mode():
        expected = calibrated.answers(net(own.val.images))
        got = calibrated(plain.val.images)
    for a, b in zip(expected, got, strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("auxiliary_input", ["logits", "probabilities"])
def test_probabilities_are_probabilities_and_answers_stay(
    make_pairs: MakePairs, auxiliary_input: str
) -> None:
    data, net = make_pairs(), siamese(auxiliary_input)
    data.setup()
    calibration = calibrate(net, data)
    assert calibration.digits_as_logarithms == (auxiliary_input == "probabilities")
    calibrated = CalibratedNet(net, data, calibration)
    with torch.inference_mode():
        raw = net(data.val.images)
        comparison, ordered, digits = calibrated.answers(raw)
    names = [output.name for output in calibrated.outputs]
    assert names == ["comparison", "probability_ordered", "digit_probabilities"]
    assert torch.equal(comparison, raw.comparison)
    assert torch.equal(ordered > 0.5, comparison.argmax(1) == 1)
    assert digits.shape == (20, 2, 10)
    torch.testing.assert_close(digits.sum(2), torch.ones(20, 2))
    assert torch.equal(digits.argmax(2), raw.digits[-1].argmax(2))


def test_it_is_fitted_on_validation_pairs_alone(make_pairs: MakePairs) -> None:
    data, net = make_pairs(), siamese()
    data.setup()
    before = calibrate(net, data)
    assert before.pairs == 20
    data.train.target = 1 - data.train.target
    data.test.target = 1 - data.test.target
    assert calibrate(net, data) == before
    data.val.target = 1 - data.val.target
    assert calibrate(net, data).comparison != before.comparison


def test_a_net_that_names_no_digits_gives_none(make_pairs: MakePairs) -> None:
    data, net = make_pairs(), ready(Basic([4, 6], 8))
    data.setup()
    calibration = calibrate(net, data)
    assert calibration.digits is None
    calibrated = CalibratedNet(net, data, calibration)
    assert [output.name for output in calibrated.outputs] == ["comparison", "probability_ordered"]
    assert len(calibrated(data.val.images)) == 2


def test_without_validation_pairs_nothing_is_fitted(make_pairs: MakePairs) -> None:
    data, net = make_pairs(val_pairs=0), siamese("probabilities")
    data.setup()
    assert calibrate(net, data) == (0, 1.0, 1.0, True)
