import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from project.framework import BatchNorm1d, Conv2d, Flatten, Linear, Sequential, Shared, Tanh
from tests.framework.batches import gaussian, maps, seeds, sizes
from tests.framework.finite_differences import assert_slopes_match
from tests.framework.parity import CLAIM, assert_parity, assert_same_as_torch


def shared(seed: int = 0) -> Shared:
    """Items (N, P, 1, 3, 3) to features (N, P, 2): convolution, tanh, linear, batch norm."""
    generator = torch.Generator().manual_seed(seed)
    return Shared(
        Sequential(
            Conv2d(1, 2, 2, generator=generator, dtype=torch.float64),
            Tanh(),
            Flatten(),
            Linear(8, 2, generator=generator, dtype=torch.float64),
            BatchNorm1d(2, dtype=torch.float64),
        )
    )


@CLAIM
@given(data=st.data(), examples=sizes, items=st.integers(2, 4), seed=seeds)
def test_a_shared_branch_and_its_gradients_equal_torch(data, examples, items, seed):
    x = data.draw(maps(examples, items, 1, 3, 3))
    gradients = [data.draw(maps(examples, items, 2)) for _ in range(2)]
    assert_same_as_torch(shared(seed).eval(), x, *gradients)
    gradients = [gaussian(examples, items, 2, seed=seed + 1)]
    assert_same_as_torch(shared(seed), gaussian(examples, items, 1, 3, 3, seed=seed), *gradients)


def test_slopes_of_a_shared_branch_match_finite_differences():
    x, gradient = gaussian(2, 2, 1, 3, 3, seed=0), gaussian(2, 2, 2, seed=1)
    assert_slopes_match(shared().eval(), x, gradient)


def test_the_branchs_gradient_is_the_sum_over_the_items():
    x, gradient = gaussian(4, 2, 3, seed=0), gaussian(4, 2, 5, seed=1)
    layer = Linear(3, 5, dtype=torch.float64)
    pair = Shared(layer)
    pair.forward(x)
    pair.backward(gradient)
    together = [each.clone() for _, each in layer.param()]
    layer.gradient_reset()
    for item in range(2):
        layer.forward(x[:, item])
        layer.backward(gradient[:, item])
    for actual, (_, expected) in zip(together, layer.param(), strict=True):
        assert_parity(actual, expected)


def test_a_single_item_is_not_taken_for_several():
    with pytest.raises(ValueError, match=r"Shared: .* must be \(N, P, \.\.\.\), got \(3,\)"):
        shared().forward(torch.rand(3))


def test_names_and_mode_are_those_of_the_branch():
    pair = shared().eval()
    assert list(pair.state())[:2] == ["0.weight", "0.bias"]
    assert not any(leaf.training for _, leaf in pair.leaves())
