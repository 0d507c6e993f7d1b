"""Two convolutions leave 2x2 pixels of every channel."""

import pytest
import torch
from torch import nn
from torch.nn.functional import conv2d, max_pool2d

from project.models.convolutions import Convolutions, check_pairs


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_64_channels_end_as_the_reports_256_features() -> None:
    net = Convolutions(1, [32, 64], batch_norm=False)
    assert net.features == 256
    assert net(torch.zeros(3, 1, 14, 14)).shape == (3, 256)


def test_the_parameters_are_those_of_the_convolutions_and_the_norms() -> None:
    weights_and_biases = (1 * 9 * 32 + 32) + (32 * 9 * 64 + 64)
    assert count(Convolutions(1, [32, 64], batch_norm=False)) == weights_and_biases
    assert count(Convolutions(1, [32, 64], batch_norm=True)) == weights_and_biases + 2 * (32 + 64)


def test_each_layer_is_convolution_pooling_and_relu() -> None:
    net = Convolutions(2, [3, 5], batch_norm=False).double()
    images = torch.randn(4, 2, 14, 14, dtype=torch.float64)
    maps = max_pool2d(conv2d(images, net.conv1.weight, net.conv1.bias), 2).clamp(min=0)
    maps = max_pool2d(conv2d(maps, net.conv2.weight, net.conv2.bias), 2).clamp(min=0)
    assert torch.allclose(net(images), maps.reshape(4, 20), rtol=0, atol=1e-12)


def test_batch_norm_stands_between_pooling_and_relu() -> None:
    net = Convolutions(1, [3, 5], batch_norm=True).double()
    images = torch.randn(8, 1, 14, 14, dtype=torch.float64)

    def normed(maps: torch.Tensor) -> torch.Tensor:
        variance, mean = torch.var_mean(maps, (0, 2, 3), correction=0, keepdim=True)
        return (maps - mean) / (variance + 1e-5).sqrt()

    maps = normed(max_pool2d(conv2d(images, net.conv1.weight, net.conv1.bias), 2)).clamp(min=0)
    maps = normed(max_pool2d(conv2d(maps, net.conv2.weight, net.conv2.bias), 2)).clamp(min=0)
    assert torch.allclose(net(images), maps.flatten(1), rtol=0, atol=1e-12)


@pytest.mark.parametrize("channels", [[], [32], [32, 64, 64], [0, 64], [32, -1]])
def test_channels_that_are_not_two_positive_numbers_are_refused(channels: list[int]) -> None:
    with pytest.raises(ValueError, match="channels must be two positive numbers, got ") as error:
        Convolutions(1, channels, batch_norm=False)
    assert str(error.value).endswith(f"got {channels}")


@pytest.mark.parametrize("shape", [(3, 28, 28), (5, 1, 14, 14), (5, 2, 28, 28), (2, 14, 14)])
def test_what_is_no_batch_of_pairs_is_refused_with_both_shapes(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="pairs must be") as error:
        check_pairs(torch.zeros(shape))
    assert str(error.value) == f"pairs must be (N, 2, 14, 14), got {shape}"
