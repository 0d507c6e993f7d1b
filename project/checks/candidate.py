"""The experiment to check, read from the words of a project.train command line."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import IntervalSweep, Override

from project.cli.arguments import CONFIG_DIR, MULTIRUN, typed_override
from project.cli.diagnose import explained
from project.config.compose import (
    combinations,
    compose,
    compose_with_hydra,
    parse_overrides,
    quote,
)
from project.config.errors import ConfigurationError
from project.launchers.grid import with_params
from project.runs.lifecycle import RunSpec
from project.runs.prepare import prepare_run
from project.runs.provenance import available_cores


@dataclass(frozen=True)
class Limits:
    """Time limits, in seconds; a check that needs more is shortened or left out."""

    short_training: float = 3.0  # for the short training that several checks look at
    repeated_run: float = 8.0  # for each two-epoch run of the repetition checks
    heart_steps: int = 1000  # steps within which the net must memorise one batch
    heart_seconds: float = 20.0  # for memorising that batch
    shuffled_training: float = 4.0  # for all trainings on shuffled labels together
    leakage: float = 15.0  # for reading the examples
    variants: float = 20.0  # for trying the other variants of a sweep


THOROUGH = Limits(
    short_training=30.0,
    repeated_run=math.inf,
    heart_steps=5000,
    heart_seconds=math.inf,
    shuffled_training=60.0,
    leakage=math.inf,
    variants=math.inf,
)


@dataclass(frozen=True)
class Variant:
    """A variant of the sweep on the command line."""

    words: list[str]  # the overrides that select the variant and its first seed
    runs: int  # the number of runs that the sweep makes of it; of a search, all its runs


@dataclass(frozen=True)
class Candidate:
    """The experiment that is checked."""

    spec: RunSpec  # the first run of the first variant, with outputs in `scratch`, without loggers
    variants: list[Variant]  # the sweep's variants; a single one if there is no sweep
    config_dirs: Sequence[Path]  # folders of the user's configuration files
    side_by_side: int | None  # how many runs the launcher carries out at a time, if it is known
    scratch: Path  # a temporary folder, deleted after the checks
    limits: Limits

    @property
    def config(self) -> dict[str, Any]:
        """The resolved configuration of the first run."""
        return self.spec.config

    @property
    def metric(self) -> str:
        """The name of the metric that the task is judged by."""
        return self.config["metric"]["name"]

    @property
    def is_min(self) -> bool:
        """Whether smaller values of the metric are better."""
        return self.config["metric"]["direction"] == "min"


def read_candidate(words: Sequence[str], scratch: Path, thorough: bool = False) -> Candidate:
    """Read the experiment from the words of a command line, as project.train does.

    Args:
        words: The words of project.train, without those of project.check itself.
        scratch: The folder that is used as paths.outputs.
        thorough: Whether the checks may take as long as they need.

    Raises:
        Exception: As `explained` and `prepare_run`.
    """
    with explained(words, "train", sweeps=True) as arguments:
        for flag in (word.partition("=")[0] for word in arguments.words if word.startswith("-")):
            if flag not in (*MULTIRUN, *CONFIG_DIR):
                raise ConfigurationError(
                    f"unknown flag {flag}; python -m project.check --help lists the flags"
                )
        folders, limits = arguments.config_dirs, THOROUGH if thorough else Limits()
        variants, side_by_side = [Variant(arguments.overrides, 1)], 1
        if arguments.is_sweep:
            variants, side_by_side = _sweep(arguments.overrides, folders)
        spec = prepare_variant(variants[0], folders, scratch)
        return Candidate(spec, variants, folders, side_by_side, scratch, limits)


def _sweep(words: list[str], config_dirs: Sequence[Path]) -> tuple[list[Variant], int | None]:
    """Return the variants of a sweep, and how many runs it makes at a time (None if unknown)."""
    fixed = [
        word
        for word, each in zip(words, parse_overrides(words), strict=True)
        if not each.is_sweep_override()
    ]
    hydra = compose_with_hydra("train", fixed, config_dirs).hydra
    sweeper = hydra.sweeper
    params = {key: str(value) for key, value in (sweeper.get("params") or {}).items()}
    overrides = parse_overrides(with_params(params, words))
    drawn = [each for each in overrides if isinstance(each.value(), IntervalSweep)]
    middles = [_middle(each, each.value()) for each in drawn]
    seeds: dict[tuple[str, ...], list[list[str]]] = {}
    for job in combinations([each for each in overrides if each not in drawn]):
        variant = tuple(word for word in job if not word.startswith("seed="))
        seeds.setdefault(variant, []).append([word for word in job if word not in variant])
    variants = [Variant([*key, *middles, *own[0]], len(own)) for key, own in seeds.items()]
    if "trials" in sweeper:  # a search: its runs are all of one variant here
        variants = [Variant(variants[0].words, sweeper.trials * len(sweeper.seeds))]
    if "n_jobs" in hydra.launcher:
        return variants, hydra.launcher.n_jobs or available_cores()
    return variants, hydra.launcher.get("array_parallelism")


def _middle(override: Override, sweep: Any) -> str:
    """Return the override KEY=VALUE with the middle of the range that a search draws from."""
    low, high = float(sweep.start or 0), float(sweep.end or 0)
    middle = math.sqrt(low * high) if "log" in sweep.tags and low > 0 else (low + high) / 2
    is_whole = isinstance(sweep.start, int) and isinstance(sweep.end, int)
    return f"{str(override.input_line).partition('=')[0]}={round(middle) if is_whole else middle}"


def prepare_variant(variant: Variant, config_dirs: Sequence[Path], scratch: Path) -> RunSpec:
    """Prepare the first run of a variant, with its outputs in `scratch` and without loggers.

    Raises:
        HydraException: Hydra cannot compose the variant's configuration.
        Exception: As `prepare_run`.
    """
    words = [*variant.words, f"paths.outputs={quote(str(scratch))}"]
    config = compose("train", words, config_dirs)
    if config["verify"] is not None:
        raise ConfigurationError("verify= is an option of project.train; leave it out")
    config |= {"logger": {}, "rerun": False, "code": None, "tags": [], "notes": ""}
    return prepare_run(config, overrides=[typed_override(word) for word in words])
