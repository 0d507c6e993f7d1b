"""The basic net reads a pair as one image of two channels."""

import pytest
import torch

from project.models import Basic, Prediction


def test_pairs_become_comparison_logits_and_no_digits() -> None:
    prediction = Basic([32, 64], 200)(torch.zeros(5, 2, 14, 14))
    assert isinstance(prediction, Prediction)
    assert prediction.comparison.shape == (5, 2)
    assert prediction.digits == ()


def test_the_reports_row_has_70906_parameters() -> None:
    convolutions = (2 * 9 * 32 + 32) + (32 * 9 * 64 + 64)
    linear = (256 * 200 + 200) + (200 * 2 + 2)
    assert convolutions + linear == 70_906
    assert sum(p.numel() for p in Basic([32, 64], 200).parameters()) == 70_906


def test_the_answer_is_two_linear_layers_with_a_relu_between() -> None:
    net = Basic([3, 4], 6).double()
    pairs = torch.randn(5, 2, 14, 14, dtype=torch.float64)
    hidden = (net.convolutions(pairs) @ net.linear1.weight.T + net.linear1.bias).clamp(min=0)
    expected = hidden @ net.linear2.weight.T + net.linear2.bias
    assert torch.allclose(net(pairs).comparison, expected, rtol=0, atol=1e-12)


def test_nothing_is_shared_between_the_two_images() -> None:
    net = Basic([3, 4], 6)
    pairs = torch.randn(5, 2, 14, 14)
    assert not torch.allclose(net(pairs).comparison, net(pairs.flip(1)).comparison)


def test_wrong_shapes_are_refused_with_both_shapes() -> None:
    with pytest.raises(ValueError, match="pairs must be") as error:
        Basic([3, 4], 6)(torch.zeros(3, 28, 28))
    assert str(error.value) == "pairs must be (N, 2, 14, 14), got (3, 28, 28)"


@pytest.mark.parametrize("hidden", [0, -1])
def test_a_hidden_layer_without_units_is_refused(hidden: int) -> None:
    with pytest.raises(ValueError, match=f"hidden must be at least 1, got {hidden}"):
        Basic([3, 4], hidden)
