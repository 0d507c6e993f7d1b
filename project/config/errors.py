"""Errors about refused input, whose messages say what is wrong and what to type instead."""

from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import ValidationError


# The similarity (0 to 1) from which a known key is suggested.
IN_ITS_SECTION, ANYWHERE = 0.6, 0.75
MAX_LISTED = 20


class ConfigurationError(Exception):
    """The configuration breaks a rule; the message names key, value and rule."""

    exit_code = 2


class ConflictError(Exception):
    """The command would mix or overwrite results, or use something that must not be trusted."""

    exit_code = 4


def suggest(key: str, known: Iterable[str]) -> str:
    """Return the end of a message about an unknown key: a known one that is similar, or else all.

    Empty if none is similar and there are none or more than MAX_LISTED.
    """
    known = sorted(known)
    near = _misspelt(key, known) or _misplaced(key, known)
    if near is not None:
        return f"; did you mean '{near}'?"
    return f"; known: {', '.join(known)}" if 0 < len(known) <= MAX_LISTED else ""


def _misspelt(key: str, known: Sequence[str]) -> str | None:
    """Return the known key whose section and name are spelt most similarly; None if none is."""
    section, _, name = key.rpartition(".")
    best, best_ratio = None, 0.0
    for each in known:
        other_section, _, other_name = each.rpartition(".")
        sections = SequenceMatcher(None, section, other_section).ratio()
        names = SequenceMatcher(None, name, other_name).ratio()
        enough = IN_ITS_SECTION if section and section == other_section else ANYWHERE
        if sections >= ANYWHERE and names >= enough and sections + names > best_ratio:
            best, best_ratio = each, sections + names
    return best


def _misplaced(key: str, known: Sequence[str]) -> str | None:
    """Return a known key with the same name in another section, or else `key`'s section itself."""
    section, _, name = key.rpartition(".")
    right = (each for each in known if each.rpartition(".")[2] == name)
    return next(right, section if section in known else None)


def format_validation_error(
    error: "ValidationError", values: dict[str, Any], prefix: str = ""
) -> ConfigurationError:
    """Return pydantic's error about `values` as one with a line for each broken rule.

    `prefix` is the place of `values` in the configuration with a final dot.
    """
    lines: dict[str, str] = {}
    for problem in error.errors():
        key, value = prefix + ".".join(_keys(problem["loc"], values)), problem["input"]
        rule = problem["msg"].removeprefix("Value error, ").removeprefix("Input ")
        if problem["type"] == "extra_forbidden":
            every = dotted_keys(values, prefix)
            known = {each for each in every if not f"{key}.".startswith(f"{each}.")}
            line = f"unknown key '{key}'{suggest(key, known)}"
        elif problem["type"] == "missing":
            line = f"{key}: is missing"
        else:
            line = f"{key}: {rule}" if isinstance(value, dict) else f"{key}={value}: {rule}"
        lines.setdefault(key, line)  # a second one is about another branch of the same union
    return ConfigurationError("\n".join(lines.values()))


def _keys(location: Sequence[int | str], values: dict[str, Any]) -> list[str]:
    """Return the configuration keys in a location of pydantic, without names of union branches."""
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


def dotted_keys(values: dict[str, Any], prefix: str = "") -> set[str]:
    """Return the dotted keys of a configuration, sections included."""
    keys = {f"{prefix}{name}" for name in values}
    for name, value in values.items():
        if isinstance(value, dict):
            keys |= dotted_keys(value, f"{prefix}{name}.")
    return keys
