"""From a checked configuration to the objects that it names: net, optimizer, schedule.

A `_target_` section is held against the constructor's own signature, so a new net is a class and a
file in `conf/model/`, and a wrong key or type is still refused by name.
"""

import functools
import inspect
import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, get_type_hints

from hydra.utils import get_class
from pydantic import ConfigDict, ValidationError, create_model
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import OneCycleLR

from project.refusing import ConfigurationError, refusal, suggestion

if TYPE_CHECKING:
    from torch.optim.lr_scheduler import LRScheduler

    from project.training.module import OptimizerFactory, ScheduleFactory


def _arguments(section: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in section.items() if key not in ("_target_", "name")}


def _check_against_signature(target: type, arguments: dict[str, Any], prefix: str) -> None:
    hints = get_type_hints(target.__init__)
    parameters = list(inspect.signature(target).parameters.values())
    known = {prefix + parameter.name for parameter in parameters}
    unknown = [key for key in arguments if prefix + key not in known]
    if unknown:
        key = prefix + unknown[0]
        raise ConfigurationError(
            f"unknown key '{key}' for {target.__name__}{suggestion(key, known)}"
        )
    fields: dict[str, Any] = {
        parameter.name: (
            hints.get(parameter.name, Any),
            ... if parameter.default is inspect.Parameter.empty else parameter.default,
        )
        for parameter in parameters
    }
    schema = create_model(
        target.__name__, __config__=ConfigDict(strict=True, allow_inf_nan=False), **fields
    )
    try:
        schema.model_validate(arguments)
    except ValidationError as error:
        raise refusal(error, arguments, prefix) from None


def build_net(section: dict[str, Any]) -> nn.Module:
    """The net of a `model` section; raises ConfigurationError naming the key and the rule."""
    try:
        target = get_class(section["_target_"])
    except Exception as error:  # Hydra wraps whatever the import raised
        raise ConfigurationError(f"model._target_={section['_target_']}: {error}") from None
    arguments = _arguments(section)
    _check_against_signature(target, arguments, "model.")
    try:
        net = target(**arguments)
    except ValueError as error:
        raise ConfigurationError(f"model.{error}") from None
    if not isinstance(net, nn.Module):
        raise ConfigurationError(f"model._target_={section['_target_']}: is no torch.nn.Module")
    return net


def check_last_batch(net: nn.Module, data: dict[str, Any]) -> None:
    """Raise ConfigurationError where batch statistics would be asked of a single pair.

    data: the configuration's section.
    """
    last = (data["train_pairs"] - 1) % data["batch_size"] + 1
    if last == 1 and any(isinstance(module, nn.BatchNorm1d) for module in net.modules()):
        raise ConfigurationError(
            f"data.batch_size={data['batch_size']}: of data.train_pairs={data['train_pairs']} a "
            "single one is left for the last batch, and batch normalisation needs two; choose "
            "another data.batch_size"
        )


def optimizer_factory(section: dict[str, Any]) -> "OptimizerFactory":
    """What makes the section's optimizer from the net's parameters; it can be pickled."""
    return functools.partial(_make_optimizer, section)


def _make_optimizer(section: dict[str, Any], parameters: Iterable[nn.Parameter]) -> Optimizer:
    # One vector: nothing to be gained from calls for many tensors at once.
    optimizer = get_class(section["_target_"])(parameters, foreach=False, **_arguments(section))
    # In every step torch would look for GPUs, to warn of CUDA graphs that are not used here:
    # 3 % of the step of the report's nets.
    optimizer._accelerator_graph_capture_health_check = lambda: None
    return optimizer


def schedule_factory(section: dict[str, Any] | None) -> "ScheduleFactory | None":
    """What makes the section's schedule for an optimizer and a number of steps; likewise."""
    return None if section is None else functools.partial(_make_schedule, section)


def _make_schedule(section: dict[str, Any], optimizer: Optimizer, steps: int) -> "LRScheduler":
    warm_up = section["warm_up"]
    if warm_up * steps == 1:
        # torch would divide by the length of a rise that has one step, at the top.
        warm_up = math.nextafter(warm_up, 0)
    return OneCycleLR(
        optimizer,
        max_lr=optimizer.param_groups[0]["lr"],
        total_steps=steps,
        pct_start=warm_up,
        div_factor=section["initial_divisor"],
        final_div_factor=section["final_divisor"],
        cycle_momentum=False,
    )
