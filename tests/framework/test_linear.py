import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from project.framework import Linear
from tests.framework.batches import gaussian, matrices, seeds, sizes
from tests.framework.finite_differences import assert_slopes_match
from tests.framework.parity import CLAIM, assert_same_as_torch


def linear(fan_in: int, fan_out: int, seed: int = 0) -> Linear:
    """A float64 layer with a bias that is not zero."""
    generator = torch.Generator().manual_seed(seed)
    layer = Linear(fan_in, fan_out, generator=generator, dtype=torch.float64)
    layer.bias.normal_(generator=generator)
    return layer


@CLAIM
@given(data=st.data(), rows=sizes, fan_in=sizes, fan_out=sizes, seed=seeds)
def test_linear_and_its_gradients_equal_torch(data, rows, fan_in, fan_out, seed):
    x = data.draw(matrices(rows, fan_in))
    gradients = [data.draw(matrices(rows, fan_out)) for _ in range(3)]
    assert_same_as_torch(linear(fan_in, fan_out, seed), x, *gradients)


@pytest.mark.parametrize(("rows", "fan_in", "fan_out"), [(1, 1, 1), (100, 25, 25), (333, 7, 65)])
def test_linear_equals_torch_at_the_sizes_of_real_nets(rows, fan_in, fan_out):
    gradient = gaussian(rows, fan_out, seed=1)
    assert_same_as_torch(linear(fan_in, fan_out), gaussian(rows, fan_in, seed=0), gradient)


def test_slopes_of_linear_match_finite_differences():
    assert_slopes_match(linear(3, 4), gaussian(5, 3, seed=0), gaussian(5, 4, seed=1))


def test_gradients_accumulate_over_batches_of_different_sizes():
    layer = linear(3, 2)
    sums = [torch.zeros_like(gradient) for _, gradient in layer.param()]
    for rows in (4, 1, 6, 4):
        x, gradient = gaussian(rows, 3, seed=rows), gaussian(rows, 2, seed=rows + 10)
        layer.forward(x)
        layer.backward(gradient)
        sums[0] += gradient.t() @ x
        sums[1] += gradient.sum(0)
    torch.testing.assert_close([gradient for _, gradient in layer.param()], sums)


def test_gradient_step_goes_against_the_gradient_and_reset_forgets_it():
    layer = linear(2, 3)
    before = [parameter.clone() for parameter, _ in layer.param()]
    layer.forward(gaussian(4, 2, seed=0))
    layer.backward(gaussian(4, 3, seed=1))
    gradients = [gradient.clone() for _, gradient in layer.param()]
    layer.gradient_step(0.25)
    after = [b - 0.25 * g for b, g in zip(before, gradients, strict=True)]
    torch.testing.assert_close([parameter for parameter, _ in layer.param()], after)
    layer.gradient_reset()
    assert [gradient.abs().sum().item() for _, gradient in layer.param()] == [0, 0]


def test_biases_start_at_zero_and_a_seed_decides_the_weights():
    first, again, other = (
        Linear(4, 3, generator=torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)
    )
    assert first.weight.dtype == first.bias.dtype == torch.float32
    assert torch.equal(first.bias, torch.zeros(3))
    assert torch.equal(first.weight, again.weight)
    assert not torch.equal(first.weight, other.weight)


def test_a_wrong_shape_names_the_shape_it_wants():
    with pytest.raises(ValueError, match=r"Linear: the input must be \(N, 3\), got \(4, 2\)"):
        Linear(3, 2).forward(torch.rand(4, 2))
    with pytest.raises(ValueError, match=r"must be \(N, 3\), got \(3,\)"):
        Linear(3, 2).forward(torch.rand(3))


def test_another_dtype_than_the_parameters_is_refused():
    with pytest.raises(TypeError, match=r"dtype torch\.float32, got torch\.int64"):
        Linear(1, 1).forward(torch.ones(2, 1, dtype=torch.int64))
    with pytest.raises(TypeError, match=r"dtype torch\.float32, got torch\.float64"):
        Linear(1, 1).forward(torch.ones(2, 1, dtype=torch.float64))
    with pytest.raises(TypeError, match=r"floating-point values, got torch\.int64"):
        Linear(1, 1, dtype=torch.int64)


def test_impossible_layers_are_refused():
    with pytest.raises(ValueError, match="at least 1 feature on each side, got 0 to 2"):
        Linear(0, 2)
    with pytest.raises(ValueError, match="one of normal, uniform, kaiming_uniform, got 'xavier'"):
        Linear(2, 2, initialisation="xavier")
