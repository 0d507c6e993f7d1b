"""Optimizers and schedules are what their sections say, for parameters and groups of them."""

from typing import Any

import pytest
import torch
from torch import nn

from project.config.errors import ConfigurationError
from project.training.factories import OptimizerFactory, build_scheduler

ADAM: dict[str, Any] = {"_target_": "torch.optim.AdamW", "lr": 0.5, "weight_decay": 0.1}
PLATEAU: dict[str, Any] = {
    "_target_": "torch.optim.lr_scheduler.ReduceLROnPlateau",
    "factor": 0.5,
}


def net() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2, bias=False))


def test_an_optimizer_is_made_of_a_module_of_parameters_or_of_groups() -> None:
    module = net()
    own = list(module.parameters())
    for given in (module, iter(own)):
        optimizer = OptimizerFactory(ADAM)(given)
        assert type(optimizer) is torch.optim.AdamW
        assert [group["params"] for group in optimizer.param_groups] == [own]
        assert (optimizer.defaults["lr"], optimizer.defaults["weight_decay"]) == (0.5, 0.1)
    groups = [{"params": own[:1], "lr": 0.01}, {"params": own[1:]}]
    optimizer = OptimizerFactory(ADAM)(groups)
    assert [group["lr"] for group in optimizer.param_groups] == [0.01, 0.5]


@pytest.mark.parametrize(
    ("kinds", "spared"),
    [
        (["bias"], ["0.bias", "1.bias"]),
        (["norm"], ["1.weight", "1.bias"]),
        (["bias", "norm"], ["0.bias", "1.weight", "1.bias"]),
    ],
)
def test_biases_and_norms_can_be_spared_weight_decay(kinds: list[str], spared: list[str]) -> None:
    module = net()
    optimizer = OptimizerFactory(ADAM | {"no_weight_decay": kinds})(module)
    names = {id(each): name for name, each in module.named_parameters()}
    decayed, others = (
        [names[id(each)] for each in group["params"]] for group in optimizer.param_groups
    )
    assert others == spared
    assert sorted(decayed + others) == sorted(names.values())
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.1, 0.0]


def test_groups_of_the_tasks_own_leave_no_room_for_others() -> None:
    factory = OptimizerFactory(ADAM | {"no_weight_decay": ["bias"]})
    with pytest.raises(ConfigurationError, match="the task makes parameter groups itself"):
        factory([{"params": list(net().parameters())}])


def schedule(section: dict[str, Any]) -> dict[str, Any]:
    optimizer = torch.optim.SGD(net().parameters(), lr=1.0)
    return build_scheduler(section, "val/error", optimizer, 100)


def test_a_schedule_has_lightnings_keys() -> None:
    steps = {"_target_": "torch.optim.lr_scheduler.StepLR", "step_size": 3}
    made = schedule(steps)
    assert isinstance(made.pop("scheduler"), torch.optim.lr_scheduler.StepLR)
    assert made == {"interval": "epoch", "frequency": 1}
    made = schedule(steps | {"interval": "step", "frequency": 2})
    assert (made["interval"], made["frequency"]) == ("step", 2)
    assert (schedule(PLATEAU)["monitor"], schedule(PLATEAU)["strict"]) == ("val/error", True)
    assert schedule(PLATEAU | {"monitor": "train/loss"})["monitor"] == "train/loss"


def test_what_is_no_schedule_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="must be a subclass of torch"):
        schedule({"_target_": "fractions.Fraction"})
