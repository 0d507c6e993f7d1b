import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from project.framework import AvgPool2d, MaxPool2d
from tests.framework.batches import gaussian, maps
from tests.framework.finite_differences import assert_slopes_match
from tests.framework.parity import CLAIM, assert_same_as_torch

POOLINGS = [MaxPool2d, AvgPool2d]


@pytest.mark.parametrize("pooling", POOLINGS)
@CLAIM
@given(
    data=st.data(),
    images=st.integers(1, 3),
    channels=st.integers(1, 3),
    kernel_size=st.integers(1, 4),
    stride=st.one_of(st.none(), st.integers(1, 5)),
)
def test_poolings_and_their_gradients_equal_torch(
    pooling, data, images, channels, kernel_size, stride
):
    module = pooling(kernel_size, stride=stride)
    height, width = (data.draw(st.integers(kernel_size, kernel_size + 5)) for _ in range(2))
    x = data.draw(maps(images, channels, height, width))
    gradients = [data.draw(maps(*module.forward(x).shape)) for _ in range(2)]
    assert_same_as_torch(module, x, *gradients)


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize(("stride", "size"), [(None, (2, 2)), (1, (3, 3)), (3, (1, 1))])
def test_slopes_of_poolings_match_finite_differences(pooling, stride, size):
    x, gradient = gaussian(2, 2, 4, 4, seed=0), gaussian(2, 2, *size, seed=1)
    assert_slopes_match(pooling(2, stride=stride), x, gradient)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_poolings_equal_torch_at_the_sizes_of_the_reports_nets(pooling):
    x, gradient = gaussian(20, 32, 12, 12, seed=0), gaussian(20, 32, 6, 6, seed=1)
    assert_same_as_torch(pooling(2), x, gradient)


def test_of_equal_pixels_the_first_gets_the_gradient():
    pool = MaxPool2d(2)
    x = torch.tensor([[[[1.0, 3.0, 5.0, 5.0], [3.0, 3.0, 5.0, 5.0]]]])
    assert pool.forward(x).tolist() == [[[[3, 5]]]]
    assert pool.backward(torch.tensor([[[[7.0, 8.0]]]])).tolist() == [
        [[[0, 7, 8, 0], [0, 0, 0, 0]]]
    ]


def test_a_pixel_that_is_the_maximum_of_several_windows_gets_the_sum():
    pool = MaxPool2d(2, stride=1)
    x = torch.zeros(1, 1, 3, 3)
    x[0, 0, 1, 1] = 1
    pool.forward(x)
    gradient = pool.backward(torch.tensor([[[[1.0, 10.0], [100.0, 1000.0]]]]))
    assert gradient.tolist() == [[[[0, 0, 0], [0, 1111, 0], [0, 0, 0]]]]


def test_each_pixel_of_a_mean_gets_its_share():
    pool = AvgPool2d(2)
    assert pool.forward(torch.tensor([[[[1.0, 3.0], [5.0, 7.0]]]])).tolist() == [[[[4]]]]
    assert pool.backward(torch.full((1, 1, 1, 1), 8.0)).tolist() == [[[[2, 2], [2, 2]]]]


@pytest.mark.parametrize("pooling", POOLINGS)
def test_pixels_beyond_the_last_window_do_not_matter(pooling):
    pool, x = pooling(2), gaussian(1, 1, 5, 5, seed=0)
    output = pool.forward(x)
    gradient = pool.backward(torch.ones_like(output))
    assert gradient.abs().sum() == gradient[:, :, :4, :4].abs().sum() == 4
    x[:, :, 4] = x[..., 4] = 100
    assert torch.equal(pool.forward(x), output)


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("place", range(4))
def test_a_missing_number_is_seen_in_its_window_and_in_no_other(pooling, place):
    x = torch.zeros(1, 1, 2, 4)
    x[0, 0].view(-1)[[0, 1, 4, 5][place]] = torch.nan
    pool = pooling(2)
    assert pool.forward(x).isnan().tolist() == [[[[True, False]]]]
    assert pool.backward(torch.ones(1, 1, 1, 2)).sum().item() == 2


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_poolings_keep_the_dtype(pooling, dtype):
    pool = pooling(2)
    output = pool.forward(torch.ones(1, 1, 2, 2, dtype=dtype))
    assert output.dtype == pool.backward(output).dtype == dtype


@pytest.mark.parametrize("pooling", POOLINGS)
def test_impossible_poolings_and_inputs_are_refused(pooling):
    name = pooling.__name__
    with pytest.raises(ValueError, match=f"{name}: kernel_size, .* must be a whole number from 1"):
        pooling(0)
    with pytest.raises(ValueError, match=f"{name}: stride, .* a whole number from 1, got 0"):
        pooling(2, stride=0)
    with pytest.raises(ValueError, match=rf"{name}: .* must be \(N, C, H, W\), got \(2, 2\)"):
        pooling(2).forward(torch.rand(2, 2))
    with pytest.raises(ValueError, match=f"{name}: a kernel of 3 x 3 must fit .* got 4 x 2"):
        pooling(3).forward(torch.rand(1, 1, 4, 2))
    with pytest.raises(TypeError, match=r"floating-point values, got torch\.int64"):
        pooling(1).forward(torch.ones(1, 1, 2, 2, dtype=torch.int64))
