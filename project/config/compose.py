"""From the words of a command line to a configuration of plain values, as the commands do it."""

import itertools
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from project.config.errors import ConfigurationError

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override
    from omegaconf import DictConfig

PROJECT = Path(__file__).resolve().parents[1]
# In a wheel `conf` lies inside of the package, in a checkout beside it.
CONF = PROJECT / "conf" if (PROJECT / "conf").is_dir() else PROJECT.parent / "conf"
# A seed that no run has: what is held fixed shows, as it does not follow.
UNUSED_SEED = 2**32 - 1
# Words that Hydra's grammar reads as values of other types.
NO_STRINGS = ("true", "false", "null", "nan", "inf")
# Keys of a model's file from which `optimizer.lr` and the task's keys are taken.
SERVED = ("learning_rates", "task")
# How a value begins that is a path with something to replace, whatever its key.
PATH = re.compile(r"~[\w.-]*(/|$)|\$(\w+|\{\w+\})(/|$)")
# Sections that are named by their file where they do not name themselves.
NAMED = ("model", "task", "data")
# Sections whose keys belong to the class that they name.
TARGETS = ("model", "task", "data", "optimizer", "scheduler", "augmentation")
GROUPS = (
    "optimizer", "scheduler", "augmentation", "trainer", "seeds", "logger", "data", "callbacks",
    "model", "task", "study", "debug",
)  # fmt: skip


@dataclass(frozen=True)
class StudyVariant:
    """A variant of a study: its resolved configuration at UNUSED_SEED, and the study's seeds."""

    config: dict[str, Any]
    seeds: tuple[int, ...]


def search_path(config_dirs: Sequence[str | Path]) -> list[str]:
    """Return the override that adds folders of the user's to Hydra's search path."""
    folders = ",".join(f"'file://{Path(each).absolute()}'" for each in config_dirs)
    return [f"hydra.searchpath=[{folders}]"] if folders else []


def compose_with_hydra(
    config_name: str, overrides: Sequence[str], config_dirs: Sequence[str | Path] = ()
) -> "DictConfig":
    """Return the composed configuration with its section `hydra`.

    Raises:
        HydraException: Hydra cannot compose it.
    """
    import hydra
    from hydra.core.global_hydra import GlobalHydra

    GlobalHydra.instance().clear()
    with hydra.initialize_config_dir(str(CONF)):
        return hydra.compose(
            config_name,
            overrides=[*overrides, *search_path(config_dirs)],
            return_hydra_config=True,
        )


def compose(
    config_name: str, overrides: Sequence[str] = (), config_dirs: Sequence[str | Path] = ()
) -> dict[str, Any]:
    """Return the configuration that a command line leads to, as plain resolved values.

    Args:
        config_name: A file of `conf/`: train, disk, report.
        overrides: The words of the command line.
        config_dirs: Folders of the user's, as `--config-dir` names them.
    """
    composed = compose_with_hydra(config_name, overrides, config_dirs)
    return resolve(composed, overrides)


