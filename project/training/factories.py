"""Factories that tasks call to build their optimizer and learning-rate schedule."""

from collections.abc import Iterable
from typing import Any

from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from project.config.errors import ConfigurationError
from project.config.instantiate import build, build_by_function

NORMS = (
    nn.LayerNorm, nn.GroupNorm, nn.RMSNorm, nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d,
    nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d, nn.SyncBatchNorm, nn.LocalResponseNorm,
)  # fmt: skip


class OptimizerFactory:
    """Callable that builds the optimizer of the configuration's section `optimizer`.

    Args:
        section: The section.

    Attributes:
        module: The module whose parameters are optimised; set by the platform (the task) and by
            calls with a module. Used for `no_weight_decay` only.
    """

    def __init__(self, section: dict[str, Any]) -> None:
        self.section = section
        self.module: nn.Module | None = None

    def __call__(self, parameters: nn.Module | Iterable[Any]) -> Optimizer:
        """Return the optimizer for a module, for parameters, or for parameter groups.

        If the section has `no_weight_decay`, the named kinds of parameters (`bias`, `norm`: those
        of normalisation layers) form a separate group without weight decay.

        Raises:
            ConfigurationError: A value is invalid, or `no_weight_decay` is used with parameter
                groups; names the key and the rule that is broken.
        """
        if isinstance(parameters, nn.Module):
            self.module = parameters
            parameters = parameters.parameters()
        params = list(parameters)
        spared = self.section.get("no_weight_decay") or []
        if spared:
            params = self._groups(params, set(spared))
        given = {"params": params}
        return build("optimizer", "optimizer", self.section, Optimizer, given)

    def _groups(self, params: list[Any], kinds: set[str]) -> list[Any]:
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


class SchedulerFactory:
    """Callable that builds the learning-rate schedule of the section `scheduler`, for Lightning.

    Args:
        section: The section.
        default_monitor: The metric that ReduceLROnPlateau watches if the section names none.
    """

    def __init__(self, section: dict[str, Any], default_monitor: str) -> None:
        self.section = section
        self.default_monitor = default_monitor

    def __call__(self, optimizer: Optimizer, total_steps: int) -> dict[str, Any]:
        """Return Lightning's `lr_scheduler` dictionary for `configure_optimizers`.

        Args:
            optimizer: The optimizer whose learning rate is scheduled.
            total_steps: The number of steps that the optimizer will make.

        Raises:
            ConfigurationError: A value is invalid; names the key and the rule that is broken.
        """
        given = {"optimizer": optimizer, "total_steps": total_steps}
        scheduler = build_by_function("scheduler", "scheduler", self.section, LRScheduler, given)
        config: dict[str, Any] = {
            "scheduler": scheduler,
            "interval": self.section.get("interval", "epoch"),
            "frequency": self.section.get("frequency", 1),
        }
        if isinstance(scheduler, ReduceLROnPlateau):
            config["monitor"] = self.section.get("monitor") or self.default_monitor
            config["strict"] = True
        return config
