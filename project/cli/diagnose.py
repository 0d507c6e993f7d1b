"""Error messages for command lines that Hydra cannot compose."""

import re
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from project.cli.arguments import Arguments, read_arguments, typed_override
from project.cli.habits import answer
from project.config.compose import (
    CONF,
    compose_with_hydra,
    options,
    parse_overrides,
    spell,
    study_words,
)
from project.config.errors import ConfigurationError, suggest

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override
    from omegaconf import DictConfig


@contextmanager
def explained(typed: Sequence[str], config_name: str, sweeps: bool) -> Iterator[Arguments]:
    """Read a command line; errors of Hydra in the block become ConfigurationErrors.

    The message is found from the overrides and the configuration files alone; if they show no
    mistake, it is Hydra's own. The text of Hydra's error is never parsed.

    Args:
        typed: The words after the program's name.
        config_name: The command's root file in `conf/`: train, disk or report.
        sweeps: Whether the command can sweep.

    Yields:
        The command line as Hydra gets it.

    Raises:
        ConfigurationError: As `read_arguments`, or Hydra refuses the command line.
    """
    arguments = Arguments(list(typed), [], False)
    try:
        arguments = read_arguments(typed, config_name, sweeps)
        yield arguments
    except Exception as error:
        if hasattr(error, "exit_code") or not _is_hydras(error):
            raise
        command = _Command(config_name, arguments)
        cause = "" if error.__cause__ is None else f"\n{error.__cause__}"
        message = (
            command.unreadable_word()
            or command.unknown_choice()
            or command.unknown_key()
            or command.foreign_study()
            or f"{error}{cause}"
        )
        raise ConfigurationError(message) from error


def _is_hydras(error: Exception) -> bool:
    """Return whether Hydra's or OmegaConf's own code raised an error, of whatever class."""
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    if isinstance(error, HydraException | OmegaConfBaseException):
        return True
    frame = list(traceback.walk_tb(error.__traceback__))[-1][0]
    module = frame.f_globals.get("__name__", "").partition(".")[0]
    return module in ("hydra", "omegaconf") and not isinstance(error, BrokenPipeError)


@dataclass(frozen=True)
class _Command:
    config_name: str
    arguments: Arguments

    @cached_property
    def overrides(self) -> list["Override"]:
        """The overrides that Hydra can parse."""
        return [each for word in self.arguments.overrides for each in _parse(word)]

    @cached_property
    def composed(self) -> "DictConfig | None":
        """The configuration of the chosen files alone, with the first file of each sweep.

        None if Hydra cannot compose it.
        """
        words = []
        for override in self.overrides:
            if self._chooses(override.key_or_group) and override.package is None:
                first = next(iter(_choices(override)), "null")
                words.append(f"{override.key_or_group}={first}")
        try:
            return compose_with_hydra(self.config_name, words, self.arguments.config_dirs)
        except Exception:  # then more than a key is wrong
            return None

    def unreadable_word(self) -> str | None:
        """Return a message about the first word that is no override; None if all are."""
        for word in self.arguments.overrides:
            if "=" not in word and not word.startswith("~"):
                return f"'{word}' is not an override; use KEY=VALUE or GROUP=FILE"
        return None

    def unknown_choice(self) -> str | None:
        """Return a message about the first chosen file that does not exist; None if all do."""
        for override in self.overrides:
            line = self._unknown_choice(override)
            if line is not None:
                return line
        for study in self._studies():
            for override in study.overrides:
                line = self._unknown_choice(override)
                if line is not None:
                    return f"study={study.name}: {line}"
        return None

    def _unknown_choice(self, override: "Override") -> str | None:
        group = override.key_or_group
        known = options(group, self.arguments.config_dirs)
        if not self._chooses(group) or override.package is not None:
            return None
        for choice in _choices(override):
            if choice in known or (choice == "null" and "none" not in known):
                continue
            nearest = suggest(choice, known)
            nearest = nearest if "did you mean" in nearest else ""
            if choice == "null":
                nearest = f"; did you mean '{group}=none'?"
            return f"unknown {group} '{choice}'{nearest}\navailable: {', '.join(sorted(known))}"
        return None

    def unknown_key(self) -> str | None:
        """Return a message about the first key that no chosen file has; None if all keys exist."""
        if self.composed is None:
            return None
        for override in self.overrides:
            key = override.key_or_group
            added = override.is_force_add() or override.is_add()
            if self._chooses(key) or added:
                continue
            known = _known_keys(self.composed, with_hydra=key.startswith("hydra."))
            if key in known:
                own = sorted(each for each in known if each.startswith(f"{key}."))
                if own and not isinstance(override.value(), dict):
                    return f"'{key}' is a section, of which one sets the keys: {', '.join(own)}"
                continue
            if (habit := self._habit(key)) is not None:
                return f"unknown key '{key}': {habit}"
            return f"unknown key '{key}'{suggest(key, known)}"
        return None

    def foreign_study(self) -> str | None:
        """Return a message about a key that a study sets and the command or sweeper lacks.

        None if there is no such key.
        """
        for study in self._studies():
            for key in study.settings:
                sweepers = [
                    f"hydra/sweeper={name}"
                    for name, path in options("hydra/sweeper").items()
                    if re.search(rf"^{re.escape(key)}:", path.read_text("utf-8"), re.MULTILINE)
                ]
                return (
                    f"study={study.name} sets hydra.sweeper.{key}, which this sweeper does not "
                    f"have: add {' or '.join(sweepers) or 'another one'}"
                )
            if self.composed is None:
                continue
            known = _known_keys(self.composed, with_hydra=False)
            for override in study.overrides:
                key = override.key_or_group
                is_new = override.is_add() or override.is_force_add()
                if key not in known and not is_new and not self._chooses(key):
                    return (
                        f"unknown key '{key}', which study={study.name} sets: is it a study of "
                        "another command?"
                    )
        return None

    def _studies(self) -> Iterator["_Study"]:
        names = [
            choice
            for override in self.overrides
            if override.key_or_group == "study"
            for choice in _choices(override)
        ]
        for name in names:
            if name in options("study", self.arguments.config_dirs):
                yield _Study.read(self.config_name, name, self.arguments.config_dirs)

    def _chooses(self, key: str) -> bool:
        """Return whether a key is a group: a folder of files from which this command chooses."""
        if self.config_name != "train" and not key.startswith(("study", "hydra/")):
            return False
        folders = (CONF, *self.arguments.config_dirs)
        return any((Path(folder) / key).is_dir() for folder in folders)

    def _habit(self, key: str) -> str | None:
        """Return what to type instead of another tool's key; None if this command has no answer."""
        known = self.config_name == "train" or key.startswith("hydra.")
        return answer(key) if known else None


