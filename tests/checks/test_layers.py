"""Dead units are counted for each ReLU, and the first layer's output is measured."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from project.checks.layers import LayerWatch


class Net(nn.Module):
    """A convolution with a dead channel, and a linear layer with two dead units of three."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(1, 2, 1)
        self.activation = nn.ReLU()
        self.linear = nn.Linear(2, 3)
        assert self.convolution.bias is not None
        with torch.no_grad():
            self.convolution.weight.fill_(1.0)
            self.convolution.bias.copy_(torch.tensor([0.0, -9.0]))
            self.linear.weight.fill_(1.0)
            self.linear.bias.copy_(torch.tensor([-99.0, 0.0, -99.0]))

    def forward(self, images: Tensor) -> Tensor:
        maps = self.activation(self.convolution(images))
        rows = self.linear(maps.mean((2, 3)))
        return functional.relu(torch.relu(rows))


IMAGES = torch.tensor([1.0, 2.0, 3.0, 4.0]).view(2, 1, 1, 2)


def test_units_are_dead_that_are_0_for_all_examples_and_positions() -> None:
    net = Net()
    with LayerWatch(net) as watch:
        net(IMAGES)
    assert watch.counts == {"activation": (1, 2), "the task": (2, 3), "the task (2)": (2, 3)}
    name, mean, std = watch.activation or ("", 0.0, 0.0)
    answer = net.convolution(IMAGES).detach()
    assert (name, mean, std) == ("convolution", float(answer.mean()), float(answer.std()))


def test_a_unit_that_answers_once_is_not_dead() -> None:
    with LayerWatch(nn.Identity()) as watch:
        torch.relu(torch.tensor([[0.0, 1.0], [0.0, 0.0]]))
        torch.relu(torch.tensor([0.0, 1.0]))  # no batch
    assert watch.counts == {"the task": (1, 2)}


def test_after_the_block_nothing_is_watched() -> None:
    net = Net()
    with LayerWatch(net) as watch:
        pass
    net(IMAGES)
    assert (watch.counts, watch.activation) == ({}, None)


def test_a_net_that_fails_within_a_layer_is_left_as_it_was() -> None:
    net = Net()
    with pytest.raises(RuntimeError), LayerWatch(net):
        net(IMAGES[:, :, 0])
    with LayerWatch(net) as watch:
        net(IMAGES)
    assert "activation" in watch.counts


def test_layers_without_weights_or_floats_are_no_first_layer() -> None:
    class Counts(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(2))

        def forward(self, rows: Tensor) -> Tensor:
            return (rows * self.weight).long()

    net = nn.Sequential(nn.Dropout(0.0), Counts(), nn.ReLU())
    with LayerWatch(net) as watch:
        net(torch.ones(1, 2))
    assert watch.activation is None
