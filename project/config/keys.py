"""Checks the keys of sections against the constructors that they name, without importing them."""

from collections.abc import Collection, Iterator
from typing import Any

from project.config import schema
from project.config.compose import choices_with
from project.config.constructors import REQUIRED, Parameters, constructor_parameters
from project.config.errors import ConfigurationError, suggest
from project.config.identity import SHAPE

# Arguments that constructors get from the platform; the configuration must not set them.
SUPPLIED: dict[str, frozenset[str]] = {
    "model": frozenset(),
    "task": frozenset({"net", "optimizer", "scheduler", "augmentation"}),
    "data": frozenset({"seed", "order_seed"}),
    "optimizer": frozenset({"params"}),
    "scheduler": frozenset({"optimizer", "total_steps"}),
    "augmentation": frozenset(),
    "callbacks": frozenset(),
    "logger": frozenset({"save_dir", "directory", "first_step"}),
}
# Keys that the data's `prepare` function sets; the data's class gets those that it takes.
SETTLED = {"dataset"} | SHAPE
# Keys that the platform itself uses, and that are no arguments of the section's class.
PLATFORM: dict[str, set[str]] = {
    "model": set(schema.Model.model_fields),
    "task": set(schema.Task.model_fields),
    "data": set(schema.Data.model_fields) | SETTLED,
    "optimizer": set(schema.Optimizer.model_fields),
    "scheduler": set(schema.Scheduler.model_fields),
}


class KeysError(ConfigurationError):
    """A key of a section (model, task, data, ...) does not fit the class that it names."""

    def __init__(self, message: str, section: str, key: str) -> None:
        super().__init__(message)
        self.section, self.key = section, key


class UnknownKeyError(KeysError):
    """A section has a key that its class does not accept."""


def arguments(kind: str, section: dict[str, Any]) -> dict[str, Any]:
    """Return the part of a section that is passed to its class: no `_target_`, no platform keys."""
    platform = PLATFORM.get(kind, set()) | {"_target_"}
    if kind == "data" and (parameters := constructor_parameters(section["_target_"])) is not None:
        platform -= SETTLED & parameters.defaults.keys()
    return {key: value for key, value in section.items() if key not in platform}


def sections(config: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield the kind, the dotted place and the content of each section that names a class.

    Each callback and logger is a section of its own, as (`callbacks`, `callbacks.ema`, {...}).
    """
    for kind in SUPPLIED:
        section = config.get(kind) or {}
        if kind in ("callbacks", "logger"):
            yield from ((kind, f"{kind}.{name}", each) for name, each in section.items() if each)
        elif section:
            yield kind, kind, section


def check_chosen(config: dict[str, Any]) -> None:
    """Raise KeysError if a section has keys and no class, because none of its files is chosen."""
    for kind in SUPPLIED:
        section = config.get(kind)
        if kind in ("callbacks", "logger") or not isinstance(section, dict):
            continue
        key = next((key for key in section if key != "name"), None)
        if "_target_" in section or key is None:
            continue
        if isinstance(section[key], dict) and "_target_" in section[key]:
            text = (
                f"'{kind}.{key}': Hydra puts a file of conf/{kind}/ under '{kind}' already: leave "
                f"'{key}:' out of it, or make '# @package _global_' its first line"
            )
            raise KeysError(text, kind, key)
        having = choices_with(kind, key)
        add = f": add {' or '.join(having)}" if having else ""
        text = f"'{kind}.{key}' belongs to a choice of {kind} that is off{add}"
        raise KeysError(text, kind, key)


def check_keys(config: dict[str, Any], settled: bool = True) -> None:
    """Check that the keys of each section fit the constructor of its class.

    A class whose source is not found is checked when it is built (`project.config.instantiate`).
    Unless `settled`, the data's `prepare` function may still set required keys. Errors are those of
    `check_arguments`.
    """
    for kind, place, section in sections(config):
        if (parameters := constructor_parameters(section["_target_"])) is not None:
            is_complete = settled or kind != "data" or section.get("prepare") is None
            name = section["_target_"].rpartition(".")[2]
            check_arguments(kind, place, name, arguments(kind, section), parameters, is_complete)
    for key, reason in schema.OWNED_TRAINER_KEYS.items():
        if key in config["trainer"]:
            raise KeysError(f"trainer.{key} belongs to the platform: {reason}", "trainer", key)
    if (parameters := constructor_parameters("pytorch_lightning.Trainer")) is None:
        return
    known = {*parameters.defaults, *schema.Trainer.model_fields} - schema.OWNED_TRAINER_KEYS.keys()
    for key in config["trainer"]:
        if key not in known:
            nearest = suggest(f"trainer.{key}", {f"trainer.{name}" for name in known})
            raise UnknownKeyError(f"unknown key 'trainer.{key}'{nearest}", "trainer", key)


def check_arguments(
    kind: str,
    place: str,
    name: str,
    given: Collection[str],
    parameters: Parameters,
    is_complete: bool = True,
) -> None:
    """Check that the arguments `given` in a section at `place` fit the parameters of its class.

    Unless `is_complete`, required arguments may be missing.

    Raises:
        UnknownKeyError: The class does not accept a key; the message suggests a similar one.
        KeysError: A required key is missing, or the platform sets a key.
    """
    supplied = SUPPLIED.get(kind, frozenset())
    free = [key for key in parameters.defaults if key not in supplied]
    for key in given:
        if key in supplied and key in parameters.defaults and kind != "logger":
            text = f"{place}.{key}: the platform sets the {key} of {name}; leave it out"
            raise KeysError(text, kind, key)
        if key not in parameters.defaults and not parameters.open:
            nearest = suggest(f"{place}.{key}", [f"{place}.{each}" for each in free])
            raise UnknownKeyError(f"unknown key '{place}.{key}' for {name}{nearest}", kind, key)
    for key in free:
        if parameters.defaults[key] is REQUIRED and key not in given and is_complete:
            add = "; null lets the data say" if kind == "model" and key in SHAPE else ""
            raise KeysError(f"{place}.{key}: is missing ({name} needs it){add}", kind, key)
