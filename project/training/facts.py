"""Facts for the record of a trained run: parameter count, weights digest, settings, machine."""

import hashlib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Trainer

from project.config.identity import Run, flatten
from project.runs.lifecycle import DivergedError
from project.training.checkpoint import AtomicCheckpointIO


def parameter_count(module: torch.nn.Module) -> int:
    """Return the number of trainable parameters (elements, not tensors)."""
    return sum(each.numel() for each in module.parameters() if each.requires_grad)


def weights_digest(checkpoint: Path) -> str:
    """Return the SHA-256 of a checkpoint's weights, independent of the file's other contents."""
    state = AtomicCheckpointIO().load_checkpoint(checkpoint)["state_dict"]
    digest = hashlib.sha256()
    for name in sorted(state):
        value = state[name]
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def machine_facts(trainer: Trainer) -> dict[str, Any]:
    """Return the kind of device that was used and the CPU's vector capability, named by torch."""
    return {
        "device": str(trainer.strategy.root_device.type),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
    }


def settings_of(run: Run, parameters: int) -> dict[str, bool | int | float | str]:
    """Return a run's model, seed, parameter count and settings as flat plain values, for loggers.

    Args:
        run: The run.
        parameters: The number of trainable parameters.

    Returns:
        Values by configuration key (such as `optimizer.lr`); classes by their names alone.
    """
    named: dict[str, Any] = {"model": run.model, "seed": run.seed, "parameters": parameters}
    for key, value in flatten(run.settings).items():
        if key.endswith("._target_"):
            key, value = key.removesuffix("._target_"), str(value).rpartition(".")[2]
        named.setdefault(key, value if isinstance(value, bool | int | float) else str(value))
    return named


def check_converged(module: torch.nn.Module, metrics: Mapping[str, float], epochs: int) -> None:
    """Raise DivergedError if a loss or a weight is NaN or infinite after the last epoch.

    During training each loss is checked before its step; this check covers the effect of the last
    step.

    Args:
        module: The task, whose state is checked.
        metrics: The last metrics; only names ending in `/loss` are checked.
        epochs: The number of epochs trained, for the message.
    """
    wrong = [
        f"{name} is {value}"
        for name, value in metrics.items()
        if name.endswith("/loss") and not math.isfinite(value)
    ]
    wrong += [
        f"{name} holds {_first_wrong(value)}"
        for name, value in module.state_dict().items()
        if value.is_floating_point() and not torch.isfinite(value).all()
    ]
    if wrong:
        raise DivergedError(
            f"after epoch {epochs} {wrong[0]}; a smaller optimizer.lr usually helps"
        )


def _first_wrong(values: torch.Tensor) -> float:
    return float(values[~torch.isfinite(values)][0])
