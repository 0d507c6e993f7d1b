"""One branch reads both digits; where they are named, and on what scale, is a choice."""

from typing import Any

import pytest
import torch
from torch import Tensor

from project.models import Siamese

REPORT: dict[str, Any] = {"channels": [32, 64], "hidden_digit": 200, "hidden_comparison": 160}
SMALL: dict[str, Any] = {"channels": [3, 4], "hidden_digit": 6, "hidden_comparison": 5}


def siamese(**changes: Any) -> Siamese:
    """A small net in float64, without norm and dropout."""
    arguments: dict[str, Any] = SMALL | {
        "batch_norm": False,
        "dropout_conv": 0.0,
        "dropout_linear": 0.0,
        "auxiliary": "late",
        "auxiliary_input": "probabilities",
    }
    return Siamese(**(arguments | changes)).double()


@pytest.fixture
def pairs() -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(6, 2, 14, 14, dtype=torch.float64, generator=generator)


@pytest.mark.parametrize(
    ("auxiliary", "outputs"), [("none", 0), ("early", 1), ("late", 1), ("both", 2)]
)
@pytest.mark.parametrize("auxiliary_input", ["probabilities", "logits"])
def test_there_is_one_digit_output_for_each_position(
    auxiliary: str, outputs: int, auxiliary_input: str, pairs: Tensor
) -> None:
    prediction = siamese(auxiliary=auxiliary, auxiliary_input=auxiliary_input)(pairs)
    assert prediction.comparison.shape == (6, 2)
    assert [digits.shape for digits in prediction.digits] == outputs * [(6, 2, 10)]


def parameters(**changes: Any) -> int:
    return sum(p.numel() for p in siamese(**(REPORT | changes)).parameters())


def test_parameters_are_counted_once_for_both_images() -> None:
    convolutions = (1 * 9 * 32 + 32) + (32 * 9 * 64 + 64)
    branch = (256 * 200 + 200) + (200 * 10 + 10)
    head = (20 * 160 + 160) + (160 * 2 + 2)
    assert convolutions + branch + head == 75_908
    assert parameters() == 75_908
    assert parameters(auxiliary="none") == 75_908
    early = 256 * 10 + 10
    assert parameters(auxiliary="early") == parameters(auxiliary="both") == 75_908 + early
    norms = 2 * (32 + 64) + 2 * 200 + 2 * 160
    assert parameters(batch_norm=True) == 75_908 + norms == 76_820
    assert parameters(batch_norm=True, dropout_conv=0.1, dropout_linear=0.2) == 76_820


@pytest.mark.parametrize("batch_norm", [False, True])
def test_swapping_the_images_swaps_the_digit_outputs(batch_norm: bool, pairs: Tensor) -> None:
    net = siamese(auxiliary="both", batch_norm=batch_norm)
    as_they_are, swapped = net(pairs).digits, net(pairs.flip(1)).digits
    for one, other in zip(as_they_are, swapped, strict=True):
        assert torch.allclose(one, other.flip(1), rtol=0, atol=1e-12)
        assert not torch.allclose(one, other)


def test_both_images_send_their_gradient_to_the_one_branch(pairs: Tensor) -> None:
    net = siamese(auxiliary_input="logits")
    branch = [net.convolutions.conv1.weight, net.digit2.bias]

    (digits,) = net(pairs).digits
    both = torch.autograd.grad(digits.square().sum(), branch, retain_graph=True)
    first = torch.autograd.grad(digits[:, 0].square().sum(), branch, retain_graph=True)
    second = torch.autograd.grad(digits[:, 1].square().sum(), branch)
    for whole, one, other in zip(both, first, second, strict=True):
        assert one.abs().max() > 0
        assert other.abs().max() > 0
        assert torch.allclose(whole, one + other, rtol=0, atol=1e-10)


def test_a_branch_reads_its_image_and_not_the_other(pairs: Tensor) -> None:
    net = siamese()
    changed = pairs.clone()
    changed[:, 1] += 1
    (before,), (after,) = net(pairs).digits, net(changed).digits
    assert torch.allclose(before[:, 0], after[:, 0], rtol=0, atol=1e-12)
    assert not torch.allclose(before[:, 1], after[:, 1])