@dataclass(frozen=True)
class _Study:
    """A study: what it sweeps, and its settings of the sweeper.

    Attributes:
        name: The study's name.
        overrides: What it sweeps, as parsed overrides.
        settings: Keys of `hydra.sweeper` that it sets and the sweeper does not have.
    """

    name: str
    overrides: list["Override"]
    settings: list[str]

    @classmethod
    def read(cls, config_name: str, name: str, config_dirs: Sequence[Path]) -> "_Study":
        """Return the study `name`, composed as the command would do it."""
        words = study_words(config_name, name, config_dirs)
        parsed = [each for word in words for each in _parse(word)]
        without = compose_with_hydra(config_name, [], config_dirs).hydra.sweeper
        chosen = compose_with_hydra(config_name, [f"study={name}"], config_dirs).hydra
        same = chosen.sweeper.get("_target_") == without.get("_target_")
        settings = [str(key) for key in chosen.sweeper if same and key not in without]
        return cls(name, parsed, settings)


def _parse(word: str) -> "list[Override]":
    """Parse a word; return an empty list if Hydra cannot parse it."""
    from hydra.errors import HydraException

    try:
        return parse_overrides([typed_override(word) if word.startswith("++study") else word])
    except HydraException:
        return []


def _choices(override: "Override") -> list[str]:
    """Return the names of the files that an override of a group chooses, over all jobs."""
    from hydra.core.override_parser.types import ChoiceSweep

    value: Any = override.value()
    if isinstance(value, ChoiceSweep):
        return list(override.sweep_string_iterator())
    if override.is_sweep_override():
        return []
    return [spell(each) for each in (value if isinstance(value, list) else [value])]


def _known_keys(composed: "DictConfig", with_hydra: bool) -> set[str]:
    """Return the dotted keys, sections included: those of `hydra`, or all others."""
    from omegaconf import DictConfig, OmegaConf

    keys: set[str] = set()

    def walk(node: DictConfig, prefix: str) -> None:
        for name in node:
            path = f"{prefix}{name}"
            keys.add(path)
            if OmegaConf.is_missing(node, name) or OmegaConf.is_interpolation(node, name):
                continue
            if isinstance(node[name], DictConfig):
                walk(node[name], f"{path}.")

    for name in composed:
        if (name == "hydra") == with_hydra:
            keys.add(str(name))
            if isinstance(composed[name], DictConfig):
                walk(composed[name], f"{name}.")
    return keys
