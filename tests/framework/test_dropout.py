import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from project.framework import Dropout, Dropout2d
from tests.framework.batches import gaussian, layouts, maps, matrices, seeds, sizes
from tests.framework.finite_differences import numerical_gradient
from tests.framework.parity import CLAIM, assert_parity, assert_same_as_torch
from tests.framework.torch_twin import through_autograd


@CLAIM
@given(data=st.data(), rows=sizes, columns=sizes, p=st.floats(0, 1), seed=seeds)
def test_dropout_draws_the_masks_of_torch_and_equals_it(data, rows, columns, p, seed):
    x, gradient = (data.draw(layouts)(data.draw(matrices(rows, columns))) for _ in range(2))
    assert_same_with_the_masks_of_torch(Dropout(p), torch.nn.Dropout(p), x, gradient, seed)


@CLAIM
@given(data=st.data(), shape=st.tuples(sizes, sizes, sizes, sizes), p=st.floats(0, 1), seed=seeds)
def test_dropout2d_draws_the_masks_of_torch_and_equals_it(data, shape, p, seed):
    x, gradient = (data.draw(maps(*shape)) for _ in range(2))
    assert_same_with_the_masks_of_torch(Dropout2d(p), torch.nn.Dropout2d(p), x, gradient, seed)


def assert_same_with_the_masks_of_torch(dropout, reference, x, gradient, seed):
    """Output and gradient, the masks of both drawn from torch's default generator."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        expected = through_autograd(reference, x, gradient)
        torch.manual_seed(seed)
        assert_parity(dropout.forward(x), expected.output)
    assert_parity(dropout.backward(gradient), expected.input_gradients[0])


@CLAIM
@given(data=st.data(), rows=sizes, columns=sizes, p=st.floats(0, 1))
def test_in_evaluation_dropout_equals_torch(data, rows, columns, p):
    x, gradient = (data.draw(matrices(rows, columns)) for _ in range(2))
    assert_same_as_torch(Dropout(p).eval(), x, gradient)


def test_slopes_of_dropout_match_finite_differences():
    generator = torch.Generator()
    dropout = Dropout(0.4, generator=generator)
    x, gradient = gaussian(5, 4, seed=0), gaussian(5, 4, seed=1)

    def value() -> torch.Tensor:
        generator.manual_seed(3)
        return (dropout.forward(x) * gradient).sum()

    numerical = numerical_gradient(value, x)
    value()
    torch.testing.assert_close(dropout.backward(gradient), numerical, rtol=1e-6, atol=1e-7)


def test_elements_are_dropped_at_the_rate_p_and_the_others_scaled():
    dropout = Dropout(0.2, generator=torch.Generator().manual_seed(0))
    output = dropout.forward(torch.ones(1000, 100, dtype=torch.float64))
    assert set(output.unique().tolist()) == {0.0, 1.25}
    assert (output == 0).double().mean().item() == pytest.approx(0.2, abs=0.006)


def test_dropout2d_drops_whole_channels():
    dropout = Dropout2d(0.2, generator=torch.Generator().manual_seed(0))
    output = dropout.forward(torch.ones(500, 20, 3, 2, dtype=torch.float64))
    assert set(output.unique().tolist()) == {0.0, 1.25}
    assert torch.equal(output, output[:, :, :1, :1].expand_as(output))
    assert (output[..., 0, 0] == 0).double().mean().item() == pytest.approx(0.2, abs=0.02)
    with pytest.raises(ValueError, match=r"Dropout2d: .* must be \(N, C, H, W\), got \(2, 3\)"):
        dropout.eval().forward(torch.rand(2, 3))


def test_slopes_of_dropout2d_match_finite_differences():
    generator = torch.Generator()
    dropout = Dropout2d(0.4, generator=generator)
    x, gradient = gaussian(2, 3, 2, 2, seed=0), gaussian(2, 3, 2, 2, seed=1)

    def value() -> torch.Tensor:
        generator.manual_seed(3)
        return (dropout.forward(x) * gradient).sum()

    numerical = numerical_gradient(value, x)
    value()
    torch.testing.assert_close(dropout.backward(gradient), numerical, rtol=1e-6, atol=1e-7)


def test_the_generator_decides_the_mask_and_the_global_state_is_left_alone():
    first, again = (Dropout(0.5, generator=torch.Generator().manual_seed(4)) for _ in range(2))
    x = gaussian(8, 8, seed=0)
    state = torch.get_rng_state()
    assert torch.equal(first.forward(x), again.forward(x))
    assert not torch.equal(first.forward(x), again.forward(-x).neg().roll(1, 0))
    assert torch.equal(torch.get_rng_state(), state)


def test_each_forward_draws_a_new_mask():
    dropout, x = Dropout(0.5, generator=torch.Generator().manual_seed(0)), gaussian(8, 8, seed=0)
    assert not torch.equal(dropout.forward(x), dropout.forward(x))


def test_backward_follows_the_mode_of_the_forward():
    dropout, ones = Dropout(1.0), torch.ones(2, 2)
    dropout.forward(ones)
    dropout.eval()
    assert torch.equal(dropout.backward(ones), torch.zeros(2, 2))


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_p_must_be_a_probability(p):
    with pytest.raises(ValueError, match=rf"in \[0, 1\], got {p}"):
        Dropout(p)


def test_integers_are_refused():
    with pytest.raises(TypeError, match=r"floating-point values, got torch\.int64"):
        Dropout(0.5).forward(torch.ones(2, 2, dtype=torch.int64))
