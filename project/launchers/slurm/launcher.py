"""The launchers `hydra/launcher=slurm` (a job array on a shared file system), `submitit_local`."""

import shutil
from contextlib import closing
from typing import TYPE_CHECKING

from project.config.errors import ConfigurationError
from project.config.packages import require
from project.launchers.experiment import Job
from project.launchers.launcher import GridLauncher
from project.launchers.slurm.settings import SlurmSettings

if TYPE_CHECKING:
    from project.launchers.slurm.pool import SubmititPool


class SlurmLauncher(GridLauncher[SlurmSettings]):
    """Launcher that submits jobs through submitit, to Slurm or as processes on this machine."""

    settings_class = SlurmSettings

    def pool(self, waiting: list[Job]) -> "closing[SubmititPool]":
        """Return a context manager that provides the pool that submits the waiting jobs."""
        require("this launcher", ("submitit",), "slurm")
        if not self.settings.here and not (shutil.which("sbatch") and shutil.which("srun")):
            raise ConfigurationError(
                "there is no sbatch on this machine: hydra/launcher=slurm needs a machine that "
                "can submit to Slurm; hydra/launcher=submitit_local runs the same jobs here"
            )
        from project.launchers.slurm.pool import SubmititPool

        folder = waiting[0].spec.outputs.absolute() / "submitit"
        return closing(SubmititPool(self.settings, self.experiment.task, folder))
