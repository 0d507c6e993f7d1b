from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from project.framework import BatchNorm2d, Conv2d, Linear, ReLU, Residual, Sequential, Tanh
from tests.framework.batches import gaussian, maps, seeds, sizes
from tests.framework.finite_differences import assert_slopes_match
from tests.framework.parity import CLAIM, assert_same_as_torch, named_gradients

OPTIONS: dict[str, Any] = {"dtype": torch.float64}


def block(channels: int, seed: int = 0) -> Residual:
    """x + conv(tanh(conv(x))), channels to channels."""
    generator = torch.Generator().manual_seed(seed)
    convs = [
        Conv2d(channels, channels, 3, padding=1, generator=generator, **OPTIONS) for _ in range(2)
    ]
    return Residual(Sequential(convs[0], Tanh(), convs[1]))


def widening_block(seed: int = 0) -> Residual:
    """Maps (N, 2, H, W) to (N, 3, H / 2, W / 2), the shortcut by a convolution and a norm."""
    generator = torch.Generator().manual_seed(seed)
    return Residual(
        Sequential(Conv2d(2, 3, 3, stride=2, padding=1, generator=generator, **OPTIONS)),
        Sequential(
            Conv2d(2, 3, 1, stride=2, bias=False, generator=generator, **OPTIONS),
            BatchNorm2d(3, **OPTIONS),
        ),
    )


@CLAIM
@given(data=st.data(), images=sizes, channels=st.integers(1, 3), height=sizes, seed=seeds)
def test_a_residual_connection_and_its_gradients_equal_torch(data, images, channels, height, seed):
    x, *gradients = (data.draw(maps(images, channels, height, 3)) for _ in range(3))
    assert_same_as_torch(block(channels, seed), x, *gradients)


@CLAIM
@given(data=st.data(), images=st.integers(2, 4), training=st.booleans(), seed=seeds)
def test_with_a_shortcut_that_changes_the_shape_it_equals_torch(data, images, training, seed):
    # Not values that are equal in many places: the norm would divide their rounding by its eps.
    x = gaussian(images, 2, 5, 4, seed=seed)
    gradients = [data.draw(maps(images, 3, 3, 2)) for _ in range(2)]
    assert_same_as_torch(widening_block(seed).train(training), x, *gradients)


def test_slopes_of_a_residual_connection_match_finite_differences():
    assert_slopes_match(block(2), gaussian(2, 2, 3, 3, seed=0), gaussian(2, 2, 3, 3, seed=1))
    shorter = widening_block().eval()
    assert_slopes_match(shorter, gaussian(2, 2, 4, 4, seed=0), gaussian(2, 3, 2, 2, seed=1))


def test_a_body_that_gives_nothing_leaves_input_and_gradient_as_they_are():
    layer = Linear(3, 3, dtype=torch.float64)
    residual = Residual(layer)
    layer.weight.zero_()
    x, gradient = gaussian(4, 3, seed=0), gaussian(4, 3, seed=1)
    assert torch.equal(residual.forward(x), x)
    assert torch.equal(residual.backward(gradient), gradient)


def test_the_bodys_tensors_keep_their_names_and_the_shortcuts_say_that_they_are():
    residual = widening_block()
    assert [name for name in residual.state() if "weight" in name or "bias" in name] == [
        *("0.weight", "0.bias"),
        *("shortcut.0.weight", "shortcut.1.weight", "shortcut.1.bias"),
    ]
    assert len(named_gradients(residual)) == len(residual.param()) == 5
    residual.eval()
    assert not any(leaf.training for _, leaf in residual.leaves())


def test_what_cannot_be_added_is_refused():
    with pytest.raises(ValueError, match=r"must have one shape, got \(4, 3\) and \(4, 2\)"):
        Residual(Linear(3, 2)).forward(torch.rand(4, 3))


def test_a_module_in_the_body_and_in_the_shortcut_is_refused():
    shared = ReLU()
    with pytest.raises(ValueError, match="once in a Residual, got 2 places for 1 modules"):
        Residual(shared, shared)
