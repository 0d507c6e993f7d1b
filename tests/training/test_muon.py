"""Muon for matrices and AdamW for the rest: each as torch's own, in one optimizer."""

import copy
from collections.abc import Sequence

import torch
from torch import nn
from torch.optim import AdamW, Muon

from project.training.muon import MuonWithAdamW


def net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 3, 2), nn.Flatten(), nn.Linear(12, 6), nn.Linear(6, 2))


def step(module: nn.Module, optimizers: Sequence[torch.optim.Optimizer], seed: int) -> None:
    images = torch.randn(5, 1, 3, 3, generator=torch.Generator().manual_seed(seed))
    for optimizer in optimizers:
        optimizer.zero_grad()
    module(images).square().sum().backward()
    for optimizer in optimizers:
        optimizer.step()


def weights(module: nn.Module) -> list[torch.Tensor]:
    return [each.detach().clone() for each in module.parameters()]


def equal(a: nn.Module, b: nn.Module) -> bool:
    return all(torch.equal(x, y) for x, y in zip(weights(a), weights(b), strict=True))


def test_each_parameter_gets_the_step_of_torchs_own_optimizer() -> None:
    one, two = net(), net()
    both = MuonWithAdamW(one.parameters(), lr=0.02, weight_decay=0.3, momentum=0.9)
    matrices = [each for each in two.parameters() if each.ndim == 2]
    others = [each for each in two.parameters() if each.ndim != 2]
    apart = [
        Muon(matrices, lr=0.02, weight_decay=0.3, momentum=0.9, adjust_lr_fn="match_rms_adamw"),
        AdamW(others, lr=0.02, weight_decay=0.3, betas=(0.9, 0.95), eps=1e-8),
    ]
    for number in range(3):
        step(one, [both], number)
        step(two, apart, number)
    assert equal(one, two)
    assert not equal(one, net())


def test_a_schedule_reaches_both() -> None:
    one = net()
    both = MuonWithAdamW(one.parameters(), lr=0.02)
    before = weights(one)
    for group in both.param_groups:
        group["lr"] = 0.0
    step(one, [both], 0)
    assert all(torch.equal(x, y) for x, y in zip(weights(one), before, strict=True))


def test_groups_keep_their_own_weight_decay() -> None:
    one = net()
    spared = [each for name, each in one.named_parameters() if name.endswith("bias")]
    decayed = [each for name, each in one.named_parameters() if not name.endswith("bias")]
    groups = [{"params": decayed}, {"params": spared, "weight_decay": 0.0}]
    both = MuonWithAdamW(groups, weight_decay=0.3)
    found = sorted((group["kind"], group["weight_decay"]) for group in both.param_groups)
    assert found == [("matrices", 0.3), ("others", 0.0), ("others", 0.3)]


def test_it_goes_on_from_a_checkpoint_to_the_same_bits() -> None:
    one = net()
    both = MuonWithAdamW(one.parameters(), lr=0.02)
    step(one, [both], 0)
    stored, weights_then = copy.deepcopy(both.state_dict()), copy.deepcopy(one.state_dict())
    step(one, [both], 1)
    two = net()
    two.load_state_dict(weights_then)
    resumed = MuonWithAdamW(two.parameters(), lr=0.5)
    resumed.load_state_dict(stored)
    step(two, [resumed], 1)
    assert equal(one, two)
    for group in resumed.param_groups:
        group["lr"] = 0.0
    before = weights(two)
    step(two, [resumed], 2)
    assert all(torch.equal(x, y) for x, y in zip(weights(two), before, strict=True))


def test_nets_of_one_kind_of_parameter_are_fine() -> None:
    for module in (nn.Linear(3, 2, bias=False), nn.BatchNorm1d(3)):
        optimizer = MuonWithAdamW(module.parameters(), lr=0.1)
        module(torch.randn(4, 3)).square().sum().backward()
        optimizer.step(lambda: None)
