"""index.html: the tables, what to know before believing them, the sections, and all runs."""

import base64
import re
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup, escape

from project.report import numbers, tables
from project.report.arms import differing_keys, shown
from project.report.comparisons import METRIC, Row, Table, paired_runs
from project.report.notices import version_of
from project.report.runs import StoredRun

HERE = Path(__file__).parent
TYPES = {".svg": "image/svg+xml", ".png": "image/png"}


@dataclass(frozen=True)
class Image:
    """A figure as the page holds it: `uri` is the file itself; width and height in pixels."""

    uri: str
    caption: str
    width: int
    height: int


@dataclass(frozen=True)
class PageSection:
    """A section whose figures have been drawn. html: marked up and escaped."""

    anchor: str
    title: str
    html: Markup
    images: tuple[Image, ...]


@dataclass(frozen=True)
class RunList:
    """The runs of one arm as a table of text; the last column is the directory under outputs."""

    name: str
    label: str
    count: str
    settings: list[tuple[str, str]]
    columns: list[str]
    lines: list[list[str]]


def render(
    all_tables: Sequence[Table],
    notices: Mapping[str, Sequence[str]],
    sections: Mapping[str, Sequence[PageSection]],
) -> str:
    """The page. notices, sections: by experiment; the sections follow their table."""
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    environment.filters["breakable"] = breakable
    template = environment.from_string((HERE / "page.html.jinja").read_text())
    rows = [row for table in all_tables for row in table.rows]
    return template.render(
        style=Markup((HERE / "page.css").read_text()),
        tables=all_tables,
        notices=notices,
        sections=sections,
        run_lists=[each for table in all_tables for each in run_lists(table)],
        run_count=f"{sum(len(row.arm.runs) for row in rows):,}",
        arm_count=f"{len(rows):,}",
        columns=tables.COLUMNS,
        legend=tables.LEGEND,
        answer=tables.answer,
        power_sentence=power_sentence,
    )


def breakable(text: str) -> Markup:
    """The text, which may be broken after the marks that join a key's words."""
    return Markup(re.sub(r"([._=,/])(?=[A-Za-z])", r"\1<wbr>", str(escape(text))))


def image(files: Sequence[Path], width: int, height: int, caption: str) -> Image:
    """The smaller one of a figure's files as part of the page; width, height: in pixels."""
    file = min(files, key=lambda path: path.stat().st_size)
    content = base64.b64encode(file.read_bytes()).decode()
    return Image(f"data:{TYPES[file.suffix]};base64,{content}", caption, width, height)


def power_sentence(table: Table) -> str:
    """What so many seeds can show and what they cannot, in one sentence."""
    compared = [row.comparison for row in table.rows if row.comparison]
    if not compared:
        return "With these runs nothing can be said about differences between arms."
    seen = [
        (each.n, each.smallest_detectable_difference)
        for each in compared
        if each.smallest_detectable_difference is not None
    ]
    if not seen:
        return "With these runs nothing can be said about how small a difference they would show."
    detectable = [difference for _, difference in seen]
    sizes = sorted({n for n, _ in seen})
    n = f"{sizes[0]}" if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    middle = numbers.percent(statistics.median(detectable))
    return (
        f"What {n} paired seeds can show: a single comparison detects, with 80 % power, a true "
        f"difference of {middle} percentage points in the middle case "
        f"({numbers.percent(min(detectable))} to {numbers.percent(max(detectable))}, column "
        "\N{LEFT DOUBLE QUOTATION MARK}detectable\N{RIGHT DOUBLE QUOTATION MARK}); smaller ones "
        "may well be there and stay unseen, so a large p is no proof of equality."
    )


def run_lists(table: Table) -> list[RunList]:
    """Every arm with its runs, in the order of the table."""
    keys = differing_keys([row.arm.settings for row in table.rows])
    return [_run_list(row, table, keys) for row in table.rows]


def _run_list(row: Row, table: Table, keys: Sequence[str]) -> RunList:
    arm = row.arm
    others: dict[int, StoredRun] = {}
    if row.comparison is not None and table.baseline is not None:
        others = {own.seed: other for own, other in paired_runs(arm, table.baseline)}
    names = [name for name in ("train/error", "val/error", METRIC) if any(
        name in run.metrics for run in arm.runs)]  # fmt: skip
    columns = ["seed", *(f"{name.replace('/', ' ')}, %" for name in names)]
    columns += ["minus baseline"] * bool(others)
    columns += ["training, s", "code", "data", "directory"]
    lines = []
    for run in sorted((*arm.runs, *arm.unfinished), key=lambda run: run.seed):
        cells: list[Any] = [run.seed, *(numbers.percent(run.metrics.get(name)) for name in names)]
        if others:
            other = others.get(run.seed)
            minus = run.metrics[METRIC] - other.metrics[METRIC] if other else None
            cells.append(numbers.points(minus))
        cells.append(numbers.seconds(run.seconds.get("training")) if run.metrics else run.status)
        cells += [version_of(run), run.provenance["data"]["sha256"][:12], f"runs/{run.name}"]
        lines.append([str(cell) for cell in cells])
    return RunList(
        name=arm.name,
        label=arm.label,
        count=f"{tables.count(row)} run{'s' * (len(arm.runs) != 1)}",
        settings=[(key, shown(arm.settings[key])) for key in keys if key in arm.settings],
        columns=columns,
        lines=lines,
    )
