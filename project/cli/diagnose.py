"""Error messages for command lines that Hydra cannot compose."""

import json
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from project.cli.arguments import Arguments, read_arguments
from project.cli.habits import answer
from project.config.compose import (
    CONF,
    choices_with,
    compose_with_hydra,
    options,
    parse_overrides,
    study_words,
)
from project.config.errors import ConfigurationError, dotted_keys, suggest

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override


@contextmanager
def explained(typed: Sequence[str], config_name: str, sweeps: bool) -> Iterator[Arguments]:
    """Read a command line; errors of Hydra in the block become ConfigurationErrors.

    The message is found from the overrides and the configuration files alone; if they show no
    mistake, it is Hydra's own. The text of Hydra's error is never parsed. The arguments are those
    of `read_arguments`, which reads the command line.
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
        for name, overrides in self.studies.items():
            for override in overrides:
                yield from (f"study={name}: {line}" for line in self._unknown_choices(override))
        if self.composed is not None:
            for override in filter(self._is_set, self.overrides):
                yield from self._wrong_key(override.key_or_group, override)
        for name, overrides in self.studies.items():
            yield from self._foreign_settings(name)
            for key in (each.key_or_group for each in filter(self._is_set, overrides)):
                if self.composed is not None and key not in self._known_keys(of_hydra=False):
                    yield (
                        f"unknown key '{key}', which study={name} sets: is it a study of another "
                        "command?"
                    )

    @cached_property
    def overrides(self) -> list["Override"]:
        """The overrides that Hydra can parse."""
        return _parse(self.arguments.overrides)

    @cached_property
    def studies(self) -> dict[str, list["Override"]]:
        """What each chosen study sweeps, by the study's name."""
        folders = self.arguments.config_dirs
        chosen = [each for each in self.overrides if each.key_or_group == "study"]
        names = [name for override in chosen for name in _choices(override)]
        known = options("study", folders)
        return {
            name: _parse(study_words(self.config_name, name, folders))
            for name in names
            if name in known
        }

    @cached_property
    def composed(self) -> dict[str, Any] | None:
        """The unresolved configuration of the chosen files, with the first file of each sweep.

        None if Hydra cannot compose it.
        """
        from omegaconf import OmegaConf

        words = []
        for override in self.overrides:
            if self._is_group(override.key_or_group) and override.package is None:
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
        keys = dotted_keys(self.composed or {})
        return {key for key in keys if (key.partition(".")[0] == "hydra") == of_hydra}

    def _is_group(self, key: str) -> bool:
        """Return whether a key is a group: a folder of files from which this command chooses."""
        if self.config_name != "train" and not key.startswith(("study", "hydra/")):
            return False
        folders = (CONF, *self.arguments.config_dirs)
        return any((folder / key).is_dir() for folder in folders)

    def _is_set(self, override: "Override") -> bool:
        """Return whether an override sets a key that has to be there."""
        is_new = override.is_add() or override.is_force_add()
        return not is_new and not self._is_group(override.key_or_group)

    def _unknown_choices(self, override: "Override") -> Iterator[str]:
        group = override.key_or_group
        if not self._is_group(group) or override.package is not None:
            return
        known = options(group, self.arguments.config_dirs)
        for choice in _choices(override):
            if choice in known or (choice == "null" and "none" not in known):
                continue
            nearest = suggest(choice, known).partition("; known")[0]
            if choice == "null":
                nearest = f"; did you mean '{group}=none'?"
            yield f"unknown {group} '{choice}'{nearest}\navailable: {', '.join(sorted(known))}"

    def _wrong_key(self, key: str, override: "Override") -> Iterator[str]:
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

    def _foreign_settings(self, study: str) -> Iterator[str]:
        """Yield a message for each key of `hydra.sweeper` that a study sets and the sweeper lacks.

        A study that chooses another sweeper, by its `_target_`, sets that one's keys.
        """
        usual, own = (
            compose_with_hydra(self.config_name, words, self.arguments.config_dirs).hydra.sweeper
            for words in ([], [f"study={study}"])
        )
        for key in own if own.get("_target_") == usual.get("_target_") else ():
            if key in usual:
                continue
            others = " or ".join(choices_with("hydra/sweeper", str(key))) or "another one"
            yield (
                f"study={study} sets hydra.sweeper.{key}, which this sweeper does not have: add "
                f"{others}"
            )


def _parse(words: Sequence[str]) -> "list[Override]":
    """Parse overrides, without those that Hydra cannot parse."""
    from hydra.errors import HydraException

    parsed = []
    for word in words:
        with suppress(HydraException):
            parsed += parse_overrides([word])
    return parsed


def _choices(override: "Override") -> list[str]:
    """Return the names of the files that an override of a group chooses, over all jobs."""
    from hydra.core.override_parser.types import ChoiceSweep

    value: Any = override.value()
    if isinstance(value, ChoiceSweep):
        return list(override.sweep_string_iterator())
    if override.is_sweep_override():
        return []
    chosen = value if isinstance(value, list) else [value]
    return [each if isinstance(each, str) else json.dumps(each) for each in chosen]
