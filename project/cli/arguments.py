"""Rewrites the words of a command line so that Hydra can parse them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from project.cli.habits import ANSWERS, REFUSED
from project.config.compose import (
    TARGETS,
    expand_path,
    quote,
    refuse_same_names,
    refuse_shadowing,
    study_choices,
    study_words,
)
from project.config.errors import ConfigurationError

# Keys of paths, globs, labels and sentences: their values are quoted, as Hydra may not parse them.
FREE_TEXT = (
    "paths.outputs", "paths.data", "data.root", "verify", "init_from", "runs", "where", "baseline",
    "notes",
)  # fmt: skip
# Sections whose keys are a class's arguments: those missing from its file can be typed as well.
OPEN_SECTIONS = (*TARGETS, "callbacks", "logger", "trainer")
MULTIRUN = ("-m", "--multirun")
CONFIG_DIR = ("-cd", "--config-dir")
CONFIG_NAME = ("-cn", "--config-name")
CONFIG_PATH = ("-cp", "--config-path")
# The Hydra settings of `conf/`, for a root file without them (--config-name): a run's config.yaml.
OUR_HYDRA = (
    "hydra/launcher=local", "hydra/sweeper=grid", "hydra/job_logging=none",
    "hydra/hydra_logging=none", "hydra.output_subdir=null", "hydra.run.dir=.", "hydra.sweep.dir=.",
    "hydra.sweep.subdir=.",
)  # fmt: skip
# Flags of Hydra that take the next word as their value.
WITH_VALUE = (
    *CONFIG_DIR, *CONFIG_NAME, *CONFIG_PATH, "-p", "--package", "-c", "--cfg", "-i", "--info",
    "--experimental-rerun",
)  # fmt: skip


@dataclass(frozen=True)
class Arguments:
    """A command line that Hydra can parse.

    Attributes:
        words: The words as Hydra gets them, flags included.
        config_dirs: The folders that `--config-dir` names.
        is_sweep: Whether it asks for a sweep: by `-m`, or by a study that sweeps.
    """

    words: list[str]
    config_dirs: list[Path]
    is_sweep: bool

    @property
    def overrides(self) -> list[str]:
        """The words that are neither flags nor their values."""
        before = ["", *self.words]
        return [
            word
            for word, last in zip(self.words, before, strict=False)
            if not word.startswith("-") and last not in WITH_VALUE
        ]


def read_arguments(typed: Sequence[str], config_name: str, sweeps: bool) -> Arguments:
    """Rewrite a command line so that Hydra parses it as the user meant it.

    Values of FREE_TEXT are quoted, keys of OPEN_SECTIONS may be new without `+`, and a study that
    sweeps is a sweep even without `-m`, with the sweeper and launcher of its file.

    Args:
        typed: The words after the program's name.
        config_name: The command's root file in `conf/`: train, disk or report.
        sweeps: Whether the command can sweep.

    Raises:
        ConfigurationError: A word would have no effect, a folder of `--config-dir` is missing or
            hides files of the platform, or two chosen loggers or callbacks have the same name.
        HydraException: Hydra cannot compose the study that is named.
    """
    words = [_readable(word) for word in typed]
    folders = _expand_config_dirs(words)
    refuse_shadowing(folders)
    refuse_same_names(words, folders)
    for word in words:
        key = word.partition("=")[0].lstrip("+")
        if key in REFUSED and "=" in word:
            raise ConfigurationError(f"{key} does nothing here: {ANSWERS[key]}")
    flags = {word.partition("=")[0] for word in words if word.startswith("-")}
    if not flags.isdisjoint(CONFIG_PATH):
        raise ConfigurationError(
            "--config-path would hide the platform's files: use --config-dir FOLDER, and "
            "--config-name NAME for a main configuration of your own"
        )
    is_sweep = not flags.isdisjoint(MULTIRUN)
    if not flags.isdisjoint(CONFIG_NAME):
        words += OUR_HYDRA
    if sweeps and (study := _study(words)) is not None:
        typed_keys = {word.partition("=")[0] for word in words}
        chosen = study_choices(study, folders)
        words += [f"{key}={value}" for key, value in chosen.items() if key not in typed_keys]
        if not is_sweep and study_words(config_name, study, folders):
            words.append("-m")
            is_sweep = True
    return Arguments(words, folders, is_sweep)


def _readable(word: str) -> str:
    key, equals, value = word.partition("=")
    if not equals or word.startswith("-"):
        return word
    if key == "+study":
        return f"study={value}"
    section, dot, _ = key.partition(".")
    if dot and section in OPEN_SECTIONS and "@" not in key:
        key = f"++{key}"
    is_plain = re.fullmatch(r"[\w/.,+@%$*?-]*|'.*'|\".*\"", value, re.ASCII | re.DOTALL)
    if key.lstrip("+") in FREE_TEXT and not is_plain and "\\" not in value:
        value = quote(value)
    return f"{key}={value}"


def _expand_config_dirs(words: list[str]) -> list[Path]:
    """Expand `~` and variables in the folders of `--config-dir`, in place; return the folders."""
    folders = []
    for number, word in enumerate(words):
        flag, equals, value = word.partition("=")
        if flag in CONFIG_DIR and equals:
            words[number] = f"{flag}={expand_path(value)}"
            folders.append(Path(expand_path(value)))
        elif number and words[number - 1] in CONFIG_DIR:
            words[number] = expand_path(word)
            folders.append(Path(words[number]))
    return folders


def _study(words: Sequence[str]) -> str | None:
    """Return the name of the chosen study; None if there is none, or a sweep over studies."""
    named = [word.partition("=")[2] for word in words if word.startswith("study=")]
    return named[0] if len(named) == 1 and re.fullmatch(r"[\w./-]+", named[0]) else None


def typed_override(word: str) -> str:
    """Return an override without the `++` that `read_arguments` adds, as the user typed it."""
    return word.removeprefix("++")
