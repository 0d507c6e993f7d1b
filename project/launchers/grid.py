"""The grid sweeper; composes and checks all jobs before the first one starts."""

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from project.config.compose import combinations, settle
from project.config.errors import ConfigurationError
from project.config.keys import KeysError
from project.launchers.experiment import Experiment, Job, JobFailedError
from project.runs.spec import RunSpec

SEED = re.compile(r"\+*seed=(\d{1,9})")
USES_SEED = re.compile(r"\$\{[^}]*\bseed\b")


class GridSweeper(Sweeper):
    """Hydra sweeper that gives all combinations of the swept values to the launcher at once.

    Unlike Hydra's own, it leaves composition to the launcher, so that each job is composed once.

    Args:
        params: Overrides from a study's file, by key; None: none.
    """

    def __init__(self, params: dict[str, str] | None) -> None:
        self.params = params or {}

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Create the override parser and the launcher; called by Hydra before `sweep`."""
        self._parser = OverridesParser.create(config_loader=hydra_context.config_loader)
        self._launcher: Any = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> Any:
        """Launch the grid of swept values in the overrides of the command line.

        Returns:
            A list whose only item is the list of the jobs' results, as Hydra's sweepers return it.

        Raises:
            JobFailedError: A job failed.
            Exception: What `combinations` and the launcher's `launch` raise.
        """
        grid = combinations(self._overrides(arguments))
        results = self._launcher.launch(grid, initial_job_idx=0)
        failed = [result for result in results if result.status is not JobStatus.COMPLETED]
        for result in failed:
            _say_failed(result)
        if failed:
            raise JobFailedError(f"{len(failed)} of {len(results)} jobs failed")
        return [results]

    def _overrides(self, arguments: list[str]) -> list[Override]:
        return self._parser.parse_overrides(with_params(self.params, arguments))


def _say_failed(result: JobReturn) -> None:
    try:
        _ = result.return_value  # raises what the job has raised
    except JobFailedError:
        pass  # from this project's launchers, which have said it
    except Exception as error:
        words = " ".join(_plain(result.overrides or ()))
        print(f"FAILED {words}: {type(error).__name__}: {error}", file=sys.stderr)


def with_params(params: dict[str, str], arguments: Sequence[str]) -> list[str]:
    """Return a study's overrides followed by those of the command line, each key once.

    Args:
        params: The study's overrides, by key; left out where the command line sets the same key.
        arguments: The overrides of the command line. The last one of a key takes precedence.
    """
    overrides = [*(f"{key}={value}" for key, value in params.items()), *arguments]
    last = {word.partition("=")[0].lstrip("+"): number for number, word in enumerate(overrides)}
    return [overrides[number] for number in sorted(last.values())]


@dataclass(frozen=True)
class _Composed:
    """What Hydra composed for one choice of files: the configuration and Hydra's own section."""

    task: DictConfig
    hydra: Any
    uses_seed: bool  # to compute another value


class _Composer:
    """Composes the configurations of a grid's jobs and prepares their runs.

    Hydra takes 50 ms or more for a composition, so jobs that choose the same files (`model=ws_al`)
    share one. The values in which they differ (`optimizer.lr=0.1`) are set in it for one job after
    another; Hydra sets values in the same way. Jobs that differ in nothing but their seed share one
    preparation.
    """

    def __init__(
        self,
        loader: ConfigLoader,
        config: DictConfig,
        grid: Sequence[Sequence[str]],
        experiment: Experiment,
    ) -> None:
        self._loader = loader
        self._config = config
        self._experiment = experiment
        self._parse = cache(OverridesParser.create(config_loader=loader).parse_override)
        self._group_options = cache(loader.get_group_options)
        self._shared = set(grid[0]).intersection(*grid)
        self._composed = cache(self._compose)
        self._specs: dict[tuple[str, ...], RunSpec] = {}

    def varying(self, overrides: Sequence[str]) -> list[str]:
        """Return the overrides that not all jobs of the grid have in common."""
        return [word for word in overrides if word not in self._shared]

    def spec(self, overrides: Sequence[str]) -> RunSpec:
        """Return the run of the job with these overrides."""
        seeds = [found[1] for word in overrides if (found := SEED.fullmatch(word))]
        others = tuple(word for word in overrides if not SEED.fullmatch(word))
        words = _plain(overrides)
        if len(seeds) == 1 and others in self._specs:
            return self._specs[others].at_seed(int(seeds[0]), words)
        values = [word for word in self.varying(overrides) if self._is_value(word)]
        choices = tuple(word for word in overrides if word not in values)
        composed = self._composed(choices)
        spec = self._experiment.prepare(self._resolved(composed, overrides, values), words)
        uses_seed = composed.uses_seed or any(USES_SEED.search(word) for word in values)
        # If `init_from` is a variant's directory, each seed starts from other weights.
        if spec.config.get("init_from") is None and not uses_seed:
            self._specs[others] = spec
        return spec

    def _is_value(self, word: str) -> bool:
        """Return whether an override sets a value rather than choosing a file."""
        override = self._parse(word)
        key = override.key_or_group
        return (
            override.type in (OverrideType.CHANGE, OverrideType.FORCE_ADD)
            and override.package is None
            and not key.startswith("hydra.")
            and not key.endswith("._target_")
            and not isinstance(override.value(), dict)
            and not self._group_options(key)
        )

    def _compose(self, words: tuple[str, ...]) -> _Composed:
        composed = self._loader.load_sweep_config(self._config, list(words))
        HydraConfig.instance().set_config(composed)
        task = OmegaConf.masked_copy(composed, [str(key) for key in composed if key != "hydra"])
        uses_seed = USES_SEED.search(OmegaConf.to_yaml(task)) is not None
        return _Composed(task, HydraConfig.instance().cfg, uses_seed)

    def _resolved(
        self, composed: _Composed, overrides: Sequence[str], values: Sequence[str]
    ) -> dict[str, Any]:
        """Return the configuration with the overrides of which `values` are still to be set."""
        changes = [self._parse(word) for word in values]
        if any(not _is_leaf(composed.task, change.key_or_group) for change in changes):
            # Hydra composes, or refuses, a missing key or a whole section.
            composed, changes = self._compose(tuple(overrides)), []
        for change in changes:
            OmegaConf.update(composed.task, change.key_or_group, change.value())
        HydraConfig.instance().cfg = composed.hydra
        resolved: Any = OmegaConf.to_container(composed.task, resolve=True, throw_on_missing=True)
        return settle(resolved, dict(composed.hydra.hydra.runtime.choices), overrides)


