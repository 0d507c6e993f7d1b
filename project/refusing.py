"""What is said when a configuration breaks a rule: key, value, rule and nearest known key."""

import difflib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import ValidationError


class ConfigurationError(Exception):
    """The configuration breaks a rule; the message names key, value, rule and nearest known key."""

    exit_code = 2


def suggestion(key: str, known: Iterable[str]) -> str:
    """`; did you mean 'optimizer.lr'?`, or what there is to choose from."""
    known = sorted(known)
    close = difflib.get_close_matches(key, known, n=1)
    if not close:
        # A right name in the wrong place: `lr` for `optimizer.lr`.
        close = [name for name in known if name.rsplit(".", 1)[-1] == key.rsplit(".", 1)[-1]]
    if close:
        return f"; did you mean '{close[0]}'?"
    return f"; known keys here: {', '.join(known)}"


def refusal(
    error: "ValidationError", values: dict[str, Any], prefix: str = ""
) -> ConfigurationError:
    """All broken rules of a section in one message, a line each."""
    lines: list[str] = []
    for problem in error.errors():
        parts = _keys_of(problem["loc"], values)
        key = prefix + ".".join(parts)
        if any(line.startswith((f"{key}:", f"{key}=")) for line in lines):
            continue  # another branch of the same union
        if problem["type"] == "extra_forbidden":
            known = {prefix + name for name in _all_keys(values) if name != ".".join(parts)}
            lines.append(f"unknown key '{key}'{suggestion(key, known)}")
        elif problem["type"] == "missing":
            lines.append(f"{key}: is missing")
        elif problem["type"] == "string_pattern_mismatch":
            lines.append(
                f"{key}={problem['input']}: must begin with a letter or digit and hold only "
                "letters, digits, '.', '_' and '-', at most 64"
            )
        else:
            rule = problem["msg"].removeprefix("Value error, ").removeprefix("Input ")
            shown = _value_at(parts, values)
            if not parts:  # between sections: the rule names its keys
                lines.append(rule)
            else:
                shown = key if isinstance(shown, dict) else f"{key}={shown}"
                lines.append(f"{shown}: {rule}")
    return ConfigurationError("\n".join(lines))


def _keys_of(location: Sequence[int | str], values: dict[str, Any]) -> list[str]:
    """The user's keys in pydantic's location, without the names it gives to a union's branches."""
    parts: list[str] = []
    node: Any = values
    for part in location:
        inside = part in node if isinstance(node, dict) else isinstance(node, list)
        if inside and isinstance(part, int) == isinstance(node, list):
            parts.append(str(part))
            node = node[part]
        elif isinstance(node, dict) and part is location[-1] and not _is_branch(part):
            parts.append(str(part))  # the missing key
    return parts


def _is_branch(part: int | str) -> bool:
    """Whether pydantic speaks of a kind of optimizer, by its discriminator."""
    return str(part).startswith("torch.optim.")


def _value_at(parts: Sequence[str], values: dict[str, Any]) -> Any:
    node: Any = values
    for part in parts:
        node = node[int(part)] if isinstance(node, list) else node[part]
    return node


def _all_keys(values: dict[str, Any], prefix: str = "") -> set[str]:
    keys = set()
    for name, value in values.items():
        keys.add(f"{prefix}{name}")
        if isinstance(value, dict):
            keys |= _all_keys(value, f"{prefix}{name}.")
    return keys
