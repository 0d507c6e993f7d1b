"""Registration of this project's launchers and sweepers as Hydra plugins."""

from hydra.core.plugins import Plugins

from project.launchers.experiment import Experiment
from project.launchers.grid import GridSweeper
from project.launchers.launcher import GridLauncher
from project.launchers.local.launcher import LocalLauncher
from project.launchers.optuna.sweeper import OptunaSweeper
from project.launchers.ray.launcher import RayLauncher
from project.launchers.slurm.launcher import SlurmLauncher

# Every command imports this module, so its imports must be fast. A launcher imports what it needs
# beyond this project (Ray, for example) only when it is used.
PLUGINS = (LocalLauncher, RayLauncher, SlurmLauncher, GridSweeper, OptunaSweeper)


def register(experiment: Experiment) -> None:
    """Make this project's launchers and sweepers (`hydra/launcher=local` etc.) known to Hydra.

    Args:
        experiment: The command whose jobs they carry out; stored in GridLauncher.
    """
    GridLauncher.experiment = experiment
    for plugin in PLUGINS:
        Plugins.instance().register(plugin)
