"""Registration of this project's launchers and sweepers as Hydra plugins."""

from hydra.core.plugins import Plugins

from project.launchers.experiment import Experiment
from project.launchers.grid import GridSweeper
from project.launchers.launcher import GridLauncher
from project.launchers.local.launcher import LocalLauncher
from project.launchers.optuna.sweeper import OptunaSweeper
from project.launchers.ray.launcher import RayLauncher
from project.launchers.slurm.launcher import SlurmLauncher

# Every command imports this module, so a launcher imports Ray and the like only when it is used.


def register(experiment: Experiment) -> None:
    """Make this project's launchers and sweepers known to Hydra; they work for `experiment`."""
    GridLauncher.experiment = experiment
    for plugin in (LocalLauncher, RayLauncher, SlurmLauncher, GridSweeper, OptunaSweeper):
        Plugins.instance().register(plugin)