def resolve(composed: "DictConfig", overrides: Sequence[str]) -> dict[str, Any]:
    """Return a composed configuration's own part as plain values, nothing in it left open.

    Args:
        composed: With Hydra's section.
        overrides: The words that led to it.

    Raises:
        ConfigurationError: An interpolation leads nowhere.
    """
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    choices = dict(composed.hydra.runtime.choices)
    HydraConfig.instance().set_config(composed)  # for ${hydra:...}
    task = OmegaConf.masked_copy(composed, [key for key in composed if key != "hydra"])
    try:
        values: Any = OmegaConf.to_container(task, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        raise ConfigurationError(str(error)) from None
    return settle(values, choices, overrides)


def settle(
    values: dict[str, Any], choices: Mapping[str, Any], overrides: Sequence[str]
) -> dict[str, Any]:
    """Name sections by their files, obey typed `_target_`s, drop what has served, expand `~`.

    Args:
        values: Resolved plain values.
        choices: The chosen file of each group.
        overrides: The words of the command line.
    """
    values = dict(values)
    for section in NAMED:
        if isinstance(values.get(section), dict) and "name" not in values[section]:
            values[section] = {"name": choices.get(section), **values[section]}
    for section in TARGETS:
        if isinstance(values.get(section), dict):
            values[section] = _typed_target(section, values[section], overrides)
    if isinstance(model := values.get("model"), dict):
        values["model"] = _without_served(model)
    if isinstance(callbacks := values.get("callbacks"), dict):
        values["callbacks"] = {key: each for key, each in callbacks.items() if each is not None}
    return {
        key: each if key in ("tags", "notes") else _expand_paths(each)
        for key, each in values.items()
    }


def _without_served(model: dict[str, Any]) -> dict[str, Any]:
    """Leave out the keys of a model's file from which other sections have taken their values."""
    for key in SERVED:
        if not isinstance(model.get(key, {}), dict):
            raise ConfigurationError(
                f"model.{key}={model[key]}: is a section of the model's file, for other sections; "
                + ("use optimizer.lr=X" if key == "learning_rates" else "use task.KEY=VALUE")
            )
    return {key: each for key, each in model.items() if key not in SERVED}


def _expand_paths(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _expand_paths(each) for key, each in node.items()}
    if isinstance(node, list):
        return [_expand_paths(each) for each in node]
    return expand_path(node) if isinstance(node, str) and PATH.match(node) else node


def expand_path(path: str) -> str:
    """Return a path with `~` and `$VARIABLES` replaced."""
    return os.path.expandvars(str(Path(path).expanduser())) if path else path


def _typed_target(section: str, values: dict[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """Drop the keys of a section's file where the command names another class than the file."""
    words = [word.lstrip("+") for word in overrides]
    if not any(word.startswith(f"{section}._target_=") for word in words):
        return values
    typed = {word.partition("=")[0] for word in words}
    platform = {"name", "init", "interval", "frequency", "monitor"}
    return {
        key: value
        for key, value in values.items()
        if key == "_target_"
        or key in platform
        or any(f"{word}.".startswith(f"{section}.{key}.") for word in typed)
    }


def parse_overrides(words: Sequence[str]) -> "list[Override]":
    """Parse the words of a command line; raises HydraException."""
    from hydra.core.override_parser.overrides_parser import OverridesParser

    return OverridesParser.create().parse_overrides(list(words))


def combinations(overrides: "Sequence[Override]") -> list[list[str]]:
    """Return every combination of swept values as words; one without any sweep.

    Raises:
        ConfigurationError: A sweep holds no value, so that there is no job.
    """
    lists = []
    for override in overrides:
        line = str(override.input_line)
        if not override.is_sweep_override():
            lists.append([line])
            continue
        key = line.partition("=")[0]
        try:
            values = list(override.sweep_string_iterator())
        except ValueError as error:  # a range whose step is 0
            raise ConfigurationError(f"{line}: {error}") from None
        if not values:
            raise ConfigurationError(f"{line} holds no value, so there is no job")
        lists.append([f"{key}={value}" for value in values])
    return [list(words) for words in itertools.product(*lists)]


def study_words(config_name: str, study: str, config_dirs: Sequence[str | Path] = ()) -> list[str]:
    """Return what a study sweeps, as words of a command line; empty where it sweeps nothing."""
    composed = compose_with_hydra(config_name, [f"study={study}"], config_dirs)
    params = composed.hydra.sweeper.get("params") or {}
    return [f"{key}={value}" for key, value in params.items()]


def study_choices(study: str, config_dirs: Sequence[str | Path] = ()) -> dict[str, str]:
    """Return the sweeper and the launcher that a study's file chooses, by group.

    Hydra takes such a choice from the root's file and the command line alone.
    """
    import yaml

    path = options("study", config_dirs).get(study)
    content = yaml.safe_load(path.read_text("utf-8")) if path is not None else None
    defaults = content.get("defaults") if isinstance(content, dict) else None
    chosen = {}
    for entry in defaults or []:
        for key, value in entry.items() if isinstance(entry, dict) else ():
            group = str(key).removeprefix("override").strip().removeprefix("/")
            if group in ("hydra/sweeper", "hydra/launcher"):
                chosen[group] = str(value)
    return chosen


def study_variants(
    config_name: str, study: str, config_dirs: Sequence[str | Path] = ()
) -> list[StudyVariant]:
    """Return the variants that a study sweeps over; raises HydraException."""
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
    """Return the files of a group by their names: ours, and those of the user's folders."""
    found: dict[str, Path] = {}
    for folder in (CONF, *map(Path, config_dirs)):
        for path in sorted((folder / group).glob("*.yaml")):
            found.setdefault(path.stem, path)
    return found


def refuse_shadowing(config_dirs: Sequence[str | Path]) -> None:
    """Raise ConfigurationError if a folder of the user's holds a file named like one of ours."""
    for folder in map(Path, config_dirs):
        if not folder.is_dir():
            raise ConfigurationError(f"--config-dir {folder}: there is no such folder")
        for path in _files(folder):
            if (CONF / path.relative_to(folder)).exists():
                raise ConfigurationError(
                    f"{path} has the name of a file of the platform, which would be used in its "
                    "place; give it another name"
                )


def refuse_same_names(words: Sequence[str], config_dirs: Sequence[Path]) -> None:
    """Raise ConfigurationError if two chosen loggers or callbacks have the same name."""
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
                        f"{word}: {group}={owners[key]} and {group}={choice} both name one "
                        f"{key!r}; give it another name in {files[choice]}"
                    )
                owners[key] = choice


def _files(folder: Path) -> Iterator[Path]:
    yield from sorted(folder.rglob("*.yaml"))


def spell(value: Any) -> str:
    """Return the value in Hydra's grammar."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}:{spell(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(spell, value)) + "]"
    if not isinstance(value, str):
        return json.dumps(value)
    is_plain = re.fullmatch(r"[A-Za-z_][\w./-]*", value, re.ASCII)
    return value if is_plain and value.lower() not in NO_STRINGS else quote(value)


def quote(text: str) -> str:
    """Return a text in quotes, which Hydra reads as it is."""
    # A backslash is one, except before a quote.
    text = re.sub(r"(\\*)'", r"\1\1\\'", re.sub(r"(\\+)\Z", r"\1\1", text))
    return f"'{text}'"
