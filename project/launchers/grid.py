"""The whole grid, composed and checked before the first job starts."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from hydra.core.plugins import Plugins
from hydra.core.singleton import Singleton
from hydra.core.utils import JobStatus
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf


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

    def check(self, waiting: Sequence[dict[str, Any]], here: bool) -> None:
        """What is too slow to check for jobs that may be completed already; raises likewise.

        here: whether they will run on this machine.
        """
        ...

    def files_to_send(self, values: dict[str, Any]) -> dict[str, bytes]:
        """What a job's data folder (`paths.data`) has to hold on another machine, by path in it.

        Raises likewise.
        """
        ...


@dataclass(frozen=True)
class Job:
    """One cell of the grid: its number, its overrides, its resolved configuration, its run.

    arm: the overrides that tell its arm from the others of the grid; empty if there is one arm.
    """

    number: int
    overrides: tuple[str, ...]
    arm: str
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
        params = [f"{key}={value}" for key, value in self.params.items()]
        overrides = self.parser.parse_overrides([*params, *arguments])
        results = self._launcher.launch(combined(overrides), initial_job_idx=0)
        failed = [result for result in results if result.status is not JobStatus.COMPLETED]
        for result in failed:
            error = result._return_value
            if not isinstance(error, JobFailedError):  # a launcher of others, which says nothing
                words = " ".join(result.overrides or ())
                print(f"FAILED {words}: {type(error).__name__}: {error}", file=sys.stderr)
        if failed:
            raise JobFailedError(f"{len(failed)} of {len(results)} jobs failed")
        return [results]


def combined(overrides: list[Override]) -> list[list[str]]:
    """Every combination of the swept values, at least one; raises GridError."""
    # Not at the top: Hydra's search for plugins executes that module anew.
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper

    swept = {str(each.input_line): each for each in overrides if each.is_sweep_override()}
    try:
        (grid,) = BasicSweeper.split_arguments(overrides, max_batch_size=None)
    except ValueError as error:  # a range whose step is 0
        raise GridError(f"{' '.join(swept)}: {error}") from None
    if not grid:
        empty = [line for line, each in swept.items() if not list(each.sweep_string_iterator())]
        raise GridError(f"{' '.join(empty)} holds no value, so there is no job")
    return grid


class _Composer:
    """Composes the configurations of a grid; each composition takes Hydra 50 ms or more.

    Jobs that choose the same files (`model=ws_al`) share a composition: the values in which they
    differ (`seed=3`, `optimizer.lr=0.1`) are set in it, one job after the other, which is what
    Hydra does with values as well, in the end.
    """

    def __init__(
        self, context: HydraContext, config: DictConfig, grid: Sequence[Sequence[str]]
    ) -> None:
        self._loader = context.config_loader
        self._config = config
        self._parser = OverridesParser.create(config_loader=self._loader)
        self._shared = set(grid[0]).intersection(*grid)
        self._parsed: dict[str, Override] = {}
        self._groups: dict[str, bool] = {}
        self._composed: dict[tuple[str, ...], tuple[DictConfig, Any]] = {}

    def varying(self, overrides: Sequence[str]) -> list[str]:
        """Those that not all jobs of the grid have."""
        return [word for word in overrides if word not in self._shared]

    def values(self, overrides: Sequence[str]) -> dict[str, Any]:
        """The resolved configuration of the job with these overrides, without Hydra's own part."""
        values = [word for word in self.varying(overrides) if self._is_value(word)]
        choices = tuple(word for word in overrides if word not in values)
        if choices not in self._composed:
            self._composed[choices] = self._compose(choices)
        task, hydra = self._composed[choices]
        changes = [self._parsed[word] for word in values]
        if any(self._leaf(task, change.key_or_group) is None for change in changes):
            # A key that is not there, or a whole section: Hydra knows what to say or do.
            task, hydra = self._compose(overrides)
            changes = []
        for change in changes:
            OmegaConf.update(task, change.key_or_group, change.value())
        HydraConfig.instance().cfg = hydra  # for ${hydra:...}
        resolved: Any = OmegaConf.to_container(task, resolve=True)
        return resolved

    def _is_value(self, word: str) -> bool:
        """Whether `word` sets a value rather than choosing a file."""
        if word not in self._parsed:
            self._parsed[word] = self._parser.parse_override(word)
        override = self._parsed[word]
        key = override.key_or_group
        if key not in self._groups:
            self._groups[key] = bool(self._loader.get_group_options(key))
        return not (
            override.type != OverrideType.CHANGE
            or override.package is not None
            or self._groups[key]
            or key.startswith("hydra.")
            or isinstance(override.value(), dict)
        )

    @staticmethod
    def _leaf(task: DictConfig, key: str) -> Any:
        node = OmegaConf.select(task, key)
        return None if isinstance(node, DictConfig) else node

    def _compose(self, words: Sequence[str]) -> tuple[DictConfig, Any]:
        composed = self._loader.load_sweep_config(self._config, list(words))
        HydraConfig.instance().set_config(composed)
        task = OmegaConf.masked_copy(composed, [str(key) for key in composed if key != "hydra"])
        return task, HydraConfig.instance().cfg


def compose_grid(
    context: HydraContext,
    config: DictConfig,
    grid: Sequence[Sequence[str]],
    experiment: Experiment,
) -> list[Job]:
    """All jobs of `grid`, checked.

    Raises GridError at two that are the same run, at two that differ in their seed alone and yet
    are of two arms, or at none.
    """
    if not grid:  # from a sweeper of others
        raise GridError("one of the swept keys holds no value, so there is no job")
    composer = _Composer(context, config, grid)
    jobs: dict[Path, Job] = {}
    arms: dict[str, Job] = {}
    before = Singleton.get_state()
    for number, overrides in enumerate(grid):
        varying = composer.varying(overrides)
        arm = " ".join(word for word in varying if not word.startswith("seed="))
        resolved = experiment.resolve(composer.values(overrides))
        job = Job(number, tuple(overrides), arm, *resolved)
        if job.directory in jobs:
            first = jobs[job.directory]
            raise GridError(
                f"jobs {first.number} ({' '.join(first.overrides)}) and {number} "
                f"({' '.join(overrides)}) are the same run, {job.directory}; "
                "name every seed and value once"
            )
        first = arms.setdefault(arm, job)
        if first.directory.parent != job.directory.parent:
            raise GridError(
                f"jobs {first.number} ({' '.join(first.overrides)}) and {number} "
                f"({' '.join(overrides)}) differ in their seed alone, but would be runs of two "
                "arms: where seeds.* holds a source of chance at the run's own seed, it holds "
                "nothing; hold it at a seed that the sweep has not, 1000 say"
            )
        jobs[job.directory] = job
    Singleton.set_state(before)
    return list(jobs.values())
