from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from project.framework import Conv2d
from tests.framework.batches import gaussian, maps, seeds
from tests.framework.finite_differences import assert_slopes_match
from tests.framework.parity import CLAIM, assert_same_as_torch


def conv(in_channels: int, out_channels: int, kernel_size: int, **options: Any) -> Conv2d:
    """A float64 layer with a bias that is not zero."""
    generator = torch.Generator().manual_seed(options.pop("seed", 0))
    layer = Conv2d(
        in_channels, out_channels, kernel_size, generator=generator, dtype=torch.float64, **options
    )
    if layer.bias is not None:
        layer.bias.normal_(generator=generator)
    return layer


@CLAIM
@given(
    data=st.data(),
    images=st.integers(1, 3),
    channels=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    kernel_size=st.integers(1, 4),
    stride=st.integers(1, 3),
    padding=st.integers(0, 2),
    bias=st.booleans(),
    training=st.booleans(),
    seed=seeds,
)
def test_conv2d_and_its_gradients_equal_torch(
    data, images, channels, kernel_size, stride, padding, bias, training, seed
):
    fan_in, fan_out = channels
    layer = conv(fan_in, fan_out, kernel_size, stride=stride, padding=padding, bias=bias, seed=seed)
    smallest = max(1, kernel_size - 2 * padding)
    height, width = (data.draw(st.integers(smallest, smallest + 5)) for _ in range(2))
    x = data.draw(maps(images, fan_in, height, width))
    output_shape = layer.forward(x).shape
    gradients = [data.draw(maps(*output_shape)) for _ in range(2)]
    assert_same_as_torch(layer.train(training), x, *gradients)


@pytest.mark.parametrize(
    ("images", "in_channels", "out_channels", "size", "padding"),
    [(20, 1, 32, 14, 0), (20, 32, 64, 6, 0), (4, 32, 32, 14, 1), (1, 2, 32, 14, 0)],
)
def test_conv2d_equals_torch_at_the_sizes_of_the_reports_nets(
    images, in_channels, out_channels, size, padding
):
    layer = conv(in_channels, out_channels, 3, padding=padding)
    out_size = size + 2 * padding - 2
    gradient = gaussian(images, out_channels, out_size, out_size, seed=1)
    assert_same_as_torch(layer, gaussian(images, in_channels, size, size, seed=0), gradient)


@pytest.mark.parametrize(("stride", "padding", "size"), [(1, 0, (2, 3)), (2, 1, (2, 3))])
def test_slopes_of_conv2d_match_finite_differences(stride, padding, size):
    layer = conv(2, 3, 3, stride=stride, padding=padding)
    assert_slopes_match(layer, gaussian(2, 2, 4, 5, seed=0), gaussian(2, 3, *size, seed=1))


def test_an_example_that_can_be_worked_out_by_hand():
    layer = Conv2d(1, 1, 2)
    layer.load_state({"weight": torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]]), "bias": torch.ones(1)})
    x = torch.tensor([[[[1.0, 0.0, 2.0], [0.0, 1.0, 0.0], [3.0, 0.0, 1.0]]]])
    assert layer.forward(x).tolist() == [[[[1 + 1 + 4, 1 + 4 + 3], [1 + 2 + 9, 1 + 1 + 4]]]]
    gradient = torch.tensor([[[[1.0, 10.0], [100.0, 1000.0]]]])
    # The pixel in the middle is the last of the first window, ..., the first of the last one.
    assert layer.backward(gradient).tolist() == [
        [[[1, 12, 20], [103, 4 + 30 + 200 + 1000, 40 + 2000], [300, 3400, 4000]]]
    ]
    # x's pixel (0, 0) and its neighbours, each times the gradient of the window that begins there.
    assert layer.weight_gradient.tolist() == [
        [[[1 + 0 + 0 + 1000, 0 + 20 + 100 + 0], [0 + 10 + 300 + 0, 1 + 0 + 0 + 1000]]]
    ]
    assert layer.bias_gradient.tolist() == [1111]


