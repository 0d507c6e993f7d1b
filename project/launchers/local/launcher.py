"""The launcher `hydra/launcher=local`, the default: jobs run in parallel on this machine."""

from contextlib import nullcontext

from pydantic import PositiveFloat, PositiveInt

from project.launchers.experiment import Job
from project.launchers.launcher import GridLauncher
from project.launchers.local.gpus import gpus_of_a_job, shares, visible_gpus
from project.launchers.local.processes import ProcessPool
from project.launchers.settings import LauncherSettings
from project.runs.provenance import available_cores


class LocalSettings(LauncherSettings):
    """The keys of `hydra/launcher=local`, as its file in `conf/` explains them."""

    n_jobs: PositiveInt | None
    timeout_minutes: PositiveFloat | None


class LocalLauncher(GridLauncher[LocalSettings]):
    """Launcher that runs each job as a process on this machine.

    Jobs that use GPUs get their own, through CUDA_VISIBLE_DEVICES.
    """

    settings_class = LocalSettings

    def pool(self, waiting: list[Job]) -> nullcontext[ProcessPool]:
        """Return a context manager that provides the process pool for the waiting jobs."""
        settings = self.settings
        needed = gpus_of_a_job([job.spec.config for job in waiting])
        devices = shares(visible_gpus(), needed) if needed else []
        n_jobs = settings.n_jobs or len(devices) or available_cores()
        task, preload = self.experiment.task, self.experiment.preload
        return nullcontext(ProcessPool(task, n_jobs, settings.timeout_minutes, preload, devices))
