import math

import pytest
import torch

from project.framework import INITIALISATIONS, Linear


@pytest.mark.parametrize("initialisation", ["normal", "uniform"])
@pytest.mark.parametrize("fan_in", [1, 25, 400])
def test_weights_have_mean_zero_and_variance_one_over_fan_in(initialisation, fan_in):
    generator = torch.Generator().manual_seed(0)
    fan_out = 100_000 // fan_in
    weight = Linear(fan_in, fan_out, initialisation=initialisation, generator=generator).weight
    # Over 1e5 draws the mean's standard error is 0.3 % of the deviation, the variance's 0.5 %.
    assert abs(weight.mean().item()) < 0.015 / math.sqrt(fan_in)
    assert weight.var().item() * fan_in == pytest.approx(1, rel=0.025)


def test_normal_is_the_standard_normal_times_the_root_of_one_over_fan_in():
    weight = INITIALISATIONS["normal"](torch.empty(3, 4), torch.Generator().manual_seed(7))
    draws = torch.empty(3, 4).normal_(generator=torch.Generator().manual_seed(7))
    assert torch.equal(weight, draws * math.sqrt(1 / 4))


def test_uniform_fills_its_interval_and_no_more():
    weight = INITIALISATIONS["uniform"](torch.empty(1000, 12), torch.Generator().manual_seed(0))
    assert 0.499 < weight.abs().max().item() <= 0.5
    # A normal distribution of this variance would have 42 % of its mass beyond 0.4, not 20 %.
    assert (weight.abs() > 0.4).double().mean().item() == pytest.approx(0.2, abs=0.02)
