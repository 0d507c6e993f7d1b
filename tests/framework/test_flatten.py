import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from project.framework import Flatten
from tests.framework.batches import gaussian, layouts, maps, sizes
from tests.framework.finite_differences import assert_slopes_match
from tests.framework.parity import CLAIM, assert_same_as_torch


@CLAIM
@given(data=st.data(), shape=st.lists(sizes, min_size=2, max_size=5))
def test_flatten_and_its_gradient_equal_torch(data, shape):
    x = data.draw(maps(*shape))
    features = x[0].numel()
    gradients = [data.draw(maps(shape[0], features)) for _ in range(2)]
    assert_same_as_torch(Flatten(), x, *gradients)


def test_slopes_of_flatten_match_finite_differences():
    assert_slopes_match(Flatten(), gaussian(2, 3, 2, 2, seed=0), gaussian(2, 12, seed=1))


@CLAIM
@given(layout=layouts)
def test_features_are_in_the_order_channel_row_column_whatever_the_layout(layout):
    flatten, numbers = Flatten(), torch.arange(24.0).view(2, 3, 2, 2)
    assert flatten.forward(layout(numbers)).tolist() == [list(range(12)), list(range(12, 24))]
    assert torch.equal(flatten.backward(torch.arange(24.0).view(2, 12)), numbers)


def test_what_cannot_be_flattened_is_refused():
    with pytest.raises(ValueError, match=r"Flatten: the input must be \(N, \.\.\.\), got \(3,\)"):
        Flatten().forward(torch.rand(3))
    with pytest.raises(TypeError, match=r"floating-point values, got torch\.int64"):
        Flatten().forward(torch.ones(2, 2, dtype=torch.int64))
