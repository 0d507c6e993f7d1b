"""Build the objects of a run (net, task, data, callbacks, loggers) from its configuration."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
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
from project.config.instantiate import build, build_by_function, call, find_class
from project.config.keys import arguments
from project.training.factories import OptimizerFactory, SchedulerFactory
from project.training.guarded_logger import guarded
from project.training.initial_weights import load_initial
from project.training.streams import with_streams


@dataclass(frozen=True)
class Components:
    """The net, the task and the data of a run.

    Attributes:
        net: The net of the section `model`; None for a task that builds its own net.
        task: The LightningModule that trains the net.
        data: The LightningDataModule; its loaders draw from named random streams.
    """

    net: nn.Module | None
    task: LightningModule
    data: LightningDataModule


def build_components(config: dict[str, Any], data_folder: str | None = None) -> Components:
    """Build net, task and data of a run.

    Random numbers that the constructors draw come from the named random streams `init` and `data`.
    With `init_from`, the net gets the weights of that run.

    Args:
        config: The run's configuration.
        data_folder: The folder of the data on this machine; None for `data.root` of the
            configuration.

    Raises:
        ConfigurationError: A value is invalid; names the key and the rule that is broken.
        CheckpointError: The weights of `init_from` cannot be read or are not those on record.
        CorruptRunError: The record of the run of `init_from` cannot be read.
    """
    seeds = seeds_of(config)
    seeding.start(seeds["init"], "init")
    net = build_net(config)
    task = build_task(config, net)
    if config.get("init_from") is not None:
        load_initial(config, net, task, data_folder)
    return Components(net, task, build_data(config, data_folder))


def build_net(config: dict[str, Any]) -> nn.Module | None:
    """Build the net of the section `model` with its initial weights; return None without a section.

    With `model.init: by_module` each module's `reset_parameters` draws from the stream
    `init/<module path>`; otherwise the net keeps the weights that its constructor has drawn.

    Raises:
        ConfigurationError: The section is invalid, or a module lacks `reset_parameters`.
    """
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
    """Build a net of the mini framework with its initial weights, wrapped as a torch module."""
    # This import comes first: it keeps autograd on, which importing the framework turns off.
    from project.tasks.framework_pairs import FrameworkNet, framework

    section = config["model"]
    net = FrameworkNet(build("model", "model", section, framework.Module, {}))
    if section.get("init") == "by_module":
        net.initialise(seeds_of(config)["init"])
    return net


def _optimizer_factory(config: dict[str, Any]) -> Callable[[Any], Optimizer]:
    """Return the function that builds the optimizer of the section `optimizer`."""
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

    Args:
        config: The run's configuration.
        net: The net; None if the task builds its own.

    Raises:
        ConfigurationError: A section is given that the task takes no argument for, a required one
            is missing, or a value is invalid.
    """
    config = with_engine(config)
    given: dict[str, Any] = {"net": net, "optimizer": None, "scheduler": None}
    if config.get("optimizer") is not None:
        given["optimizer"] = _optimizer_factory(config)
    if config.get("scheduler") is not None:
        monitor = f"val/{config['metric']['name']}"
        given["scheduler"] = SchedulerFactory(config["scheduler"], monitor)
    if (augmentation := config.get("augmentation")) is not None:
        given["augmentation"] = build_by_function(
            "augmentation", "augmentation", augmentation, Callable, {}
        )
    else:
        given["augmentation"] = None
    _refuse_unused(config, given)
    section = config["task"]
    target = find_class("task", section, LightningModule)
    task = call("task", "task", target, arguments("task", section), given)
    if isinstance(given["optimizer"], OptimizerFactory):
        given["optimizer"].module = task
    return task


def _refuse_unused(config: dict[str, Any], given: dict[str, Any]) -> None:
    """Raise ConfigurationError for sections that the task ignores and for missing required ones."""
    target = find_class("task", config["task"], LightningModule)
    parameters = inspect.signature(target).parameters
    groups = {"net": "model", "optimizer": "optimizer", "scheduler": "scheduler"}
    for name, group in (groups | {"augmentation": "augmentation"}).items():
        takes = name in parameters
        if given[name] is not None and not takes:
            raise ConfigurationError(
                f"{group} is given, but task={config['task']['name']} takes none: its file can say "
                f"`override /{group}: none`"
            )
        is_missing = takes and given[name] is None and name != "scheduler"
        if is_missing and parameters[name].default is inspect.Parameter.empty:
            raise ConfigurationError(
                f"task={config['task']['name']} needs {group}=NAME, a file of conf/{group}"
            )


def build_data(config: dict[str, Any], data_folder: str | None = None) -> LightningDataModule:
    """Build the LightningDataModule of the section `data`; its loaders draw from random streams.

    Its arguments `seed` and `order_seed` are the seeds of the sources of randomness `data` and
    `order` (`project.config.identity.seeds_of`).

    Args:
        config: The run's configuration.
        data_folder: Replaces `data.root`; None to keep it.

    Raises:
        ConfigurationError: The section is invalid.
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
    """Build the callbacks of the configuration, in its order.

    Raises:
        ConfigurationError: A section is invalid.
    """
    return [
        build("callbacks", f"callbacks.{name}", section, Callback, {})
        for name, section in (config.get("callbacks") or {}).items()
    ]


def build_loggers(config: dict[str, Any], directory: Path, first_step: int) -> list[Logger]:
    """Build the loggers of the configuration, leaving out those that are null.

    An exception in a method of these loggers is logged as a warning instead of ending the run.

    Args:
        config: The run's configuration.
        directory: The run directory.
        first_step: For a resumed run the first step that is logged again; what was logged from this
            step on before the interruption is discarded. 0 for a new run.

    Raises:
        ConfigurationError: A section is invalid.
    """
    given = {"save_dir": str(directory), "directory": directory, "first_step": first_step}
    loggers = []
    for name, section in (config.get("logger") or {}).items():
        if section is None:
            continue
        target = guarded(find_class(f"logger.{name}", section, Logger))
        keys = arguments("logger", section)
        loggers.append(call("logger", f"logger.{name}", target, keys, given | keys))
    return loggers
