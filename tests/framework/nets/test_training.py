"""A run of the report's best net beside torch's: the loss of every step."""

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from project import seeding
from project.data.mnist import load_mnist
from project.data.pairs import scaled, targets
from project.framework import Adadelta
from project.seeding import generator
from tests.commands import ROOT
from tests.conftest import synthetic_digits
from tests.framework.nets.report_nets import both_nets, outputs_of, report_loss, torch_loss
from tests.framework.parity import RUN, assert_parity

BATCH = 100


@dataclass
class Digits:
    """Pairs (N, 2, 14, 14) in float64, normalised, their targets (N,) and digits (N, 2)."""

    pairs: Tensor
    target: Tensor
    digits: Tensor


def pairs_of(images: Tensor, labels: Tensor, pairs: int, seed: int) -> Digits:
    """Pairs of digits drawn from `images` (M, 28, 28) by the stream `pairs/train`."""
    order = torch.randperm(len(labels), generator=generator(seed, "pairs/train"))[: 2 * pairs]
    pixels = scaled(images[order], 14).view(-1, 2, 14, 14).double()
    digits = labels[order].view(-1, 2)
    return Digits((pixels - pixels.mean()) / pixels.std(), targets(digits), digits)


def assert_same_losses(data: Digits, epochs: int, seed: int) -> list[float]:
    """Train both nets by Adadelta at rate 1, noise and order by the seed's streams."""
    ours, theirs = both_nets("ws_al_bn_do", seed)
    loss, optimizer = report_loss(outputs=2), Adadelta(ours.param(), 1.0)
    torch_optimizer = torch.optim.Adadelta(theirs.parameters(), 1.0)
    losses: list[float] = []
    for epoch in range(epochs):
        order = torch.randperm(len(data.target), generator=generator(seed, "order", epoch))
        for batch in order.split(BATCH):
            pairs, target, digits = data.pairs[batch], data.target[batch], data.digits[batch]
            ours.draw_from(generator(seed, "noise", len(losses)))
            value = loss.forward(ours.forward(pairs), [target, digits])
            optimizer.gradient_reset()
            ours.backward(loss.backward())
            optimizer.step()
            seeding.start(seed, "noise", len(losses))
            with torch.enable_grad():
                expected = torch_loss(outputs_of(theirs, pairs), target, digits)
                torch_optimizer.zero_grad()
                expected.backward()
            torch_optimizer.step()
            assert_parity(value, expected.detach(), RUN)
            losses.append(value.item())
    return losses


def test_the_losses_of_20_steps_equal_torch():
    digits = synthetic_digits(1000, seed=1)
    losses = assert_same_losses(pairs_of(digits.images, digits.labels, 500, 0), epochs=4, seed=0)
    assert len(losses) == 20
    assert losses[-1] < 0.9 * losses[0]


@pytest.mark.slow
def test_the_losses_of_a_run_of_250_steps_on_mnist_equal_torch():
    digits = load_mnist(ROOT / "outputs" / "data").train
    losses = assert_same_losses(pairs_of(digits.images, digits.labels, 1000, 0), epochs=25, seed=0)
    assert len(losses) == 250
    assert losses[-1] < 0.7 * losses[0]