def _is_leaf(task: DictConfig, key: str) -> bool:
    section, _, name = key.rpartition(".")
    node = OmegaConf.select(task, section) if section else task
    if not isinstance(node, DictConfig) or name not in node:
        return False
    if OmegaConf.is_interpolation(node, name) or OmegaConf.is_missing(node, name):
        return True
    return not isinstance(node[name], DictConfig)


def compose_grid(
    loader: ConfigLoader,
    config: DictConfig,
    grid: Sequence[Sequence[str]],
    experiment: Experiment,
) -> list[Job]:
    """Compose and check all jobs of a grid, and return them in their order.

    Args:
        loader: Hydra's loader, which finds the configuration files.
        config: The configuration of the sweep, without its swept values.
        grid: The overrides of each job.
        experiment: The command that the jobs belong to.

    Raises:
        ConfigurationError: Two jobs are the same run, or the grid is empty.
        ConflictError: A run directory leads out of the output folder through a symbolic link.
        HydraException: Hydra cannot compose a job.
        Exception: What `Experiment.prepare` raises.
    """
    if not grid:  # only sweepers of other projects pass an empty grid
        raise ConfigurationError(
            "one of the swept keys lists no values, so the sweep has no jobs; give each at least "
            "one value"
        )
    composer = _Composer(loader, config, grid, experiment)
    jobs: dict[Path, Job] = {}
    refused: list[tuple[Sequence[str], KeysError]] = []
    before = HydraConfig.instance().cfg
    for number, overrides in enumerate(grid):
        try:
            spec = composer.spec(overrides)
        except KeysError as error:
            refused.append((overrides, error))
            continue
        spec.directory.refuse_links_outside()
        words = [word.lstrip("+") for word in composer.varying(overrides)]
        label = " ".join(word for word in words if not word.startswith("seed="))
        job = Job(number, _plain(overrides), label, spec)
        if (first := jobs.setdefault(job.directory, job)) is not job:
            raise ConfigurationError(
                f"jobs {first.number} ({' '.join(first.overrides)}) and {job.number} "
                f"({' '.join(job.overrides)}) are the same run, {job.directory}; "
                "name every seed and value once"
            )
    HydraConfig.instance().cfg = before
    if refused:
        raise _refusal(refused[0], list(jobs.values()))
    return list(jobs.values())


def _plain(overrides: Sequence[str]) -> tuple[str, ...]:
    return tuple(word.removeprefix("++") for word in overrides)


def _refusal(refused: tuple[Sequence[str], KeysError], jobs: list[Job]) -> ConfigurationError:
    """Return the error of a refused job; it names the swept choices that have the key."""
    overrides, error = refused
    section = f"{error.section}="
    choice = next((word for word in overrides if word.startswith(section)), None)
    having = {
        word.removeprefix(section)
        for job in jobs
        for word in job.overrides
        if word.startswith(section) and error.key in (job.spec.config.get(error.section) or {})
    }
    if choice is None or not having:
        return error
    return ConfigurationError(
        f"{choice} has no key {error.key}; of the choices swept here {', '.join(sorted(having))} "
        f"ha{'s' if len(having) == 1 else 've'} it"
    )
