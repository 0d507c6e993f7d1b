"""The whole grid, composed and checked before the first job starts."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from hydra.core.plugins import Plugins
from hydra.core.utils import JobStatus
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from project.config.compose import combinations, settle
from project.config.errors import ConfigurationError
from project.config.keys import KeysError
from project.launchers.experiment import Experiment, Job, JobFailedError


class GridSweeper(Sweeper):
    """Every combination of the swept values, as Hydra's basic sweeper, handed over at once.

    The basic sweeper composes every job once to see that it can be, and the launcher once more; and
    it leaves a multirun.yaml in a folder named by the clock. Here the launcher alone composes.

    Args:
        params: Overrides of a study; the command line wins over them.
    """

    def __init__(self, params: dict[str, str] | None) -> None:
        self.params = params or {}

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Build the launcher."""
        self.parser = OverridesParser.create(config_loader=hydra_context.config_loader)
        self._launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> Any:
        """Launch the grid; raises JobFailedError if a job failed."""
        overrides = self.parser.parse_overrides(with_params(self.params, arguments))
        results = self._launcher.launch(combinations(overrides), initial_job_idx=0)
        failed = [result for result in results if result.status is not JobStatus.COMPLETED]
        if failed:
            raise JobFailedError(f"{len(failed)} of {len(results)} jobs failed")
        return [results]


def with_params(params: dict[str, str], arguments: Sequence[str]) -> list[str]:
    """Return a study's overrides and those of the command line, which win over them."""
    typed = {word.partition("=")[0].lstrip("+") for word in arguments}
    own = [f"{key}={value}" for key, value in params.items() if key.lstrip("+") not in typed]
    return [*own, *arguments]


class _Composer:
    """Composes the configurations of a grid; each composition takes Hydra 50 ms or more.

    Jobs that choose the same files (`model=ws_al`) share a composition: the values in which they
    differ (`seed=3`, `optimizer.lr=0.1`) are set in it, one job after the other, which is what
    Hydra does with values too, in the end.
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
        self._composed: dict[tuple[str, ...], tuple[DictConfig, DictConfig]] = {}

    def varying(self, overrides: Sequence[str]) -> list[str]:
        """Return those that not all jobs of the grid have."""
        return [word for word in overrides if word not in self._shared]

    def config(self, overrides: Sequence[str]) -> dict[str, Any]:
        """Return the resolved configuration of the job with these overrides."""
        values = [word for word in self.varying(overrides) if self._is_value(word)]
        choices = tuple(word for word in overrides if word not in values)
        if choices not in self._composed:
            self._composed[choices] = self._compose(choices)
        task, hydra = self._composed[choices]
        changes = [self._parsed[word] for word in values]
        if any(not self._is_leaf(task, change.key_or_group) for change in changes):
            # A key that is not there, or a whole section: Hydra knows what to say or do.
            task, hydra = self._compose(overrides)
            changes = []
        for change in changes:
            OmegaConf.update(task, change.key_or_group, change.value())
        HydraConfig.instance().cfg = hydra  # for ${hydra:...}
        resolved: Any = OmegaConf.to_container(task, resolve=True, throw_on_missing=True)
        return settle(resolved, dict(hydra.hydra.runtime.choices), overrides)

    def _is_value(self, word: str) -> bool:
        """Whether `word` sets a value rather than choosing a file."""
        if word not in self._parsed:
            self._parsed[word] = self._parser.parse_override(word)
        override = self._parsed[word]
        key = override.key_or_group
        if key not in self._groups:
            self._groups[key] = bool(self._loader.get_group_options(key))
        return not (
            override.type not in (OverrideType.CHANGE, OverrideType.FORCE_ADD)
            or override.package is not None
            or self._groups[key]
            or key.startswith("hydra.")
            or key.endswith("._target_")
            or isinstance(override.value(), dict)
        )

    @staticmethod
    def _is_leaf(task: DictConfig, key: str) -> bool:
        section, _, name = key.rpartition(".")
        node = OmegaConf.select(task, section) if section else task
        if not isinstance(node, DictConfig) or name not in node:
            return False
        if OmegaConf.is_interpolation(node, name) or OmegaConf.is_missing(node, name):
            return True
        return not isinstance(node[name], DictConfig)

    def _compose(self, words: Sequence[str]) -> tuple[DictConfig, DictConfig]:
        composed = self._loader.load_sweep_config(self._config, list(words))
        HydraConfig.instance().set_config(composed)
        hydra = HydraConfig.instance().cfg
        assert hydra is not None
        task = OmegaConf.masked_copy(composed, [str(key) for key in composed if key != "hydra"])
        return task, hydra


def compose_grid(
    context: HydraContext,
    config: DictConfig,
    grid: Sequence[Sequence[str]],
    experiment: Experiment,
) -> list[Job]:
    """Compose and check all jobs of a grid.

    Raises:
        ConfigurationError: Two jobs are the same run, a job is refused, or there is none.
    """
    if not grid:  # from another sweeper than ours
        raise ConfigurationError("one of the swept keys holds no value, so there is no job")
    composer = _Composer(context, config, grid)
    jobs: dict[Path, Job] = {}
    refused: list[tuple[Sequence[str], KeysError]] = []
    before = HydraConfig.instance().cfg
    for number, overrides in enumerate(grid):
        words = [word.lstrip("+") for word in composer.varying(overrides)]
        label = " ".join(word for word in words if not word.startswith("seed="))
        try:
            spec = experiment.prepare(composer.config(overrides), _plain(overrides))
        except KeysError as error:
            refused.append((overrides, error))
            continue
        job = Job(number, _plain(overrides), label, spec)
        if job.directory in jobs:
            first = jobs[job.directory]
            raise ConfigurationError(
                f"jobs {first.number} ({' '.join(first.overrides)}) and {number} "
                f"({' '.join(job.overrides)}) are the same run, {job.directory}; "
                "name every seed and value once"
            )
        jobs[job.directory] = job
    HydraConfig.instance().cfg = before
    if refused:
        raise _refusal(refused, list(jobs.values()))
    return list(jobs.values())


def _plain(overrides: Sequence[str]) -> tuple[str, ...]:
    return tuple(word.removeprefix("++") for word in overrides)


def _refusal(refused: list[tuple[Sequence[str], KeysError]], jobs: list[Job]) -> ConfigurationError:
    """Say which of the swept choices have the key that others lack."""
    overrides, error = refused[0]
    section = error.section
    choice = next((word for word in overrides if word.startswith(f"{section}=")), None)
    having = sorted(
        {
            word
            for job in jobs
            for word in job.overrides
            if word.startswith(f"{section}=") and f"{section}.{error.key}" in _keys(job, section)
        }
    )
    if choice is None or not having:
        return error
    others = ", ".join(word.partition("=")[2] for word in having)
    return ConfigurationError(
        f"{choice} has no key {error.key}; of the choices swept here {others} "
        f"ha{'s' if len(having) == 1 else 've'} it"
    )


def _keys(job: Job, section: str) -> set[str]:
    return {f"{section}.{key}" for key in job.spec.config.get(section) or {}}
