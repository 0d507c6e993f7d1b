"""What a page is made of, and the sections that the configuration names.

A section is a function `section(context) -> Section | list[Section] | None`, named by its dotted
path, or by its name alone if it is one of `project.report.standard`.
"""

import importlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from project.config.errors import ConfigurationError, suggest
from project.report.formatting import Quantity
from project.report.results_table import Table
from project.results.variants import Settings, Variant

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STANDARD = "project.report.standard"
# From the words of a command line of project.train to the settings of its variant.
ComposeSettings = Callable[[tuple[str, ...]], Settings | None]


@dataclass(frozen=True)
class Cell:
    """A cell of a table that is more than text.

    Attributes:
        text: What is read first.
        notes: Smaller lines under it.
        links: Anchors of variants to whose runs the text leads; several by its words, `10 + 10`.
        sort: What a sorted column goes by, in the place of the text.
    """

    text: str
    notes: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    sort: float | str | None = None


@dataclass(frozen=True)
class PageTable:
    """A table of a section; the first cell of a row names it.

    Attributes:
        caption: What it holds, for those who do not see it.
        header: The columns.
        rows: Their cells.
        keys: Names of columns, if they can be chosen.
        hidden: Keys of the columns that are not shown at first.
        marked: The place of the row that stands out.
    """

    caption: str
    header: Sequence[str | Cell]
    rows: Sequence[Sequence[str | Cell]]
    keys: Sequence[str] = ()
    hidden: Sequence[str] = ()
    marked: int | None = None

    kind = "table"


@dataclass(frozen=True)
class Illustration:
    """A figure of the page, and files of that name; its caption says n and what bars are."""

    name: str
    figure: "Figure"
    caption: str

    kind = "figure"

    @property
    def file(self) -> str:
        """The name, as that of a file in one folder: a search's name may hold anything."""
        return re.sub(r"[^\w.=-]", "_", self.name, flags=re.ASCII)


@dataclass(frozen=True)
class Section:
    """A part of the page: its address, its heading, and paragraphs, tables and figures."""

    anchor: str
    title: str
    parts: Sequence[str | PageTable | Illustration] = ()


@dataclass(frozen=True)
class Context:
    """What a section may speak of: one table of the page, and its variants.

    Attributes:
        table: The table that the section follows.
        outputs: The output folder.
        number: The place of the table on the page, from 0: searches follow the first one alone.
        reference: Of the configuration: what a publication reports.
        compose_settings: Gives the settings that words of a command line lead to.
    """

    table: Table
    outputs: Path
    number: int
    reference: dict[str, Any] | None
    compose_settings: ComposeSettings

    @cached_property
    def variants(self) -> list[Variant]:
        """Those with completed runs that all have the table's metric, in the table's order."""
        return [row.variant for row in self.table.rows if row.test is not None]

    @property
    def quantity(self) -> Quantity:
        """The table's metric and how it is written."""
        return self.table.quantity

    def anchor(self, name: str) -> str:
        """Return `name`, made unique on the page."""
        return f"{name}-{self.number + 1}" if self.number else name


SectionFunction = Callable[[Context], Section | list[Section] | None]


def load_sections(names: Sequence[str]) -> list[SectionFunction]:
    """Return the functions that the configuration names.

    Raises:
        ConfigurationError: There is no such function.
    """
    return [_load(name) for name in names]


def _load(name: str) -> SectionFunction:
    module, _, last = name.rpartition(".")
    try:
        found = importlib.import_module(module or STANDARD)
    except ImportError as error:
        raise ConfigurationError(f"sections: {name} cannot be imported ({error})") from None
    function = getattr(found, last, None)
    if not callable(function):
        known = getattr(found, "__all__", ())
        raise ConfigurationError(f"sections: there is no {name}{suggest(last, known)}")
    return function


def sections_of(functions: Sequence[SectionFunction], context: Context) -> list[Section]:
    """Return what the functions have to say about the table."""
    sections: list[Section] = []
    for function in functions:
        made = function(context)
        sections += made if isinstance(made, list) else [made] if made else []
    return sections


def link(variant: Variant, text: str, *notes: str, sort: float | None = None) -> Cell:
    """Return a cell that leads to the variant's runs."""
    return Cell(text, notes, (variant.anchor,), sort)
