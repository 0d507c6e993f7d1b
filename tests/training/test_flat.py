"""One vector in place of many parameters: the same bits, from every optimizer."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import nn

from project.training.flat import FlatParameters

OPTIMIZERS: list[Callable[..., torch.optim.Optimizer]] = [
    partial(torch.optim.Adadelta, lr=1.0),
    partial(torch.optim.Adam, lr=1e-2, weight_decay=0.1),
    partial(torch.optim.SGD, lr=1e-4, momentum=0.9, nesterov=True, weight_decay=0.1),
]


def net() -> nn.Module:
    """Odd sizes, a convolution in channels_last as in training, a norm."""
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5), nn.Flatten(), nn.Linear(45, 7)]
    return nn.Sequential(*layers).to(memory_format=torch.channels_last)


def backward(model: nn.Module, step: int) -> None:
    images = torch.randn(4, 3, 5, 5, generator=torch.Generator().manual_seed(step))
    model.zero_grad()
    model(images).square().sum().backward()


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_weight_has_the_bits_of_an_optimizer_that_sees_it_alone(
    optimizer: Callable[..., torch.optim.Optimizer],
) -> None:
    ours, theirs = net(), net()
    flat = FlatParameters(ours.parameters())
    flattened, plain = optimizer([flat.vector]), optimizer(theirs.parameters(), foreach=False)
    start = [each.detach().clone() for each in theirs.parameters()]
    for step in range(5):
        for model in (ours, theirs):
            backward(model, step)
        flat.gather()
        flattened.step()
        plain.step()
    for mine, other, before in zip(ours.parameters(), theirs.parameters(), start, strict=True):
        assert torch.equal(mine, other)
        assert not torch.equal(mine, before)
        assert mine.stride() == other.stride()


def test_a_parameter_that_has_lost_its_gradient_stays_as_it_is() -> None:
    model: Any = net()
    used, unused = model[3].weight, model[0].bias
    flat = FlatParameters(model.parameters())
    optimizer = torch.optim.SGD([flat.vector], lr=1e-4)
    backward(model, step=0)
    flat.gather()
    optimizer.step()
    before = used.detach().clone(), unused.detach().clone()
    backward(model, step=1)
    unused.grad = None
    flat.gather()
    optimizer.step()
    assert torch.equal(unused, before[1])
    assert not torch.equal(used, before[0])


def test_weights_that_are_loaded_reach_the_vector() -> None:
    model, other = net(), net()
    flat = FlatParameters(model.parameters())
    with torch.no_grad():
        for each in other.parameters():
            each.add_(1)
    model.load_state_dict(other.state_dict())
    assert flat.vector.sum().item() == pytest.approx(
        sum(each.sum().item() for each in other.parameters()), rel=1e-5
    )
