"""Our launchers and our sweepers, made known to Hydra."""

import importlib
import sys
import types

from hydra.core.plugins import Plugins

from project.launchers.grid import Experiment, GridSweeper
from project.launchers.launching import GridLauncher
from project.launchers.local import LocalLauncher
from project.launchers.ray.launcher import RayLauncher
from project.launchers.slurm.launcher import SlurmLauncher
from project.launchers.tuning.sweeper import OptunaSweeper

# Nothing that is imported here may be slow: every command that a user types comes by. What a
# launcher needs beyond this project (Ray, say) it imports when it is asked for.
PLUGINS = (LocalLauncher, RayLauncher, SlurmLauncher, GridSweeper, OptunaSweeper)


def register(experiment: Experiment) -> None:
    """Make `hydra/launcher=local`, `hydra/sweeper=grid` and their like known to Hydra.

    Hydra accepts plugins from the namespace package `hydra_plugins` only. A folder of that name
    would stand at the top of the project for a few classes, so they get an address in it here.
    """
    GridLauncher.experiment = experiment
    try:
        package = importlib.import_module("hydra_plugins")
    except ModuleNotFoundError:  # no other plugin is installed
        package = types.ModuleType("hydra_plugins")
        package.__path__ = []
        sys.modules["hydra_plugins"] = package
    address = "hydra_plugins.project"
    module = types.ModuleType(address)
    sys.modules[address] = module
    setattr(package, "project", module)  # noqa: B010 - the type checker knows no such attribute
    for plugin in PLUGINS:
        setattr(module, plugin.__name__, plugin)
        plugin.__module__ = address
        Plugins.instance().register(plugin)
