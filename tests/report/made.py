"""Tables and contexts of run directories, as a report would make them."""

import re
from pathlib import Path
from typing import Any

from project.report.figures.style import styled
from project.report.formatting import Quantity, quantity_of
from project.report.results_table import Table, make_table
from project.report.sections import Context, PageTable, Section, SectionFunction, sections_of
from project.results.metrics import Metric, own_metric
from tests.results.stored_runs import read, variants

ERROR = Metric("error", "min")
PERCENT: Quantity = quantity_of(ERROR, [0.5])


def table_of(
    outputs: Path, baseline: str | None = None, metric: Metric | None = None, **more: Any
) -> Table:
    """Return the table of all runs; `baseline` is a model that has but one variant."""
    found = variants(outputs)
    named = next((each for each in found if each.prefix == baseline), None)
    metric = metric or own_metric(read(outputs))
    return make_table("a title", found, metric, named=named, **more)


def made(
    outputs: Path, *functions: SectionFunction, baseline: str | None = None, **more: Any
) -> dict[str, Section]:
    """Return the sections that the functions make of all runs, by their anchors."""
    reference, number = more.pop("reference", None), more.pop("number", 0)
    context = Context(table_of(outputs, baseline, **more), outputs, number, reference)
    with styled():
        return {each.anchor: each for each in sections_of(functions, context)}


def cells(section: Section) -> list[list[str]]:
    """Return the text of the section's tables, by row, the header first; notes after the text."""
    tables = [part for part in section.parts if isinstance(part, PageTable)]
    return [
        [each if isinstance(each, str) else " ".join([each.text, *each.notes]) for each in row]
        for table in tables
        for row in [table.header, *table.rows]
    ]


def text_of(section: Section) -> str:
    """Return the section's paragraphs."""
    return "\n".join(part for part in section.parts if isinstance(part, str))


def figures_of(section: Section) -> list[Any]:
    """Return the section's illustrations."""
    return [part for part in section.parts if not isinstance(part, str | PageTable)]


def words(text: str) -> str:
    """Return the text of a page without marks."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", text))


def floats(values: Any) -> list[float]:
    """Return numbers as plain floats."""
    return [float(value) for value in values]