def test_pixels_beyond_the_last_window_do_not_matter():
    layer = conv(1, 2, 2, stride=2)
    x = gaussian(2, 1, 5, 5, seed=0)
    output = layer.forward(x)
    assert output.shape == (2, 2, 2, 2)
    gradient = layer.backward(torch.ones_like(output))
    assert gradient[:, :, 4].abs().sum() == gradient[..., 4].abs().sum() == 0
    x[:, :, 4] = x[..., 4] = 100
    assert torch.equal(layer.forward(x), output)


def test_evaluation_gives_the_bits_of_training():
    x, gradient = gaussian(3, 2, 6, 6, seed=0), gaussian(3, 4, 4, 4, seed=1)
    passes = []
    for training in (True, False):
        layer = conv(2, 4, 3).train(training)
        passes.append([layer.forward(x), layer.backward(gradient), *(g for _, g in layer.param())])
    assert all(torch.equal(a, b) for a, b in zip(*passes, strict=True))


def test_evaluation_does_not_keep_the_windows():
    def bytes_kept(layer: Conv2d) -> int:
        kept = [each.untyped_storage() for each in vars(layer).values() if torch.is_tensor(each)]
        return sum({each.data_ptr(): each.nbytes() for each in kept}.values())

    layer, x = conv(4, 1, 3), gaussian(8, 4, 16, 16, seed=0)
    layer.forward(x)
    windows = 8 * 14 * 14 * 9 * 4 * 8
    assert bytes_kept(layer) > windows
    layer.eval().forward(x)
    assert bytes_kept(layer) < windows / 4


def test_a_missing_number_is_seen_in_every_window_that_it_is_in_and_in_no_other():
    x = torch.zeros(1, 1, 5, 5)
    x[0, 0, 1, 1] = torch.nan
    output = Conv2d(1, 2, 2).forward(x)
    expected = torch.zeros(1, 2, 4, 4, dtype=torch.bool)
    expected[:, :, :2, :2] = True
    assert torch.equal(output.isnan(), expected)


def test_an_input_that_does_not_fit_says_what_would():
    layer = Conv2d(3, 2, 3)
    with pytest.raises(ValueError, match=r"Conv2d: .* must be \(N, 3, H, W\), got \(4, 2, 5, 5\)"):
        layer.forward(torch.rand(4, 2, 5, 5))
    with pytest.raises(ValueError, match=r"must be \(N, 3, H, W\), got \(3, 5, 5\)"):
        layer.forward(torch.rand(3, 5, 5))
    with pytest.raises(ValueError, match=r"a kernel of 3 x 3 must fit into the image, got 2 x 9$"):
        layer.forward(torch.rand(4, 3, 2, 9))
    with pytest.raises(ValueError, match=r"kernel of 4 x 4 .* got 1 x 9 with padding 1"):
        Conv2d(1, 1, 4, padding=1).forward(torch.rand(1, 1, 1, 9))


def test_another_dtype_than_the_parameters_is_refused():
    with pytest.raises(TypeError, match=r"dtype torch\.float32, got torch\.int64"):
        Conv2d(1, 1, 1).forward(torch.ones(1, 1, 2, 2, dtype=torch.int64))
    with pytest.raises(TypeError, match=r"dtype torch\.float32, got torch\.float64"):
        Conv2d(1, 1, 1).forward(torch.ones(1, 1, 2, 2, dtype=torch.float64))
    with pytest.raises(TypeError, match=r"floating-point values, got torch\.int64"):
        Conv2d(1, 1, 1, dtype=torch.int64)


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ((0, 1, 3), {}, ValueError, "at least 1 channel on each side, got 0 to 1"),
        ((1, 1, 0), {}, ValueError, "kernel_size, .* must be a whole number from 1, got 0"),
        ((1, 1, 3), {"stride": 0}, ValueError, "stride, .* must be a whole number from 1, got 0"),
        ((1, 1, 3), {"padding": -1}, ValueError, "padding, .* a whole number from 0, got -1"),
        ((1, 1, (3, 3)), {}, ValueError, r"both directions, must be .*, got \(3, 3\)"),
        ((1, 1, 3), {"initialisation": "xavier"}, ValueError, "kaiming_uniform, got 'xavier'"),
    ],
)
def test_impossible_layers_are_refused(arguments, options, error, message):
    with pytest.raises(error, match=message):
        Conv2d(*arguments, **options)
