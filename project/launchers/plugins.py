"""Our launchers and sweepers, made known to Hydra by its own `register`."""

from hydra.core.plugins import Plugins

from project.launchers.experiment import Experiment
from project.launchers.grid import GridSweeper
from project.launchers.launcher import GridLauncher
from project.launchers.local.launcher import LocalLauncher
from project.launchers.optuna.sweeper import OptunaSweeper
from project.launchers.ray.launcher import RayLauncher
from project.launchers.slurm.launcher import SlurmLauncher

# Nothing that is imported here may be slow: every command that a user types comes by. What a
# launcher needs beyond this project (Ray, say) it imports when it is asked for.
PLUGINS = (LocalLauncher, RayLauncher, SlurmLauncher, GridSweeper, OptunaSweeper)


def register(experiment: Experiment) -> None:
    """Make `hydra/launcher=local`, `hydra/sweeper=grid` and the others known to Hydra."""
    GridLauncher.experiment = experiment
    for plugin in PLUGINS:
        Plugins.instance().register(plugin)
