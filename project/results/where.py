"""The conditions of `where=`, which select runs by the values of their columns.

    optimizer.lr>0.1 and (model=ws_al* or tags=final) and status!=failed

`=` and `!=` accept globs, and compare numbers by value. `<`, `<=`, `>` and `>=` compare two numbers
or two texts. Values with spaces or brackets must be quoted.
"""

import fnmatch
import operator
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn

from project.config.errors import ConfigurationError, suggest
from project.config.identity import flatten
from project.results.records import RunRecord, entry
from project.results.text import is_number, printable, shown

TOKENS = re.compile(
    r"""\s*(?: (?P<open>\() | (?P<close>\)) | (?P<operator><=|>=|!=|=|<|>)
    | "(?P<double>[^"]*)" | '(?P<single>[^']*)' | (?P<word>[^\s()=<>!"']+) )""",
    re.VERBOSE,
)
ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
Condition = Callable[[RunRecord], bool]
# The columns that are neither metrics nor configuration keys: attributes of a run, entries of its
# record, and paths in its provenance.
ATTRIBUTES = (
    "name", "variant", "model", "dataset", "task", "seed", "status", "diverged", "parameters",
    "epochs", "stopped_early", "seconds", "error", "code", "test_data",
)  # fmt: skip
ENTRIES = ("data", "command", "started", "ended")
ORIGINS = {
    "device": ("device",), "processor": ("machine", "processor"), "threads": ("threads",),
    "commit": ("git", "commit"), "dirty": ("git", "dirty"),
}  # fmt: skip
COLUMNS: dict[str, Callable[[RunRecord], Any]] = {
    **{name: operator.attrgetter(name) for name in ATTRIBUTES},
    **{name: (lambda run, name=name: run.record.get(name)) for name in ENTRIES},
    **{name: (lambda run, path=path: run.origin(*path)) for name, path in ORIGINS.items()},
    "tags": lambda run: run.record.get("tags") or [],
    "notes": lambda run: printable(str(run.record.get("notes") or "")),
    "host": lambda run: entry(run.record, "process", "host"),
}


class WhereError(ConfigurationError):
    """Raised if a condition does not parse, or names a column that no run has."""


def column(run: RunRecord, name: str) -> Any:
    """Return the value of a run's column; None if it has none.

    `name` is a key of `COLUMNS`, a metric (`test/error`) or a configuration key (`optimizer.lr`),
    in this order.
    """
    if name in COLUMNS:
        return COLUMNS[name](run)
    if name in run.metrics:
        return run.metrics[name]
    return entry(run.config, *name.split("."))


def known_columns(runs: Iterable[RunRecord]) -> list[str]:
    """Return the names of all columns that at least one of the runs has."""
    variants = {run.variant: run for run in runs}.values()
    own = [name for run in variants for name in (*run.metrics, *flatten(run.config))]
    return list(dict.fromkeys([*COLUMNS, *own]))


def where(text: str, runs: Sequence[RunRecord]) -> list[RunRecord]:
    """Return the runs that meet a condition, in the given order.

    Raises:
        WhereError: The condition does not parse, or names a column that no run has.
    """
    columns, holds = parse(text)
    for name in columns:
        if runs and name not in COLUMNS and all(column(run, name) is None for run in runs):
            known = known_columns(runs)
            if name not in known:
                raise WhereError(
                    f"where={text}: no run has a column '{name}'{suggest(name, known)}"
                )
    return [run for run in runs if holds(run)]


def parse(text: str) -> tuple[list[str], Condition]:
    """Return the columns that a condition uses, and the condition.

    Raises:
        WhereError: The text does not parse; the message marks the position.
    """
    parser = _Parser(text)
    found = parser.junction("or", any)
    parser.take(["end"], "'and', 'or' or the end")
    return parser.columns, found


class _Parser:
    """A recursive-descent parser: `and` binds tighter than `or`, brackets override both."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.columns: list[str] = []
        self.tokens: list[tuple[str, str, int]] = []  # kind, text, position
        place = 0
        while rest := text[place:].strip():
            match = TOKENS.match(text, place)
            if match is None:
                self.fail(text.index(rest, place), "does not parse")
            kind = str(match.lastgroup)
            self.tokens.append((kind, match[kind], match.start(kind)))
            place = match.end()
        self.tokens.append(("end", "", len(text)))

    def junction(self, word: str, combine: Callable[..., bool]) -> Condition:
        inner = self.term if word == "and" else lambda: self.junction("and", all)
        parts = [inner()]
        while self.tokens[0][0] == "word" and self.tokens[0][1].lower() == word:
            self.tokens.pop(0)
            parts.append(inner())
        return lambda run: combine(part(run) for part in parts)

    def term(self) -> Condition:
        if self.tokens[0][0] == "open":
            self.tokens.pop(0)
            found = self.junction("or", any)
            self.take(["close"], "')'")
            return found
        name = self.take(["word", "double", "single"], "a column")
        sign = self.take(["operator"], "one of = != < <= > >=")
        typed = self.take(["word", "double", "single"], "a value")
        self.columns.append(name)
        return lambda run: _compares(column(run, name), sign, typed)

    def take(self, kinds: Sequence[str], what: str) -> str:
        if self.tokens[0][0] not in kinds:
            self.fail(self.tokens[0][2], f"{what} is expected here")
        return self.tokens.pop(0)[1]

    def fail(self, place: int, reason: str) -> NoReturn:
        raise WhereError(f"where: {reason}\n  {self.text}\n  {' ' * place}^")


def _compares(value: Any, sign: str, typed: str) -> bool:
    """Return whether the comparison `value sign typed` holds, for example `0.2 > 0.1`."""
    if sign in ("=", "!="):
        return _matches(value, typed) == (sign == "=")
    number = _number(typed)
    wanted = typed if number is None else number
    comparable = is_number(value) if number is not None else isinstance(value, str)
    return comparable and ORDERS[sign](value, wanted)


def _matches(value: Any, typed: str) -> bool:
    """Return whether a value, or an item of a list, equals `typed` or matches it as a glob."""
    if isinstance(value, list) and any(_matches(each, typed) for each in value):
        return True
    number = _number(typed)
    if is_number(value) and number is not None:
        return float(value) == number
    text = "" if value is None and typed == "" else shown(value)
    return text == typed or (value is not None and fnmatch.fnmatchcase(text, typed))


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
