"""Configuration values and seeds as text that a user could type and that is safe to print."""

import unicodedata
from collections.abc import Sequence
from typing import Any


def is_number(value: Any) -> bool:
    """Return whether a value is an int or float and no bool."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def printable(text: str) -> str:
    """Return `text` on one line, safe to print: control and formatting characters become U+FFFD."""
    if text.isprintable():
        return text
    return "".join(
        " " if each in "\n\t" else "\ufffd" if unicodedata.category(each) in ("Cc", "Cf", "Cs")
        else each
        for each in text
    )  # fmt: skip


def shown(value: Any) -> str:
    """Return a configuration value as a user would type it: `0.1`, `true`, `null`, `[32,64]`."""
    if isinstance(value, list):
        return f"[{','.join(shown(each) for each in value)}]"
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else printable(str(value))


def seed_list(seeds: Sequence[int]) -> str:
    """Return seeds as short text for a reader: `0 to 9, 12`."""
    spans: list[list[int]] = []
    for seed in sorted(seeds):
        if spans and seed == spans[-1][-1] + 1:
            spans[-1].append(seed)
        else:
            spans.append([seed])
    return ", ".join(
        f"{span[0]} to {span[-1]}" if len(span) > 2 else ", ".join(map(str, span)) for span in spans
    )


def seed_words(seeds: Sequence[int]) -> str:
    """Return seeds as the value of a sweep: `3,7`, or `range(10,20)` if consecutive."""
    ordered = sorted(seeds)
    if len(ordered) > 2 and ordered[-1] - ordered[0] == len(ordered) - 1:
        return f"range({ordered[0]},{ordered[-1] + 1})"
    return ",".join(map(str, ordered))
