"""What is wrong with the words of a command line that Hydra cannot compose.

Hydra's own message is shown as it is, after a line of ours where the words themselves say more. No
text of an error is read.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from project.cli.arguments import typed_override
from project.cli.habits import answer
from project.config.compose import (
    CONF,
    GROUPS,
    compose_with_hydra,
    options,
    parse_overrides,
)
from project.config.errors import suggest


def explain(
    error: BaseException, config_name: str, words: Sequence[str], config_dirs: Sequence[Path]
) -> str:
    """Return the message for a command line that Hydra refuses.

    Args:
        error: What Hydra raised.
        config_name: The command's file in `conf/`.
        words: The overrides.
        config_dirs: Folders of the user's.
    """
    for find in (_unknown_choice, _unknown_key):
        line = find(config_name, words, config_dirs)
        if line is not None:
            return line
    cause = "" if error.__cause__ is None else f"\n{error.__cause__}"
    return f"{error}{cause}"


def _parsed(words: Sequence[str]) -> list[Any]:
    """Parse each word that can be parsed."""
    from hydra.errors import HydraException

    parsed = []
    for word in words:
        try:
            parsed += parse_overrides([word])
        except HydraException:
            continue
    return parsed


def _choices(override: Any) -> list[str | None]:
    """Return the files that an override of a group chooses; None for what is no name."""
    value = override.value()
    if override.is_sweep_override():
        values = list(getattr(value, "list", []))
    else:
        values = value if isinstance(value, list) else [value]
    return [str(getattr(each, "text", each)) if _is_name(each) else None for each in values]


def _is_name(value: Any) -> bool:
    return isinstance(value, str) or hasattr(value, "text")


def _unknown_choice(
    config_name: str, words: Sequence[str], config_dirs: Sequence[Path]
) -> str | None:
    """Name the first file that does not exist, and those that do."""
    for override in _parsed(words):
        group = override.key_or_group
        known = options(group, config_dirs)
        if not known or override.package is not None:
            continue
        for choice in _choices(override):
            if choice is None or choice not in known:
                shown = "null" if choice is None else choice
                nearest = suggest(shown, known) if choice is not None else ""
                nearest = nearest if "did you mean" in nearest else ""
                if choice is None and "none" in known:
                    nearest = f"; did you mean '{group}=none'?"
                return (
                    f"unknown {group} '{_text(override, shown)}'{nearest}\n"
                    f"available: {', '.join(sorted(known))}"
                )
    return None


def _text(override: Any, shown: str) -> str:
    """Return a choice that is no name as it was typed."""
    typed = str(override.input_line).partition("=")[2]
    return typed if shown == "null" and typed else shown


def _unknown_key(config_name: str, words: Sequence[str], config_dirs: Sequence[Path]) -> str | None:
    """Name the first key that the chosen files do not have."""
    groups = [
        typed_override(str(each.input_line).partition(",")[0])
        for each in _parsed(words)
        if _is_group(each.key_or_group, config_dirs) and each.value() is not None
    ]
    try:
        composed = compose_with_hydra(config_name, groups, config_dirs)
    except Exception:  # then it is not a key alone
        return None
    for override in _parsed(words):
        key = override.key_or_group
        if _is_group(key, config_dirs) or override.is_force_add() or override.is_add():
            continue
        if key.partition("/")[0] == "hydra":
            continue
        known = _known_keys(composed, with_hydra=key.startswith("hydra."))
        if key in GROUPS and key not in known and config_name != "train":
            return f"unknown key '{key}': this command has no such choice"
        if key in known:
            own = sorted(each for each in known if each.startswith(f"{key}."))
            if own and not isinstance(override.value(), dict):
                return f"'{key}' is a section, of which one sets the keys: {', '.join(own)}"
            continue
        if (habit := answer(key)) is not None:
            return f"unknown key '{key}': {habit}"
        study = next((word for word in words if word.startswith("study=")), None)
        line = f"unknown key '{key}'{suggest(key, known)}"
        return line
    return _foreign_study(config_name, words, config_dirs)


def _foreign_study(
    config_name: str, words: Sequence[str], config_dirs: Sequence[Path]
) -> str | None:
    study = next((word for word in words if word.startswith("study=")), None)
    if study is None:
        return None
    return f"{study}: its keys are not those of this command; is it a study of another one?"


def _is_group(key: str, config_dirs: Sequence[Path]) -> bool:
    return any((Path(folder) / key).is_dir() for folder in (CONF, *config_dirs))


def _known_keys(composed: Any, with_hydra: bool) -> set[str]:
    """Return every dotted key, sections too."""
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
