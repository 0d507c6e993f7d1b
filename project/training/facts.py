"""Facts for the record of a trained run."""

import math
from collections.abc import Collection, Mapping
from typing import Any

import torch
from pytorch_lightning import Trainer

from project.config.errors import ConfigurationError
from project.config.identity import Run, flatten
from project.runs.lifecycle import DivergedError


def parameter_count(module: torch.nn.Module) -> int:
    """Return the number of trainable parameters (elements, not tensors)."""
    return sum(each.numel() for each in module.parameters() if each.requires_grad)


def scalar_metrics(trainer: Trainer) -> dict[str, float]:
    """Return the metrics with one value that a trainer's task has logged."""
    logged = trainer.callback_metrics.items()
    return {name: float(value) for name, value in logged if value.numel() == 1}


def require_metric(place: str, name: str, metrics: Collection[str], task: str) -> None:
    """Raise ConfigurationError if `metrics` lack the one that runs of a task are judged by."""
    if name not in metrics:
        known = ", ".join(sorted(metrics)) or "nothing"
        raise ConfigurationError(f"{place}: there is no {name}; task={task} logs {known}")


def machine_facts(trainer: Trainer) -> dict[str, Any]:
    """Return the kind of device that was used and the CPU's vector capability, named by torch."""
    return {
        "device": str(trainer.strategy.root_device.type),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
    }


def settings_of(run: Run, parameters: int) -> dict[str, bool | int | float | str]:
    """Return a run's model, seed, parameter count and settings as plain values, for loggers."""
    named: dict[str, Any] = {"model": run.model, "seed": run.seed, "parameters": parameters}
    for key, value in flatten(run.settings).items():
        if key.endswith("._target_"):
            key, value = key.removesuffix("._target_"), str(value).rpartition(".")[2]
        named.setdefault(key, value if isinstance(value, bool | int | float) else str(value))
    return named


def check_converged(module: torch.nn.Module, metrics: Mapping[str, float], epochs: int) -> None:
    """Raise DivergedError if a loss or a weight is NaN or infinite after the last epoch.

    During training each loss is checked before its step; this covers the effect of the last step.
    """
    wrong = [
        f"{name} is {value}"
        for name, value in metrics.items()
        if name.endswith("/loss") and not math.isfinite(value)
    ]
    wrong += [
        f"{name} holds {value[~torch.isfinite(value)][0].item()}"
        for name, value in module.state_dict().items()
        if value.is_floating_point() and not torch.isfinite(value).all()
    ]
    if wrong:
        raise DivergedError(
            f"after epoch {epochs} {wrong[0]}; a smaller optimizer.lr usually helps"
        )