def test_the_head_receives_the_probabilities_of_both_digits(pairs: Tensor) -> None:
    net = siamese()
    prediction = net(pairs)
    joined = torch.cat([prediction.digits[0][:, 0], prediction.digits[0][:, 1]], dim=1)
    hidden = (joined @ net.comparison1.weight.T + net.comparison1.bias).clamp(min=0)
    expected = hidden @ net.comparison2.weight.T + net.comparison2.bias
    assert torch.allclose(prediction.comparison, expected, rtol=0, atol=1e-12)


def test_probabilities_are_the_softmax_of_the_logits_and_the_answer_stays(pairs: Tensor) -> None:
    with_softmax = siamese(auxiliary="both", auxiliary_input="probabilities")
    without = siamese(auxiliary="both", auxiliary_input="logits")
    without.load_state_dict(with_softmax.state_dict())
    ours, theirs = with_softmax(pairs), without(pairs)
    for probabilities, logits in zip(ours.digits, theirs.digits, strict=True):
        total = probabilities.sum(2)
        assert torch.allclose(total, torch.ones_like(total), rtol=0, atol=1e-12)
        assert probabilities.min() >= 0
        assert torch.equal(probabilities.argmax(2), logits.argmax(2))
        assert torch.allclose(probabilities, logits.softmax(2), rtol=0, atol=1e-12)
        assert not torch.allclose(probabilities, logits)
    assert torch.equal(ours.comparison, theirs.comparison)


def test_the_last_digit_output_is_the_late_one(pairs: Tensor) -> None:
    both, late = siamese(auxiliary="both"), siamese(auxiliary="late")
    late.load_state_dict({k: v for k, v in both.state_dict().items() if "early" not in k})
    assert torch.equal(both(pairs).digits[-1], late(pairs).digits[0])


def test_dropout_is_off_in_evaluation(pairs: Tensor) -> None:
    net = siamese(dropout_conv=0.5, dropout_linear=0.5, batch_norm=True)
    assert not torch.equal(net(pairs).comparison, net(pairs).comparison)
    net.eval()
    assert torch.equal(net(pairs).comparison, net(pairs).comparison)
    plain = siamese(batch_norm=True).eval()
    plain.load_state_dict(net.state_dict())
    assert torch.equal(net(pairs).comparison, plain(pairs).comparison)


def test_each_dropout_stands_in_its_place(pairs: Tensor) -> None:
    """dropout_conv reaches the digits; dropout_linear the comparison only."""
    plain = siamese(auxiliary="both")
    conv = siamese(auxiliary="both", dropout_conv=0.5)
    linear = siamese(auxiliary="both", dropout_linear=0.5)
    for net in (conv, linear):
        net.load_state_dict(plain.state_dict())
    expected = plain(pairs)
    for position in (0, 1):
        assert torch.equal(linear(pairs).digits[position], expected.digits[position])
        assert not torch.allclose(conv(pairs).digits[position], expected.digits[position])
    assert not torch.allclose(linear(pairs).comparison, expected.comparison)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dropout_conv": 1.0}, "dropout_conv must be in [0, 1), got 1.0"),
        ({"dropout_linear": -0.1}, "dropout_linear must be in [0, 1), got -0.1"),
        ({"dropout_linear": float("nan")}, "dropout_linear must be in [0, 1), got nan"),
        (
            {"auxiliary": "middle"},
            "auxiliary must be one of ('early', 'late', 'both', 'none'), got 'middle'",
        ),
        (
            {"auxiliary_input": "logit"},
            "auxiliary_input must be one of ('probabilities', 'logits'), got 'logit'",
        ),
        ({"dropout_conv": [0.1, 1.0]}, "dropout_conv must be in [0, 1), got 1.0"),
        ({"dropout_conv": [0.1]}, "dropout_conv must be one number or two, got [0.1]"),
        ({"channels": [3]}, "channels must be two positive numbers, got [3]"),
        ({"hidden_digit": 0}, "hidden_digit must be at least 1, got 0"),
        ({"hidden_comparison": -3}, "hidden_comparison must be at least 1, got -3"),
    ],
)
def test_a_constructor_refuses_by_name_rule_and_value(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match="must be") as error:
        siamese(**change)
    assert str(error.value) == message


def test_wrong_shapes_are_refused_with_both_shapes() -> None:
    with pytest.raises(ValueError, match="pairs must be") as error:
        siamese()(torch.zeros(4, 1, 14, 14))
    assert str(error.value) == "pairs must be (N, 2, 14, 14), got (4, 1, 14, 14)"
