"""The comparison follows from the digits: P(a <= b) is the sum over i <= j of p_i q_j."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from project.models import PosteriorNet
from project.models.posterior import comparison_of

FRONTIER: dict[str, Any] = {
    "channels": [32, 48, 62, 62],
    "pooled": [1, 3],
    "unpadded": [1, 4],
    "head": "posterior",
    "hidden_comparison": 160,
}


def draw(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, dtype=torch.float64, generator=generator)


@given(seed=st.integers(0, 1000), sharpness=st.floats(0.0, 20.0))
def test_the_comparison_is_the_sum_over_the_pairs_of_digits(seed: int, sharpness: float) -> None:
    digits = sharpness * draw(3, 2, 10, seed=seed)
    p, q = digits.softmax(2).unbind(1)
    expected = torch.zeros(3, 2, dtype=torch.float64)
    for i in range(10):
        for j in range(10):
            expected[:, int(i <= j)] += p[:, i] * q[:, j]
    assert torch.allclose(comparison_of(digits).exp(), expected, rtol=1e-9, atol=1e-14)


def test_small_probabilities_keep_their_digits_on_both_sides() -> None:
    """In float32, 1 - P would be 0 here, and the loss infinite."""
    digits = torch.full((2, 2, 10), -40.0)
    digits[0, :, 0] = digits[1, 0, 9] = digits[1, 1, 0] = 0.0  # surely 0 <= 0, and surely 9 > 0
    scores = comparison_of(digits)
    assert torch.isfinite(scores).all()
    assert scores[0, 0].item() == pytest.approx(-40 + torch.tensor(9.0).log().item(), abs=1e-4)
    assert scores.argmax(1).tolist() == [1, 0]


def test_no_pairs_have_no_scores() -> None:
    """A device has none where there are fewer in the last batch than devices."""
    assert comparison_of(torch.zeros(0, 2, 10)).shape == (0, 2)


def test_gradients_are_those_of_the_definition() -> None:
    assert torch.autograd.gradcheck(comparison_of, draw(4, 2, 10).requires_grad_())


def test_equal_beliefs_say_less_or_equal_more_often_than_not() -> None:
    scores = comparison_of(torch.zeros(1, 2, 10)).exp()
    assert scores.tolist() == [[pytest.approx(0.45), pytest.approx(0.55)]]


def test_the_frontier_has_no_more_parameters_than_the_reports_best() -> None:
    convolutions = 9 * (1 * 32 + 32 * 48 + 48 * 62 + 62 * 62)
    norms, linear = 2 * (32 + 48 + 62 + 62), 62 * 10 + 10
    net = PosteriorNet(**FRONTIER)
    assert sum(p.numel() for p in net.parameters()) == convolutions + norms + linear == 76_530


@pytest.mark.parametrize(
    ("pooled", "unpadded", "left"),
    [([], [], 14), ([2], [], 7), ([1, 2, 4], [], 1), ([1, 3], [1, 4], 1), ([], [1, 2, 3, 4], 6)],
)
@pytest.mark.parametrize("head", ["posterior", "learned"])
def test_pairs_become_scores_and_digits(
    pooled: list[int], unpadded: list[int], left: int, head: str
) -> None:
    small: dict[str, Any] = {"channels": [3, 4, 5, 6], "pooled": pooled, "hidden_comparison": 7}
    small["unpadded"] = unpadded
    net = PosteriorNet(**small, head=head).double().eval()  # type: ignore[arg-type]
    pairs = draw(5, 2, 14, 14)
    comparison, (digits,) = net(pairs)
    assert net.convolutions(pairs[:, :1]).shape == (5, 6, left, left)
    assert (comparison.shape, digits.shape) == ((5, 2), (5, 2, 10))
    # Each digit is named by its own image alone.
    turned = net(pairs.flip(1)).digits[0].flip(1)
    assert torch.allclose(digits, turned, rtol=0, atol=1e-12)
    follows = torch.allclose(comparison, comparison_of(digits))
    assert follows == (head == "posterior")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"channels": []}, r"channels must be positive numbers, got \[\]"),
        ({"channels": [4, 0]}, "channels must be positive numbers"),
        ({"pooled": [5]}, r"pooled must name some of the convolutions 1 to 4, got \[5\]"),
        ({"unpadded": [0]}, r"unpadded must name some of the convolutions 1 to 4, got \[0\]"),
        (
            {"pooled": [1, 2, 3], "unpadded": [4]},
            r"pooled=\[1, 2, 3\] and unpadded=\[4\] leave nothing of an image of 14 pixels after "
            "convolution 4",
        ),
        ({"head": "guess"}, "head must be one of"),
        ({"hidden_comparison": 0}, "hidden_comparison must be at least 1, got 0"),
    ],
)
def test_what_makes_no_net_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PosteriorNet(**(FRONTIER | changes))
