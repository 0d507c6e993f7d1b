"""Composes the configuration of plain values that a command line asks for."""

import itertools
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from project.config.errors import ConfigurationError
from project.config.source import PROJECT

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override
    from omegaconf import DictConfig

# In a wheel `conf` lies inside of the package, in a checkout beside it.
CONF = PROJECT / "conf" if (PROJECT / "conf").is_dir() else PROJECT.parent / "conf"
# A seed that no run has: in a configuration composed with it, any other seed is a fixed one.
UNUSED_SEED = 2**32 - 1
# Keys of a model's file that only provide values for other sections, and how to type these.
SERVED = {"learning_rates": "optimizer.lr=X", "task": "task.KEY=VALUE"}
# The start of any value that is expanded as a path: `~`, `~user` or `$VARIABLE`.
PATH = re.compile(r"~[\w.-]*(/|$)|\$(\w+|\{\w+\})(/|$)")
# Sections whose key `name` is by default the name of the chosen file.
NAMED = ("model", "task", "data")
# Sections that name a class (`_target_`) and hold its arguments.
TARGETS = ("model", "task", "data", "optimizer", "scheduler", "augmentation")


@dataclass(frozen=True)
class StudyVariant:
    """A variant of a study: its configuration at UNUSED_SEED, and its seeds in the study."""

    config: dict[str, Any]
    seeds: tuple[int, ...]


def compose_with_hydra(
    config_name: str, overrides: Sequence[str], config_dirs: Sequence[str | Path] = ()
) -> "DictConfig":
    """Return the composed configuration, not yet resolved, with its section `hydra`.

    Args:
        config_name: A root file of `conf/`: train, disk or report.
        overrides: The overrides of the command line.
        config_dirs: Folders of the user's configuration files, as given to `--config-dir`.

    Raises:
        HydraException: Hydra cannot compose it.
    """
    import hydra
    from hydra.core.global_hydra import GlobalHydra

    folders = ",".join(f"'file://{Path(each).absolute()}'" for each in config_dirs)
    words = [*overrides, f"hydra.searchpath=[{folders}]"] if folders else list(overrides)
    GlobalHydra.instance().clear()
    with hydra.initialize_config_dir(str(CONF)):
        return hydra.compose(config_name, words, return_hydra_config=True)


