"""The parts of a page, and the loading of the sections that the configuration names.

A section is a function `section(context) -> Section | list[Section] | None`. The configuration
names it by its dotted path, or by its name alone if it is in `project.report.standard`. It raises
CorruptRunError if it needs a file of a run that cannot be read.
"""

import importlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from project.config.errors import ConfigurationError, suggest
from project.report.formatting import Quantity
from project.report.results_table import Table
from project.results.variants import Variant

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STANDARD = "project.report.standard"


@dataclass(frozen=True)
class Cell:
    """A cell of a table with smaller lines (`notes`) below its text, and a value to sort by.

    `links` are anchors of the variants whose runs the text links to: each of its terms, joined by
    ` + `, to one of them.
    """

    text: str
    notes: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    sort: float | str | None = None


@dataclass(frozen=True)
class PageTable:
    """A table of a section; the first cell of each row is the row's heading.

    `caption` is read by screen readers. If the reader can choose columns, `keys` are their names
    and `hidden` those that are hidden at first. `marked` is the index of a highlighted row.
    """

    caption: str
    header: Sequence[str | Cell]
    rows: Sequence[Sequence[str | Cell]]
    keys: Sequence[str] = ()
    hidden: Sequence[str] = ()
    marked: int | None = None

    @classmethod
    def of(cls, caption: str, rows: Sequence[Mapping[str, str | Cell]]) -> "PageTable":
        """Return the table of rows, at least one, that are given as cells by column."""
        return cls(caption, list(rows[0]), [list(row.values()) for row in rows])


@dataclass(frozen=True)
class Illustration:
    """A figure of the page, whose name is unique in the report.

    The caption says what n is, and what bars and bands mean.
    """

    name: str
    figure: "Figure"
    caption: str

    @property
    def file(self) -> str:
        """A file name without suffix: `name` with unusual characters replaced by `_`."""
        return re.sub(r"[^\w.=-]", "_", self.name, flags=re.ASCII)


Part = str | PageTable | Illustration  # a string is a paragraph


@dataclass(frozen=True)
class Section:
    """A section of the page: its unique id, its heading and its parts."""

    anchor: str
    title: str
    parts: Sequence[Part] = ()


@dataclass(frozen=True)
class Context:
    """The argument of a section function: one table of the page and what the report knows.

    Sections on the whole report, such as searches, are shown only after the table with `number` 0.
    """

    table: Table
    outputs: Path
    number: int
    reference: dict[str, Any] | None  # what a publication reports, from the configuration

    @cached_property
    def variants(self) -> list[Variant]:
        """The variants whose completed runs all have the test metric, in the table's order."""
        return [row.variant for row in self.table.rows if row.test is not None]

    @property
    def quantity(self) -> Quantity:
        """The metric and how its values are written."""
        return self.table.quantity

    def anchor(self, name: str) -> str:
        """Return `name` as a unique id, with a number appended for every table but the first."""
        return f"{name}-{self.number + 1}" if self.number else name


SectionFunction = Callable[[Context], Section | list[Section] | None]


def load_sections(names: Sequence[str]) -> list[SectionFunction]:
    """Return the section functions with these names.

    Raises:
        ConfigurationError: There is no such function, or its module cannot be imported.
    """
    functions = []
    for name in names:
        module, _, last = name.rpartition(".")
        try:
            found = importlib.import_module(module or STANDARD)
        except ImportError as error:
            raise ConfigurationError(f"sections: {name} cannot be imported ({error})") from None
        if not callable(function := getattr(found, last, None)):
            known = suggest(last, getattr(found, "__all__", ()))
            raise ConfigurationError(f"sections: there is no {name}{known}")
        functions.append(function)
    return functions


def sections_of(functions: Sequence[SectionFunction], context: Context) -> list[Section]:
    """Return all sections that the functions make for the table, in order."""
    sections: list[Section] = []
    for function in functions:
        made = function(context)
        sections += made if isinstance(made, list) else [made] if made else []
    return sections


def link(variant: Variant, text: str) -> Cell:
    """Return a cell whose text links to the variant's runs."""
    return Cell(text, links=(variant.anchor,))
