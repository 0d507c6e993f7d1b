import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from project.framework import BatchNorm1d
from tests.framework.batches import gaussian, matrices, seeds, sizes
from tests.framework.finite_differences import assert_slopes_match
from tests.framework.parity import CLAIM, assert_same_as_torch, assert_same_state
from tests.framework.torch_twin import twin


def batchnorm(features: int, seed: int = 0, **options: float) -> BatchNorm1d:
    """A float64 layer whose parameters and running statistics are not those of the start."""
    layer = BatchNorm1d(features, dtype=torch.float64, **options)
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


def test_running_statistics_follow_the_batches_as_in_torch():
    layer = BatchNorm1d(3, dtype=torch.float64)
    reference = twin(layer)
    for seed in range(20):
        x = 4 * gaussian(2 + seed, 3, seed) + 100
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