def compose(
    config_name: str, overrides: Sequence[str] = (), config_dirs: Sequence[str | Path] = ()
) -> dict[str, Any]:
    """Return the configuration of a command line as plain resolved values, without Hydra's section.

    The arguments are those of `compose_with_hydra`.

    Raises:
        HydraException: Hydra cannot compose it.
        ConfigurationError: A value is missing, or an interpolation cannot be resolved.
    """
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    composed = compose_with_hydra(config_name, overrides, config_dirs)
    HydraConfig.instance().set_config(composed)  # for ${hydra:...}
    task = OmegaConf.masked_copy(composed, [key for key in composed if key != "hydra"])
    try:
        values: Any = OmegaConf.to_container(task, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        raise ConfigurationError(str(error)) from None
    return settle(values, dict(composed.hydra.runtime.choices), overrides)


def settle(
    values: dict[str, Any], choices: Mapping[str, Any], overrides: Sequence[str]
) -> dict[str, Any]:
    """Return plain values in their final form, given the chosen file of each group.

    - `model`, `task` and `data` without a `name` get that of their file.
    - If an override names another `_target_`, the arguments in the section's file are dropped.
    - Keys that only provide values for other sections (SERVED) and null callbacks are dropped.
    - Paths that begin with `~` or `$VARIABLE` are expanded, except in `tags` and `notes`.

    Raises:
        ConfigurationError: A key in SERVED is no section.
    """
    values = dict(values)
    typed = {word.lstrip("+").partition("=")[0] for word in overrides}
    for section in TARGETS:
        if isinstance(content := values.get(section), dict):
            if section in NAMED and "name" not in content:
                content = {"name": choices.get(section), **content}
            if f"{section}._target_" in typed:
                content = _without_file(section, content, typed)
            values[section] = content
    if isinstance(model := values.get("model"), dict):
        for key, instead in SERVED.items():
            if not isinstance(model.get(key, {}), dict):
                raise ConfigurationError(
                    f"model.{key}={model[key]}: this section of the model's file only sets values "
                    f"for other sections; use {instead}"
                )
        values["model"] = {key: each for key, each in model.items() if key not in SERVED}
    if isinstance(callbacks := values.get("callbacks"), dict):
        values["callbacks"] = {key: each for key, each in callbacks.items() if each is not None}
    return {
        key: each if key in ("tags", "notes") else _expand_paths(each)
        for key, each in values.items()
    }


def _expand_paths(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _expand_paths(each) for key, each in node.items()}
    if isinstance(node, list):
        return [_expand_paths(each) for each in node]
    return expand_path(node) if isinstance(node, str) and PATH.match(node) else node


def expand_path(path: str) -> str:
    """Return a path with `~` and `$VARIABLES` replaced; an empty path as it is."""
    return os.path.expandvars(str(Path(path).expanduser())) if path else path


def _without_file(section: str, values: dict[str, Any], typed: set[str]) -> dict[str, Any]:
    """Keep only the typed keys of a section whose class is typed, and the platform's own."""
    platform = {"name", "init", "interval", "frequency", "monitor"}
    return {
        key: value
        for key, value in values.items()
        if key in platform or any(f"{word}.".startswith(f"{section}.{key}.") for word in typed)
    }


def parse_overrides(words: Sequence[str]) -> "list[Override]":
    """Parse overrides with Hydra's parser; raise HydraException if it cannot."""
    from hydra.core.override_parser.overrides_parser import OverridesParser

    return OverridesParser.create().parse_overrides(list(words))


def combinations(overrides: "Sequence[Override]") -> list[list[str]]:
    """Return the overrides of each job of a sweep; raise ConfigurationError if one has no value."""
    return [list(words) for words in itertools.product(*map(_words, overrides))]


def _words(override: "Override") -> list[str]:
    """Return an override for each value that it sweeps."""
    line = str(override.input_line)
    if not override.is_sweep_override():
        return [line]
    try:
        values = list(override.sweep_string_iterator())
    except ValueError as error:  # a range whose step is 0
        raise ConfigurationError(f"{line}: {error}") from None
    if not values:
        raise ConfigurationError(
            f"{line} lists no values, so the sweep has no jobs; give at least one value"
        )
    return [f"{line.partition('=')[0]}={value}" for value in values]


def study_words(config_name: str, study: str, config_dirs: Sequence[str | Path] = ()) -> list[str]:
    """Return what a study sweeps, as overrides KEY=VALUES; raise as `compose_with_hydra`."""
    sweeper = compose_with_hydra(config_name, [f"study={study}"], config_dirs).hydra.sweeper
    return [f"{key}={value}" for key, value in (sweeper.get("params") or {}).items()]


def study_choices(study: str, config_dirs: Sequence[str | Path] = ()) -> dict[str, str]:
    """Return what a study's file chooses of `hydra/sweeper` and `hydra/launcher`, by group.

    Hydra itself accepts these choices only in the root file and on the command line.
    """
    path = options("study", config_dirs).get(study)
    content = yaml.safe_load(path.read_text("utf-8")) if path is not None else None
    defaults = content.get("defaults") if isinstance(content, dict) else None
    chosen = {}
    for entry in defaults or []:
        for key, value in entry.items() if isinstance(entry, dict) else ():
            if found := re.fullmatch(r"(?:override\s+)?/?(hydra/(?:sweeper|launcher))", str(key)):
                chosen[found[1]] = str(value)
    return chosen


def study_variants(
    config_name: str, study: str, config_dirs: Sequence[str | Path] = ()
) -> list[StudyVariant]:
    """Return the variants that a study sweeps over, in their order; raise as `compose`."""
    seeds: dict[tuple[str, ...], list[int]] = {}
    for job in combinations(parse_overrides(study_words(config_name, study, config_dirs))):
        variant = tuple(word for word in job if not word.startswith("seed="))
        seeds.setdefault(variant, []).extend(
            int(word.removeprefix("seed=")) for word in job if word not in variant
        )
    return [
        StudyVariant(
            compose(config_name, [f"study={study}", *variant, f"seed={UNUSED_SEED}"], config_dirs),
            tuple(own),
        )
        for variant, own in seeds.items()
    ]


def options(group: str, config_dirs: Sequence[str | Path] = ()) -> dict[str, Path]:
    """Return a group's files, by name; of equal names the first one counts, `conf/` first."""
    found: dict[str, Path] = {}
    for folder in (CONF, *config_dirs):
        for path in sorted(Path(folder, group).glob("*.yaml")):
            found.setdefault(path.stem, path)
    return found


def choices_with(group: str, key: str) -> list[str]:
    """Return the choices GROUP=FILE of `conf/` whose file sets a key."""
    sets = re.compile(rf"^\s*{re.escape(key)}:", re.MULTILINE)
    files = options(group).items()
    return [f"{group}={name}" for name, path in files if sets.search(path.read_text("utf-8"))]


def refuse_shadowing(config_dirs: Sequence[str | Path]) -> None:
    """Raise ConfigurationError if a folder is missing, or has a file of the path of one of ours."""
    for folder in map(Path, config_dirs):
        if not folder.is_dir():
            raise ConfigurationError(f"--config-dir {folder}: there is no such folder")
        for path in sorted(folder.rglob("*.yaml")):
            if (CONF / path.relative_to(folder)).exists():
                raise ConfigurationError(
                    f"{path} has the same name as a file of the platform, and the platform's would "
                    "be used; rename yours"
                )


def refuse_same_names(words: Sequence[str], config_dirs: Sequence[Path]) -> None:
    """Raise ConfigurationError if two files of `logger=[...]` or `callbacks=[...]` share a key."""
    for word in words:
        group, _, choices = word.partition("=")
        if group not in ("logger", "callbacks") or not re.fullmatch(r"\[[\w, -]*\]", choices):
            continue
        files = options(group, config_dirs)
        owners: dict[str, str] = {}
        for choice in filter(None, re.split(r"[\[\], ]+", choices)):
            keys = yaml.safe_load(files[choice].read_text("utf-8")) if choice in files else {}
            for key in (keys or {}).keys() - {"defaults"}:
                if key in owners:
                    raise ConfigurationError(
                        f"{word}: {group}={owners[key]} and {group}={choice} have the same key "
                        f"{key!r}; rename it in {files[choice]}"
                    )
                owners[key] = choice


def quote(text: str) -> str:
    """Return a text in quotes, which Hydra parses back to the same text."""
    from hydra.core.override_parser.types import Quote, QuotedString

    return QuotedString(text, Quote.single).with_quotes()
