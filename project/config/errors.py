"""Refused input: what is wrong with a key, and what to type instead."""

import difflib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import ValidationError


# How alike two words must be, of 1.
IN_ITS_SECTION, ANYWHERE = 0.6, 0.75
MAX_LISTED = 20


class ConfigurationError(Exception):
    """The configuration breaks a rule; the message names key, value and rule."""

    exit_code = 2


class ConflictError(Exception):
    """Going on would mix results, overwrite them, or trust what must not be trusted."""

    exit_code = 4


def suggest(key: str, known: Iterable[str]) -> str:
    """Return the end of a message about an unknown key.

    Args:
        key: What was typed.
        known: What could have been typed.

    Returns:
        `; did you mean 'optimizer.lr'?` where one of `known` is near, else the list of them if it
        is no longer than MAX_LISTED.
    """
    known = sorted(known)
    near = _misspelt(key, known) or _misplaced(key, known)
    if near is not None:
        return f"; did you mean '{near}'?"
    return f"; known: {', '.join(known)}" if 0 < len(known) <= MAX_LISTED else ""


def _misspelt(key: str, known: Sequence[str]) -> str | None:
    """Return the key that is spelt alike in its section and in its name."""
    section, _, name = key.rpartition(".")
    best, best_ratio = None, 0.0
    for each in known:
        other_section, _, other_name = each.rpartition(".")
        sections, names = _ratio(section, other_section), _ratio(name, other_name)
        enough = IN_ITS_SECTION if section and section == other_section else ANYWHERE
        if sections >= ANYWHERE and names >= enough and sections + names > best_ratio:
            best, best_ratio = each, sections + names
    return best


def _ratio(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, one, other).ratio()


def _misplaced(key: str, known: Sequence[str]) -> str | None:
    """Return the key of the right name in another place, or the one of which it is no section."""
    section, _, name = key.rpartition(".")
    right = (each for each in known if each.rpartition(".")[2] == name)
    return next(right, section if section in known else None)


def format_validation_error(
    error: "ValidationError", values: dict[str, Any], prefix: str = ""
) -> ConfigurationError:
    """Turn pydantic's error into a message with one line for each broken rule.

    Args:
        error: What pydantic raised.
        values: The section that it validated.
        prefix: The section's place in the configuration, with a dot at its end.

    Returns:
        The error to raise.
    """
    lines: dict[str, str] = {}
    for problem in error.errors():
        parts = _keys(problem["loc"], values)
        key = prefix + ".".join(parts)
        if key not in lines:  # else another branch of the same union
            lines[key] = _line(problem, key, parts, values, prefix)
    return ConfigurationError("\n".join(lines.values()))


def _line(problem: Any, key: str, parts: Sequence[str], values: dict[str, Any], prefix: str) -> str:
    if problem["type"] == "extra_forbidden":
        own = ".".join(parts)
        known = {
            prefix + each for each in _all_keys(values) if not f"{own}.".startswith(f"{each}.")
        }
        return f"unknown key '{key}'{suggest(key, known)}"
    if problem["type"] == "missing":
        return f"{key}: is missing"
    rule = problem["msg"].removeprefix("Value error, ").removeprefix("Input ")
    if not parts:  # a rule between sections names its keys itself
        return rule
    value = _value(parts, values)
    return f"{key}: {rule}" if isinstance(value, dict) else f"{key}={value}: {rule}"


def _keys(location: Sequence[int | str], values: dict[str, Any]) -> list[str]:
    """Return the user's keys in pydantic's location, without its names for a union's branches."""
    parts: list[str] = []
    node: Any = values
    for part in location:
        inside = part in node if isinstance(node, dict) else isinstance(node, list)
        if inside and isinstance(part, int) == isinstance(node, list):
            parts.append(str(part))
            node = node[part]
        elif isinstance(node, dict) and part is location[-1]:
            parts.append(str(part))  # the missing key
    return parts


def _value(parts: Sequence[str], values: dict[str, Any]) -> Any:
    node: Any = values
    for part in parts:
        if isinstance(node, list):
            node = node[int(part)]
        elif isinstance(node, dict):
            node = node.get(part)
    return node


def _all_keys(values: dict[str, Any], prefix: str = "") -> set[str]:
    keys = set()
    for name, value in values.items():
        keys.add(f"{prefix}{name}")
        if isinstance(value, dict):
            keys |= _all_keys(value, f"{prefix}{name}.")
    return keys
