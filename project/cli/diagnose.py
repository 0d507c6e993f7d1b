"""Error messages for command lines that Hydra cannot compose."""

import re
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
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
        cause = "" if error.__cause__ is None else f"\n{error.__cause__}"
        problems = _Command(config_name, arguments).problems()
        raise ConfigurationError(next(problems, f"{error}{cause}")) from error


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
    """A command line, and what is wrong with it."""

    config_name: str
    arguments: Arguments

    def problems(self) -> Iterator[str]:
        """Yield a message for each mistake that the overrides and the files show."""
        for word in self.arguments.overrides:
            if "=" not in word and not word.startswith("~"):
                yield f"'{word}' is not an override; use KEY=VALUE or GROUP=FILE"
        for override in self.overrides:
            yield from self._unknown_choices(override)
        for name, overrides, _ in self._studies():
            for override in overrides:
                yield from (f"study={name}: {line}" for line in self._unknown_choices(override))
        if self.composed is not None:
            for override in self.overrides:
                yield from self._unknown_key(override)
        for name, overrides, settings in self._studies():
            yield from self._foreign_study(name, overrides, settings)

    @cached_property
    def overrides(self) -> list["Override"]:
        """The overrides that Hydra can parse."""
        return [each for word in self.arguments.overrides for each in _parse(word)]

    @cached_property
    def composed(self) -> dict[str, Any] | None:
        """The unresolved configuration of the chosen files, with the first file of each sweep.

        None if Hydra cannot compose it.
        """
        from omegaconf import OmegaConf

        words = []
        for override in self.overrides:
            if self._chooses(override.key_or_group) and override.package is None:
                first = next(iter(_choices(override)), "null")
                words.append(f"{override.key_or_group}={first}")
        try:
            composed = compose_with_hydra(self.config_name, words, self.arguments.config_dirs)
        except Exception:  # then more than a key is wrong
            return None
        values: Any = OmegaConf.to_container(composed)
        return values

    def _known_keys(self, of_hydra: bool) -> set[str]:
        """Return the dotted keys, sections included: those of `hydra`, or all others."""
        composed = self.composed or {}
        return _keys({k: each for k, each in composed.items() if (k == "hydra") == of_hydra})

    def _chooses(self, key: str) -> bool:
        """Return whether a key is a group: a folder of files from which this command chooses."""
        if self.config_name != "train" and not key.startswith(("study", "hydra/")):
            return False
        folders = (CONF, *self.arguments.config_dirs)
        return any((folder / key).is_dir() for folder in folders)

    def _unknown_choices(self, override: "Override") -> Iterator[str]:
        group = override.key_or_group
        if not self._chooses(group) or override.package is not None:
            return
        known = options(group, self.arguments.config_dirs)
        for choice in _choices(override):
            if choice in known or (choice == "null" and "none" not in known):
                continue
            nearest = suggest(choice, known)
            nearest = nearest if "did you mean" in nearest else ""
            if choice == "null":
                nearest = f"; did you mean '{group}=none'?"
            yield f"unknown {group} '{choice}'{nearest}\navailable: {', '.join(sorted(known))}"

    def _unknown_key(self, override: "Override") -> Iterator[str]:
        key = override.key_or_group
        if self._chooses(key) or override.is_force_add() or override.is_add():
            return
        is_hydras = key.startswith("hydra.")
        known = self._known_keys(is_hydras)
        if key in known:
            own = sorted(each for each in known if each.startswith(f"{key}."))
            if own and not isinstance(override.value(), dict):
                yield f"'{key}' is a section, of which one sets the keys: {', '.join(own)}"
            return
        # Other tools' keys are those of project.train and of Hydra.
        habit = answer(key) if self.config_name == "train" or is_hydras else None
        yield f"unknown key '{key}'{suggest(key, known) if habit is None else f': {habit}'}"

    def _studies(self) -> Iterator[tuple[str, list["Override"], list[str]]]:
        """Yield for each chosen study its name, what it sweeps, and what no sweeper of it has.

        The last are keys of `hydra.sweeper` that the study sets and the sweeper does not have.
        """
        folders = self.arguments.config_dirs
        chosen = [each for each in self.overrides if each.key_or_group == "study"]
        for name in (choice for override in chosen for choice in _choices(override)):
            if name not in options("study", folders):
                continue
            words = study_words(self.config_name, name, folders)
            without = compose_with_hydra(self.config_name, [], folders).hydra.sweeper
            own = compose_with_hydra(self.config_name, [f"study={name}"], folders).hydra.sweeper
            same = own.get("_target_") == without.get("_target_")
            settings = [str(key) for key in own if same and key not in without]
            yield name, [each for word in words for each in _parse(word)], settings

    def _foreign_study(
        self, name: str, overrides: list["Override"], settings: list[str]
    ) -> Iterator[str]:
        """Yield messages about keys that a study sets and the command or its sweeper lacks."""
        for key in settings:
            sweepers = [
                f"hydra/sweeper={sweeper}"
                for sweeper, path in options("hydra/sweeper").items()
                if re.search(rf"^{re.escape(key)}:", path.read_text("utf-8"), re.MULTILINE)
            ]
            yield (
                f"study={name} sets hydra.sweeper.{key}, which this sweeper does not have: add "
                f"{' or '.join(sweepers) or 'another one'}"
            )
        for override in overrides if self.composed is not None else ():
            key = override.key_or_group
            is_new = override.is_add() or override.is_force_add()
            if key not in self._known_keys(False) and not is_new and not self._chooses(key):
                yield (
                    f"unknown key '{key}', which study={name} sets: is it a study of another "
                    "command?"
                )


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


def _keys(values: dict[str, Any], prefix: str = "") -> set[str]:
    found = {f"{prefix}{name}" for name in values}
    for name, value in values.items():
        if isinstance(value, dict):
            found |= _keys(value, f"{prefix}{name}.")
    return found
