"""200 steps beside torch.nn, autograd and torch.optim, from equal weights: equal at the end."""

from collections.abc import Callable

import pytest
import torch

from project.framework import (
    SGD,
    Adadelta,
    Adam,
    BatchNorm1d,
    Linear,
    LossCrossEntropy,
    LossMSE,
    Module,
    Optimizer,
    ReLU,
    Sequential,
    Sigmoid,
    Tanh,
)
from tests.framework.parity import TRAINING, assert_parity, assert_same_state
from tests.framework.torch_twin import twin

STEPS = 200
BATCH = 20

# Small learning rates, at which training forgives rounding. With batch normalisation and SGD at
# 0.1, torch.nn itself drifts 1e-8 away from a copy whose weights start one unit of rounding off.
OPTIMIZERS: dict[
    str, tuple[Callable[..., Optimizer], Callable[..., torch.optim.Optimizer], dict]
] = {
    "SGD": (SGD, torch.optim.SGD, {"lr": 0.01}),
    "SGD with momentum and decay": (
        SGD,
        torch.optim.SGD,
        {"lr": 0.001, "momentum": 0.9, "weight_decay": 1e-3},
    ),
    "Adadelta": (Adadelta, torch.optim.Adadelta, {"lr": 1.0}),
    "Adam": (Adam, torch.optim.Adam, {"lr": 0.003, "weight_decay": 1e-3}),
}


def disk(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Points (200, 2) of the square, and whether each is in the disk, (200,)."""
    generator = torch.Generator().manual_seed(seed)
    points = torch.rand(200, 2, dtype=torch.float64, generator=generator)
    return points, ((points - 0.5).square().sum(1) < 0.5 / torch.pi).long()


def report_net(activation: Callable[[], Module], *, normalised: bool = False) -> Sequential:
    """2-25-25-25-2, with a batch normalisation after each activation if asked for.

    Not before it: there it cancels the bias of the linear layer, whose gradient is then nothing but
    rounding, which Adam and Adadelta would blow up to steps of full size.
    """
    generator = torch.Generator().manual_seed(0)
    modules: list[Module] = [Linear(2, 25, generator=generator, dtype=torch.float64)]
    for fan_out in (25, 25, 2):
        modules.append(activation())
        if normalised:
            modules.append(BatchNorm1d(25, dtype=torch.float64))
        modules.append(Linear(25, fan_out, generator=generator, dtype=torch.float64))
    return Sequential(*modules)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize(
    ("activation", "loss", "normalised"),
    [
        (Tanh, "mse", False),
        (ReLU, "mse", False),
        (ReLU, "cross entropy", False),
        (Tanh, "cross entropy", True),
        (Sigmoid, "mse", False),
    ],
)
def test_200_steps_end_where_torch_ends(optimizer, loss, activation, normalised):
    ours, theirs, options = OPTIMIZERS[optimizer]
    net = report_net(activation, normalised=normalised)
    reference = twin(net)
    before = net.state()
    points, classes = disk(0)
    targets = torch.nn.functional.one_hot(classes).double() if loss == "mse" else classes
    criterion = LossMSE() if loss == "mse" else LossCrossEntropy()
    torch_criterion = torch.nn.MSELoss() if loss == "mse" else torch.nn.CrossEntropyLoss()
    step, torch_step = ours(net.param(), **options), theirs(reference.parameters(), **options)
    for index in range(STEPS):
        batch = slice(index * BATCH % 200, index * BATCH % 200 + BATCH)
        step.gradient_reset()
        value = criterion.forward(net.forward(points[batch]), targets[batch])
        net.backward(criterion.backward())
        step.step()
        with torch.enable_grad():
            torch_step.zero_grad()
            expected = torch_criterion(reference(points[batch]), targets[batch])
            expected.backward()
        torch_step.step()
        assert_parity(value, expected.detach(), TRAINING)
    assert_same_state(net, reference, TRAINING)
    assert all(not torch.equal(before[name], tensor) for name, tensor in net.state().items())
    expected = reference.eval()(points).detach()
    assert_parity(net.eval().forward(points), expected, TRAINING)


def test_the_reports_net_learns_the_disk():
    net, loss = report_net(Tanh), LossMSE()
    optimizer = SGD(net.param(), 0.5)
    points, classes = disk(0)
    targets = torch.nn.functional.one_hot(classes).double()
    losses = []
    for _ in range(1500):
        optimizer.gradient_reset()
        losses.append(loss.forward(net.forward(2 * points - 1), targets).item())
        net.backward(loss.backward())
        optimizer.step()
    accuracy = (net.forward(2 * points - 1).argmax(1) == classes).double().mean().item()
    assert losses[-1] < 0.1 * losses[0]
    assert accuracy > 0.95
