import math

import pytest
import torch

from project.framework import INITIALISATIONS, Conv2d, Linear


@pytest.mark.parametrize("initialisation", ["normal", "uniform"])
@pytest.mark.parametrize("fan_in", [1, 25, 400])
def test_weights_have_mean_zero_and_variance_one_over_fan_in(initialisation, fan_in):
    generator = torch.Generator().manual_seed(0)
    fan_out = 100_000 // fan_in
    weight = Linear(fan_in, fan_out, initialisation=initialisation, generator=generator).weight
    # Over 1e5 draws the mean's standard error is 0.3 % of the deviation, the variance's 0.5 %.
    assert abs(weight.mean().item()) < 0.015 / math.sqrt(fan_in)
    assert weight.var().item() * fan_in == pytest.approx(1, rel=0.025)


@pytest.mark.parametrize("initialisation", ["normal", "uniform"])
def test_the_fan_in_of_a_convolution_is_the_number_of_its_windows_pixels(initialisation):
    generator = torch.Generator().manual_seed(0)
    layer = Conv2d(4, 3000, 3, initialisation=initialisation, generator=generator)
    assert layer.weight.var().item() * 36 == pytest.approx(1, rel=0.025)


def filled(initialisation: str, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A weight (3, 4) and a bias (3,) that an initialisation has filled."""
    weight, bias = torch.empty(3, 4), torch.ones(3)
    INITIALISATIONS[initialisation](weight, bias, torch.Generator().manual_seed(seed))
    return weight, bias


def test_normal_is_the_standard_normal_times_the_root_of_one_over_fan_in():
    weight, bias = filled("normal", 7)
    draws = torch.empty(3, 4).normal_(generator=torch.Generator().manual_seed(7))
    assert torch.equal(weight, draws * math.sqrt(1 / 4))
    assert torch.equal(bias, torch.zeros(3))


def test_uniform_fills_its_interval_and_no_more():
    layer = Linear(12, 1000, initialisation="uniform", generator=torch.Generator().manual_seed(0))
    assert 0.499 < layer.weight.abs().max().item() <= 0.5
    # A normal distribution of this variance would have 42 % of its mass beyond 0.4, not 20 %.
    assert (layer.weight.abs() > 0.4).double().mean().item() == pytest.approx(0.2, abs=0.02)
    assert torch.equal(layer.bias, torch.zeros(1000))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("seed", range(5))
def test_kaiming_uniform_is_how_torchs_layers_start_bit_for_bit(seed, dtype):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        references = [torch.nn.Linear(25, 7, dtype=dtype), torch.nn.Conv2d(3, 6, 5, dtype=dtype)]
    options = {"initialisation": "kaiming_uniform", "dtype": dtype}
    generator = torch.Generator().manual_seed(seed)
    layers = [
        Linear(25, 7, generator=generator, **options),
        Conv2d(3, 6, 5, generator=generator, **options),
    ]
    for layer, reference in zip(layers, references, strict=True):
        for name, expected in reference.state_dict().items():
            assert torch.equal(layer.state()[name], expected)


def test_a_convolution_without_bias_draws_none():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        reference = torch.nn.Conv2d(2, 4, 3, bias=False)
    generator = torch.Generator().manual_seed(3)
    layer = Conv2d(2, 4, 3, bias=False, initialisation="kaiming_uniform", generator=generator)
    assert torch.equal(layer.weight, reference.weight.detach())


@pytest.mark.parametrize("initialisation", sorted(INITIALISATIONS))
def test_parameters_can_be_drawn_anew(initialisation):
    for layer in (
        Linear(4, 3, initialisation=initialisation, generator=torch.Generator().manual_seed(0)),
        Conv2d(2, 3, 2, initialisation=initialisation, generator=torch.Generator().manual_seed(0)),
    ):
        before = layer.state()
        layer.reset_parameters(torch.Generator().manual_seed(1))
        assert not torch.equal(layer.weight, before["weight"])
        layer.reset_parameters(torch.Generator().manual_seed(0))
        assert all(torch.equal(before[name], tensor) for name, tensor in layer.tensors().items())
