"""Factories that tasks call to build their optimizer and learning-rate schedule."""

from collections.abc import Iterable
from typing import Any

from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from project.config.errors import ConfigurationError
from project.config.instantiate import build

NORMS = (
    nn.LayerNorm, nn.GroupNorm, nn.RMSNorm, nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d,
    nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d, nn.SyncBatchNorm, nn.LocalResponseNorm,
)  # fmt: skip


class OptimizerFactory:
    """Callable that builds the optimizer of the configuration's section `optimizer`.

    Attributes:
        module: The module whose parameters are optimised, for `no_weight_decay`: the task, set
            after it is built, or the module of the last call with one.
    """

    def __init__(self, section: dict[str, Any]) -> None:
        self.section = section
        self.module: nn.Module | None = None

    def __call__(self, parameters: nn.Module | Iterable[Any]) -> Optimizer:
        """Return the optimizer for a module, for parameters, or for parameter groups.

        The kinds of parameters that `no_weight_decay` names (`bias`, `norm`: those of normalisation
        layers) form a group of their own without weight decay.
        """
        if isinstance(parameters, nn.Module):
            self.module = parameters
            parameters = parameters.parameters()
        params = list(parameters)
        if kinds := self.section.get("no_weight_decay"):
            params = self._groups(params, kinds)
        return build("optimizer", "optimizer", self.section, Optimizer, {"params": params})

    def _groups(self, params: list[Any], kinds: list[str]) -> list[Any]:
        if any(isinstance(each, dict) for each in params):
            raise ConfigurationError(
                "optimizer.no_weight_decay: the task makes parameter groups itself; leave it out"
            )
        assert self.module is not None  # set to the task, for calls with its parameters
        spared: set[int] = set()
        for module in self.module.modules():
            for name, parameter in module.named_parameters(recurse=False):
                is_norm = "norm" in kinds and isinstance(module, NORMS)
                if is_norm or ("bias" in kinds and name.endswith("bias")):
                    spared.add(id(parameter))
        decayed = [each for each in params if id(each) not in spared]
        others = [each for each in params if id(each) in spared]
        groups = [{"params": decayed}, {"params": others, "weight_decay": 0.0}]
        return [group for group in groups if group["params"]]


def build_scheduler(
    section: dict[str, Any], default_monitor: str, optimizer: Optimizer, total_steps: int
) -> dict[str, Any]:
    """Return the learning-rate schedule of the section `scheduler`, as Lightning's `lr_scheduler`.

    The optimizer makes `total_steps`. ReduceLROnPlateau watches the metric that the section names,
    else `default_monitor`.
    """
    given = {"optimizer": optimizer, "total_steps": total_steps}
    scheduler = build("scheduler", "scheduler", section, LRScheduler, given)
    config: dict[str, Any] = {
        "scheduler": scheduler,
        "interval": section.get("interval", "epoch"),
        "frequency": section.get("frequency", 1),
    }
    if isinstance(scheduler, ReduceLROnPlateau):
        config |= {"monitor": section.get("monitor") or default_monitor, "strict": True}
    return config
