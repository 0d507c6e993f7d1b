import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from project.framework import Module, ReLU, Sigmoid, Softmax, Tanh
from tests.framework.batches import extreme, gaussian, matrices, moderate, sizes
from tests.framework.finite_differences import assert_slopes_match
from tests.framework.parity import CLAIM, assert_same_as_torch

ACTIVATIONS = [ReLU, Tanh, Sigmoid, Softmax]


@pytest.mark.parametrize("activation", ACTIVATIONS)
@CLAIM
@given(data=st.data(), rows=sizes, columns=sizes)
def test_activations_and_their_gradients_equal_torch(activation, data, rows, columns):
    x = data.draw(matrices(rows, columns, st.one_of(moderate, extreme)))
    gradients = [data.draw(matrices(rows, columns)) for _ in range(2)]
    assert_same_as_torch(activation(), x, *gradients)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_slopes_of_activations_match_finite_differences(activation):
    assert_slopes_match(activation(), gaussian(4, 3, seed=0), gaussian(4, 3, seed=1))


@pytest.mark.parametrize("activation", ACTIVATIONS)
@CLAIM
@given(data=st.data(), rows=sizes, columns=sizes, a=moderate, b=moderate)
def test_backward_is_linear_in_the_gradient(activation, data, rows, columns, a, b):
    module = activation()
    module.forward(data.draw(matrices(rows, columns)))
    g, h = (data.draw(matrices(rows, columns)) for _ in range(2))
    separately = a * module.backward(g) + b * module.backward(h)
    torch.testing.assert_close(module.backward(a * g + b * h), separately, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("activation", [ReLU, Tanh, Sigmoid])
@pytest.mark.parametrize("shape", [(), (3,), (2, 3, 4)])
def test_elementwise_activations_take_any_shape(activation, shape):
    generator = torch.Generator().manual_seed(0)
    x, gradient = torch.randn(2, *shape, dtype=torch.float64, generator=generator)
    assert_same_as_torch(activation(), x, gradient)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations_keep_the_dtype(activation, dtype):
    module, x = activation(), torch.ones(2, 3, dtype=dtype)
    assert module.forward(x).dtype == module.backward(x).dtype == dtype


def test_the_slope_of_relu_at_zero_is_zero():
    relu = ReLU()
    assert relu.forward(torch.tensor([[-1.0, -0.0, 0.0, 2.0]])).tolist() == [[0, 0, 0, 2]]
    assert relu.backward(torch.full((1, 4), 5.0)).tolist() == [[0, 0, 0, 5]]


def test_a_saturated_tanh_has_slope_zero():
    tanh = Tanh()
    assert tanh.forward(torch.tensor([[-1000.0, 1000.0]])).tolist() == [[-1, 1]]
    assert tanh.backward(torch.tensor([[3.0, 3.0]])).tolist() == [[0, 0]]


def test_softmax_of_a_thousand_does_not_overflow():
    softmax = Softmax()
    assert softmax.forward(torch.tensor([[1000.0, -1000.0]])).tolist() == [[1, 0]]
    assert softmax.forward(torch.tensor([[-1000.0, -1000.0]])).tolist() == [[0.5, 0.5]]


def test_a_missing_number_stays_visible():
    nan = torch.full((1, 2), float("nan"))
    for module in (ReLU(), Tanh(), Sigmoid(), Softmax()):
        assert module.forward(nan).isnan().all()


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_integers_are_refused(activation):
    module: Module = activation()
    with pytest.raises(TypeError, match=r"floating-point values, got torch\.int64"):
        module.forward(torch.ones(2, 2, dtype=torch.int64))


def test_softmax_wants_a_matrix():
    with pytest.raises(ValueError, match=r"must be \(N, C\), got \(3,\)"):
        Softmax().forward(torch.rand(3))
