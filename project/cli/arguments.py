"""The words of a command line, as Hydra can read them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from project.cli.habits import ANSWERS, REFUSED
from project.config.compose import refuse_shadowing, study_words
from project.config.errors import ConfigurationError

# Values that may hold what Hydra's grammar has no place for: paths, globs, labels, sentences.
FREE_TEXT = (
    "paths.outputs", "paths.data", "data.root", "verify", "init_from", "runs", "where", "baseline",
    "notes",
)  # fmt: skip
# Sections whose keys belong to a class: a key that its file leaves out can be typed too.
OPEN_SECTIONS = (
    "model", "task", "data", "optimizer", "scheduler", "augmentation", "callbacks", "logger",
    "trainer",
)  # fmt: skip
MULTIRUN = ("-m", "--multirun")


@dataclass(frozen=True)
class Arguments:
    """A command line.

    Attributes:
        words: As Hydra is given them.
        config_dirs: Folders that `--config-dir` names.
        is_sweep: Whether it asks for a sweep.
    """

    words: list[str]
    config_dirs: list[Path]
    is_sweep: bool

    @property
    def overrides(self) -> list[str]:
        """The words that are neither flags nor their values."""
        return [word for word in self.words if "=" in word and not word.startswith("-")]


def read_arguments(typed: Sequence[str], config_name: str, sweeps: bool) -> Arguments:
    """Rewrite a command line so that Hydra reads what was meant.

    Values of keys that hold free text are quoted; `+study=` is `study=`; a study that sweeps is a
    sweep without `-m` too; keys that a section's file leaves out can be typed without `+`.

    Args:
        typed: The words after the program's name.
        config_name: The command's file in `conf/`.
        sweeps: Whether the command can sweep.

    Raises:
        ConfigurationError: A word would be ignored, or a folder's files would hide ours.
    """
    words = [_readable(word) for word in typed]
    folders = _config_dirs(words)
    refuse_shadowing(folders)
    for word in words:
        key = word.partition("=")[0].lstrip("+")
        if key in REFUSED and "=" in word:
            raise ConfigurationError(f"{key} does nothing here: {ANSWERS[key]}")
    is_sweep = any(word in MULTIRUN for word in words)
    if sweeps and not is_sweep and (study := _study(words)) is not None:
        if study_words(config_name, study, folders):
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
        word, key = f"++{word}", f"++{key}"
    return _quoted(key, value, word)


def _quoted(key: str, value: str, word: str) -> str:
    plain = re.fullmatch(r"[\w/.,+@%$*?-]*|'.*'|\".*\"", value, re.ASCII | re.DOTALL)
    if key.lstrip("+") not in FREE_TEXT or plain or "\\" in value:
        return word
    quote = '"' if "'" in value else "'"
    return word if quote in value else f"{key}={quote}{value}{quote}"


def _config_dirs(words: Sequence[str]) -> list[Path]:
    folders = []
    for number, word in enumerate(words):
        if word in ("--config-dir", "-cd") and number + 1 < len(words):
            folders.append(Path(words[number + 1]))
        elif word.startswith("--config-dir="):
            folders.append(Path(word.partition("=")[2]))
    return folders


def _study(words: Sequence[str]) -> str | None:
    """Return the study that is named, if it is one and no sweep over studies."""
    named = [word.partition("=")[2] for word in words if word.startswith("study=")]
    return named[0] if len(named) == 1 and re.fullmatch(r"[\w./-]+", named[0]) else None


def typed_override(word: str) -> str:
    """Return a word as one would type it: without the marks that `read_arguments` adds."""
    return word.removeprefix("++")
