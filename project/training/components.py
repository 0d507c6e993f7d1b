"""Build the objects of a run (net, task, data, callbacks, loggers) from its configuration.

An invalid value is refused with a ConfigurationError that names the key and the broken rule.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pytorch_lightning import LightningDataModule, LightningModule
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.loggers import Logger
from torch import nn
from torch.optim import Optimizer

from project import seeding
from project.config.engine import is_framework, with_engine
from project.config.errors import ConfigurationError
from project.config.identity import seeds_of
from project.config.instantiate import build, call, find_class
from project.config.keys import arguments
from project.training.checkpoint import load_initial
from project.training.factories import OptimizerFactory, build_scheduler
from project.training.loggers import GuardedLogger
from project.training.streams import with_streams


@dataclass(frozen=True)
class Components:
    """The net (None for a task that builds its own), the task and the data of a run."""

    net: nn.Module | None
    task: LightningModule
    data: LightningDataModule


def build_components(config: dict[str, Any], data_folder: str | None = None) -> Components:
    """Build net, task and data of a run, whose constructors draw from named random streams.

    `data_folder` is the folder of the data on this machine, by default the configuration's.

    Raises:
        CheckpointError, CorruptRunError: As `load_initial`, for `init_from`.
    """
    seeds = seeds_of(config)
    seeding.start(seeds["init"], "init")
    net = build_net(config)
    task = build_task(config, net)
    if config.get("init_from") is not None:
        load_initial(config, net, task, data_folder)
    return Components(net, task, build_data(config, data_folder))


def build_net(config: dict[str, Any]) -> nn.Module | None:
    """Build the net of the section `model` with its initial weights; None without a section."""
    if config.get("model") is None:
        return None
    config = with_engine(config)
    section = config["model"]
    if is_framework(config):
        return _framework_net(config)
    net = build("model", "model", section, nn.Module, {})
    if section.get("init") == "by_module":
        try:
            seeding.initialise(net, seeds_of(config)["init"])
        except TypeError as error:
            raise ConfigurationError(
                f"model.init=by_module: {error}; model.init=constructor keeps what the net's own "
                "constructor draws"
            ) from None
    return net


def _framework_net(config: dict[str, Any]) -> nn.Module:
    # This import comes first: it keeps autograd on, which importing the framework turns off.
    from project.tasks.framework_pairs import FrameworkNet, framework

    section = config["model"]
    net = FrameworkNet(build("model", "model", section, framework.Module, {}))
    if section.get("init") == "by_module":
        net.initialise(seeds_of(config)["init"])
    return net


def _optimizer_factory(config: dict[str, Any]) -> Callable[[Any], Optimizer]:
    section = config["optimizer"]
    if not is_framework(config):
        return OptimizerFactory(section)
    from project.tasks.framework_pairs import FrameworkNet, FrameworkOptimizer, framework

    def make(net: FrameworkNet) -> Optimizer:
        given = {"parameters": net.inner.param()}
        optimizer = build("optimizer", "optimizer", section, framework.Optimizer, given)
        net.share()
        return FrameworkOptimizer(net, optimizer)

    return make


def build_task(config: dict[str, Any], net: nn.Module | None) -> LightningModule:
    """Build the LightningModule of the section `task` around the net.

    Its constructor gets those of `net`, `optimizer`, `scheduler` (factories) and `augmentation`
    that it has parameters for.
    """
    config = with_engine(config)
    given: dict[str, Any] = dict.fromkeys(("net", "optimizer", "scheduler", "augmentation"))
    given["net"] = net
    if config.get("optimizer") is not None:
        given["optimizer"] = _optimizer_factory(config)
    if config.get("scheduler") is not None:
        monitor = f"val/{config['metric']['name']}"
        given["scheduler"] = partial(build_scheduler, config["scheduler"], monitor)
    if (section := config.get("augmentation")) is not None:
        given["augmentation"] = build("augmentation", "augmentation", section, Callable, {})
    target = find_class("task", config["task"], LightningModule)
    _refuse_unused(config["task"]["name"], inspect.signature(target).parameters, given)
    task = call("task", "task", target, arguments("task", config["task"]), given)
    if isinstance(given["optimizer"], OptimizerFactory):
        given["optimizer"].module = task
    return task


def _refuse_unused(
    task: str, parameters: Mapping[str, inspect.Parameter], given: dict[str, Any]
) -> None:
    """Raise ConfigurationError for sections that the task ignores and for missing required ones."""
    for name, value in given.items():
        group = "model" if name == "net" else name
        if value is not None and name not in parameters:
            nothing = "constant" if group == "scheduler" else "none"
            raise ConfigurationError(
                f"{group} is given, but task={task} takes none: its file can say `override "
                f"/{group}: {nothing}`"
            )
        is_missing = value is None and name in parameters and name != "scheduler"
        if is_missing and parameters[name].default is inspect.Parameter.empty:
            raise ConfigurationError(f"task={task} needs {group}=NAME, a file of conf/{group}")


def build_data(config: dict[str, Any], data_folder: str | None = None) -> LightningDataModule:
    """Build the LightningDataModule of the section `data`; its loaders draw from random streams.

    Its constructor gets those of `seed` and `order_seed` (`seeds_of`) that it has parameters for.
    `data_folder` replaces `data.root`.
    """
    seeds = seeds_of(config)
    seeding.start(seeds["data"], "data")
    section = config["data"]
    if data_folder is not None and "root" in section:
        section = section | {"root": data_folder}
    target = with_streams(find_class("data", section, LightningDataModule))
    given = {"seed": seeds["data"], "order_seed": seeds["order"]}
    data = call("data", "data", target, arguments("data", section), given)
    data.stream_seed = seeds["order"]
    data.repeats_first_batch = config.get("debug") == "overfit"
    return data


def build_callbacks(config: dict[str, Any]) -> list[Callback]:
    """Build the callbacks of the configuration, in its order."""
    return [
        build("callbacks", f"callbacks.{name}", section, Callback, {})
        for name, section in (config.get("callbacks") or {}).items()
    ]


def build_loggers(config: dict[str, Any], directory: Path, first_step: int) -> list[GuardedLogger]:
    """Build the loggers of the configuration, leaving out those that are null.

    An exception in a method of these loggers is logged as a warning instead of ending the run. A
    resumed run logs again from `first_step` on; what was logged from this step on is discarded.
    """
    given = {"save_dir": str(directory), "directory": directory, "first_step": first_step}
    loggers = []
    for name, section in (config.get("logger") or {}).items():
        if section is not None:
            own = find_class(f"logger.{name}", section, Logger)
            target = type(own.__name__, (GuardedLogger, own), {})
            keys = arguments("logger", section)
            loggers.append(call("logger", f"logger.{name}", target, keys, given | keys))
    return loggers
