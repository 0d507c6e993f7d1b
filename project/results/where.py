"""The conditions of `where=`, which select runs by the values of their columns.

    optimizer.lr>0.1 and (model=ws_al* or tags=final) and status!=failed

`=` and `!=` accept globs, and compare numbers by value. `<`, `<=`, `>` and `>=` compare two numbers
or two texts. Values with spaces or brackets must be quoted.
"""

import fnmatch
import operator
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from project.config.errors import ConfigurationError, suggest
from project.config.identity import flatten
from project.results.records import RunRecord
from project.results.text import printable, shown

TOKENS = re.compile(
    r"""\s*(?: (?P<bracket>[()]) | (?P<operator><=|>=|!=|=|<|>)
    | "(?P<double>[^"]*)" | '(?P<single>[^']*)' | (?P<word>[^\s()=<>!"']+) )""",
    re.VERBOSE,
)
ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
# The columns that are neither metrics nor configuration keys.
COLUMNS: dict[str, Callable[[RunRecord], Any]] = {
    "name": lambda run: run.name,
    "variant": lambda run: run.variant,
    "model": lambda run: run.model,
    "data": lambda run: run.record.get("data"),
    "dataset": lambda run: run.dataset,
    "task": lambda run: run.task,
    "command": lambda run: run.record.get("command"),
    "seed": lambda run: run.seed,
    "status": lambda run: run.status,
    "diverged": lambda run: run.diverged,
    "parameters": lambda run: run.parameters,
    "epochs": lambda run: run.epochs,
    "stopped_early": lambda run: run.stopped_early,
    "seconds": lambda run: run.seconds,
    "tags": lambda run: run.record.get("tags") or [],
    "notes": lambda run: printable(str(run.record.get("notes") or "")),
    "error": lambda run: run.error,
    "started": lambda run: run.record.get("started"),
    "ended": lambda run: run.record.get("ended"),
    "device": lambda run: run.origin("device"),
    "processor": lambda run: run.origin("machine", "processor"),
    "threads": lambda run: run.origin("threads"),
    "host": lambda run: (run.record.get("process") or {}).get("host"),
    "commit": lambda run: run.origin("git", "commit"),
    "dirty": lambda run: run.origin("git", "dirty"),
    "code": lambda run: run.code,
    "test_data": lambda run: run.test_data,
}


class WhereError(ConfigurationError):
    """Raised if a condition does not parse, or names a column that no run has."""


@dataclass(frozen=True)
class Condition:
    """A parsed condition: the columns that it uses, and whether a run meets it."""

    columns: tuple[str, ...]
    holds: Callable[[RunRecord], bool]


def column(run: RunRecord, name: str) -> Any:
    """Return the value of a run's column; None if it has none.

    `name` is a key of `COLUMNS`, a metric (`test/error`) or a configuration key (`optimizer.lr`),
    in this order.
    """
    if name in COLUMNS:
        return COLUMNS[name](run)
    if name in run.metrics:
        return run.metrics[name]
    node: Any = run.config
    for key in name.split("."):
        node = node.get(key) if isinstance(node, dict) else None
    return node


def known_columns(runs: Iterable[RunRecord]) -> list[str]:
    """Return the names of all columns that at least one of the runs has."""
    names = dict.fromkeys(COLUMNS)
    for run in {run.variant: run for run in runs}.values():
        names |= dict.fromkeys([*run.metrics, *flatten(run.config)])
    return list(names)


def where(text: str, runs: Sequence[RunRecord]) -> list[RunRecord]:
    """Return the runs that meet a condition, in the given order.

    Raises:
        WhereError: The condition does not parse, or names a column that no run has.
    """
    condition = parse(text)
    for name in condition.columns:
        if runs and name not in COLUMNS and all(column(run, name) is None for run in runs):
            known = known_columns(runs)
            if name not in known:
                raise WhereError(
                    f"where={text}: no run has a column '{name}'{suggest(name, known)}"
                )
    return [run for run in runs if condition.holds(run)]


def parse(text: str) -> Condition:
    """Parse the text of a condition; WhereError marks the position where it does not parse."""
    return _Parser(text).parse()


class _Parser:
    """A recursive-descent parser: `and` binds tighter than `or`, brackets override both."""

    def __init__(self, text: str) -> None:
        self.text = text
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

    def parse(self) -> Condition:
        found = self.junction("or", any)
        self.take(["end"], "'and', 'or' or the end")
        return found

    def junction(self, word: str, combine: Callable[..., bool]) -> Condition:
        parts: list[Condition] = []
        while not parts or (self.tokens[0][0] == "word" and self.tokens[0][1].lower() == word):
            if parts:
                self.tokens.pop(0)
            parts.append(self.junction("and", all) if word == "or" else self.term())
        columns = tuple(name for part in parts for name in part.columns)
        return Condition(columns, lambda run: combine(part.holds(run) for part in parts))

    def term(self) -> Condition:
        if self.tokens[0][:2] == ("bracket", "("):
            self.tokens.pop(0)
            found = self.junction("or", any)
            if self.tokens[0][1] != ")":
                self.fail(self.tokens[0][2], "')' is expected here")
            self.tokens.pop(0)
            return found
        name = self.take(["word", "double", "single"], "a column")
        sign = self.take(["operator"], "one of = != < <= > >=")
        typed = self.take(["word", "double", "single"], "a value")
        return Condition((name,), lambda run: _compares(column(run, name), sign, typed))

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
    if isinstance(value, int | float) and not isinstance(value, bool) and number is not None:
        return ORDERS[sign](value, number)
    return isinstance(value, str) and number is None and ORDERS[sign](value, typed)


def _matches(value: Any, typed: str) -> bool:
    """Return whether a value, or an item of a list, equals `typed` or matches it as a glob."""
    if isinstance(value, list) and any(_matches(each, typed) for each in value):
        return True
    number = _number(typed)
    if isinstance(value, int | float) and not isinstance(value, bool) and number is not None:
        return float(value) == number
    text = "" if value is None and typed == "" else shown(value)
    return text == typed or (value is not None and fnmatch.fnmatchcase(text, typed))


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
