"""The whole grid, composed and checked before the first job starts."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.core.singleton import Singleton
from hydra.core.utils import JobStatus
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

log = logging.getLogger(__name__)


class GridError(Exception):
    """A job of the grid is not what it should be; no job was started."""

    exit_code = 2


class JobFailedError(Exception):
    """Some jobs of the sweep failed or were not started; which and why has been printed."""

    exit_code = 1


class Experiment(Protocol):
    """What a launcher must know of the command whose jobs it carries out.

    task: module and name of the function that carries out one job, given its configuration.
    """

    task: tuple[str, str]

    def resolve(self, values: dict[str, Any]) -> tuple[dict[str, Any], Path]:
        """The job's configuration, nothing in it left to chance, and its run directory.

        Raises an error with `exit_code` for a bad configuration.
        """
        ...

    def check(self, waiting: Sequence[dict[str, Any]]) -> None:
        """What is too slow to check for jobs that may be completed already; raises likewise."""
        ...


@dataclass(frozen=True)
class Job:
    """One cell of the grid: its number, its overrides, its resolved configuration, its run."""

    number: int
    overrides: tuple[str, ...]
    values: dict[str, Any]
    directory: Path


class GridSweeper(Sweeper):
    """Every combination of the swept values, as Hydra's basic sweeper, handed over at once.

    The basic sweeper composes every job once to see that it can be, and the launcher once more; and
    it leaves a multirun.yaml in a folder named by the clock. Here the launcher alone composes.
    params: overrides of a study; the command line wins over them.
    """

    def __init__(self, params: dict[str, str] | None) -> None:
        self.params = params or {}

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        self.parser = OverridesParser.create(config_loader=hydra_context.config_loader)
        self._launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> Any:
        # Not at the top: Hydra's search for plugins executes that module anew.
        from hydra._internal.core_plugins.basic_sweeper import BasicSweeper

        params = [f"{key}={value}" for key, value in self.params.items()]
        overrides = self.parser.parse_overrides([*params, *arguments])
        (grid,) = BasicSweeper.split_arguments(overrides, max_batch_size=None)
        results = self._launcher.launch(grid, initial_job_idx=0)
        failed = sum(result.status is not JobStatus.COMPLETED for result in results)
        if failed:
            raise JobFailedError(f"{failed} of {len(results)} jobs failed")
        return [results]


def compose_grid(
    context: HydraContext,
    config: DictConfig,
    grid: Sequence[Sequence[str]],
    experiment: Experiment,
) -> list[Job]:
    """All jobs of `grid`, checked; raises GridError at two that are the same run.

    Composing takes Hydra about 50 ms. Jobs that differ in their seed only are composed once.
    """
    parser = OverridesParser.create(config_loader=context.config_loader)
    jobs: list[Job] = []
    composed: dict[tuple[str, ...], DictConfig] = {}
    seen: dict[Path, Job] = {}
    before = Singleton.get_state()
    for number, overrides in enumerate(grid):
        arm = tuple(word for word in overrides if not word.startswith("seed="))
        if arm not in composed:
            composed[arm] = context.config_loader.load_sweep_config(config, list(arm))
        job_config = composed[arm]
        with open_dict(job_config), read_write(job_config.hydra):
            job_config.hydra.job.num = number
            job_config.hydra.job.id = str(number)
            for override in parser.parse_overrides([w for w in overrides if w not in arm]):
                job_config.seed = override.value()
        HydraConfig.instance().set_config(job_config)
        task = OmegaConf.masked_copy(job_config, [str(k) for k in job_config if k != "hydra"])
        values: Any = OmegaConf.to_container(task, resolve=True)
        job = Job(number, tuple(overrides), *experiment.resolve(values))
        if job.directory in seen:
            first = seen[job.directory]
            raise GridError(
                f"jobs {first.number} ({' '.join(first.overrides)}) and {number} "
                f"({' '.join(overrides)}) are the same run, {job.directory}; "
                "name every seed and value once"
            )
        seen[job.directory] = job
        jobs.append(job)
    Singleton.set_state(before)
    return jobs
