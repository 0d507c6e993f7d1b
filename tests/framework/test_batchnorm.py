from typing import TypeVar

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from project.framework import BatchNorm1d, BatchNorm2d
from tests.framework.batches import gaussian, layouts, maps, matrices, seeds, sizes
from tests.framework.finite_differences import assert_slopes_match
from tests.framework.parity import CLAIM, assert_same_as_torch, assert_same_state
from tests.framework.torch_twin import twin

Norm = TypeVar("Norm", BatchNorm1d, BatchNorm2d)


def batchnorm(features: int, seed: int = 0, **options: float) -> BatchNorm1d:
    """A float64 layer whose parameters and running statistics are not those of the start."""
    return filled(BatchNorm1d(features, dtype=torch.float64, **options), seed)


def batchnorm2d(channels: int, seed: int = 0, **options: float) -> BatchNorm2d:
    """The same for maps."""
    return filled(BatchNorm2d(channels, dtype=torch.float64, **options), seed)


def filled(layer: Norm, seed: int) -> Norm:
    generator = torch.Generator().manual_seed(seed)
    for tensor in (layer.weight, layer.bias, layer.running_mean):
        tensor.normal_(generator=generator)
    layer.running_var.uniform_(0.1, 3, generator=generator)
    return layer


@CLAIM
@given(
    data=st.data(),
    rows=st.integers(2, 6),
    features=sizes,
    momentum=st.floats(0, 1),
    eps=st.sampled_from([1e-5, 1e-3]),
    seed=seeds,
)
def test_in_training_batchnorm_and_its_gradients_equal_torch(
    data, rows, features, momentum, eps, seed
):
    layer = batchnorm(features, seed, momentum=momentum, eps=eps)
    x, *gradients = (data.draw(matrices(rows, features)) for _ in range(3))
    assert_same_as_torch(layer, x, *gradients)


@CLAIM
@given(data=st.data(), rows=sizes, features=sizes, seed=seeds)
def test_in_evaluation_batchnorm_and_its_gradients_equal_torch(data, rows, features, seed):
    x, *gradients = (data.draw(matrices(rows, features)) for _ in range(3))
    assert_same_as_torch(batchnorm(features, seed).eval(), x, *gradients)


@CLAIM
@given(
    data=st.data(),
    # Of two values dL/dx is 0 but for rounding, divided by a std that may be as small as it likes.
    shape=st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(2, 5), st.integers(2, 5)),
    training=st.booleans(),
    seed=seeds,
)
def test_batchnorm2d_and_its_gradients_equal_torch(data, shape, training, seed):
    layer = batchnorm2d(shape[1], seed).train(training)
    # In training not values that are equal in many places: torch and this framework sum in another
    # order, and where the variance is almost 0, rounding is divided by the root of eps.
    values = gaussian(*shape, seed=seed) if training else data.draw(maps(*shape))
    x = data.draw(layouts)(values)
    gradients = [data.draw(maps(*shape)) for _ in range(2)]
    assert_same_as_torch(layer, x, *gradients)


def test_slopes_of_batchnorm2d_match_finite_differences():
    for training in (True, False):
        layer = batchnorm2d(2, momentum=0.0).train(training)
        x, gradient = gaussian(2, 2, 2, 3, seed=0), gaussian(2, 2, 2, 3, seed=1)
        assert_slopes_match(layer, x, gradient)


def test_batchnorm2d_is_batchnorm1d_of_the_pixels():
    x = gaussian(3, 2, 4, 5, seed=0)
    maps_, pixels = batchnorm2d(2).forward(x), x.movedim(1, -1).reshape(-1, 2)
    assert torch.equal(maps_.movedim(1, -1).reshape(-1, 2), batchnorm(2).forward(pixels))


def test_batchnorm2d_can_be_trained_on_one_image_but_not_on_one_pixel():
    assert BatchNorm2d(2).forward(torch.rand(1, 2, 3, 3)).shape == (1, 2, 3, 3)
    with pytest.raises(ValueError, match="BatchNorm2d: training needs at least 2 rows, got 1"):
        BatchNorm2d(2).forward(torch.rand(1, 2, 1, 1))
    with pytest.raises(ValueError, match=r"BatchNorm2d: .* must be \(N, 2, H, W\), got \(4, 3, 2"):
        BatchNorm2d(2).forward(torch.rand(4, 3, 2, 2))
    with pytest.raises(TypeError, match=r"dtype torch\.float32, got torch\.int64"):
        BatchNorm2d(2).forward(torch.ones(4, 2, 2, 2, dtype=torch.int64))


def test_running_statistics_follow_the_batches_as_in_torch():
    layer = BatchNorm1d(3, dtype=torch.float64)
    reference = twin(layer)
    for seed in range(20):
        x = 4 * gaussian(2 + seed, 3, seed=seed) + 100
        layer.forward(x)
        reference(x)
    assert_same_state(layer, reference)


@pytest.mark.parametrize("training", [True, False])
def test_slopes_of_batchnorm_match_finite_differences(training):
    layer = batchnorm(3).train(training)
    layer.momentum = 0.0  # the differences call forward many times; the statistics must hold still
    assert_slopes_match(layer, gaussian(5, 3, seed=0), gaussian(5, 3, seed=1))


def test_features_far_from_zero_lose_no_precision():
    x = gaussian(50, 2, seed=0)
    near, far = (BatchNorm1d(2, dtype=torch.float64).forward(x + shift) for shift in (0, 2**20))
    torch.testing.assert_close(far, near, rtol=0, atol=1e-8)


def test_a_feature_that_does_not_vary_becomes_the_bias():
    layer = batchnorm(1)
    output = layer.forward(torch.full((4, 1), 7.0, dtype=torch.float64))
    assert torch.equal(output, layer.bias.expand(4, 1))


def test_backward_follows_the_mode_of_the_forward():
    x, gradient = gaussian(5, 3, seed=0), gaussian(5, 3, seed=1)
    layer = batchnorm(3)
    layer.forward(x)
    expected = layer.backward(gradient)
    layer.forward(x)
    assert torch.equal(layer.eval().backward(gradient), expected)


def test_training_on_a_single_row_is_refused_and_evaluation_is_not():
    layer = BatchNorm1d(2)
    with pytest.raises(ValueError, match="at least 2 rows, got 1"):
        layer.forward(torch.rand(1, 2))
    assert layer.eval().forward(torch.rand(1, 2)).shape == (1, 2)


def test_impossible_layers_and_inputs_are_refused():
    with pytest.raises(ValueError, match="at least 1 feature, got 0"):
        BatchNorm1d(0)
    with pytest.raises(ValueError, match="eps must be greater than 0, got 0"):
        BatchNorm1d(1, eps=0)
    with pytest.raises(ValueError, match=r"momentum must be in \[0, 1\], got 2"):
        BatchNorm1d(1, momentum=2)
    with pytest.raises(TypeError, match=r"floating-point values, got torch\.int64"):
        BatchNorm1d(1, dtype=torch.int64)
    with pytest.raises(ValueError, match=r"must be \(N, 2\), got \(4, 3\)"):
        BatchNorm1d(2).forward(torch.rand(4, 3))
    with pytest.raises(TypeError, match=r"dtype torch\.float32, got torch\.int64"):
        BatchNorm1d(2).forward(torch.ones(4, 2, dtype=torch.int64))
