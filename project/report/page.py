"""The page index.html: headlines, tables, caveats, sections, and the list of all runs."""

import base64
import hashlib
import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup, escape

from project.report import tables
from project.report.caveats import version_of
from project.report.figures.style import save
from project.report.formatting import NONE, counted, seconds
from project.report.results_table import Row, Table, answer, headline
from project.report.sections import Cell, Illustration, PageTable, Section
from project.results.text import printable, shown
from project.results.variants import differing_keys

HERE = Path(__file__).parent
TYPES = {".svg": "image/svg+xml", ".png": "image/png"}
PIXELS_PER_INCH = 96  # CSS's inch


@dataclass(frozen=True)
class Experiment:
    """A table of the page with the caveats and sections that belong to it."""

    table: Table
    notices: Sequence[str]
    sections: Sequence[Section]


def write_figures(experiments: Sequence[Experiment], folder: Path) -> dict[str, Any]:
    """Write the figures into `folder`; return each one's data (`uri`) and `size` in pixels."""
    images = {}
    sections = [section for each in experiments for section in each.sections]
    for part in (part for section in sections for part in section.parts):
        if isinstance(part, Illustration):
            files = save(part.figure, folder / part.file)
            smaller = min(files, key=lambda path: path.stat().st_size)
            content = base64.b64encode(smaller.read_bytes()).decode()
            uri = f"data:{TYPES[smaller.suffix]};base64,{content}"
            size = [round(PIXELS_PER_INCH * each) for each in part.figure.get_size_inches()]
            images[part.name] = {"uri": uri, "size": size}
    return images


def render(
    experiments: Sequence[Experiment], images: dict[str, Any], subject: str, keys: Sequence[str]
) -> str:
    """Return the HTML text of the page with its `images` by name; no keys: the usual columns."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True,
                              lstrip_blocks=True)  # fmt: skip
    environment.filters["breakable"] = breakable
    environment.filters["label"] = lambda cell: getattr(cell, "text", cell)
    template = environment.from_string((HERE / "page.html.jinja").read_text(encoding="utf-8"))
    script = (HERE / "page.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(f"\n{script}".encode()).digest()).decode()
    return template.render(
        style=Markup((HERE / "page.css").read_text(encoding="utf-8")),
        script=Markup(script),
        script_digest=digest,
        subject=subject,
        made=_made_of(experiments),
        experiments=experiments,
        images=images,
        main_table=lambda table: main_table(table, keys),
        run_tables=run_tables,
        legend=tables.LEGEND,
        answer=answer,
        headline=headline,
        power_sentence=power_sentence,
    )


def breakable(text: str) -> Markup:
    """Return `text` as HTML in which lines may break after the separators in a key: `._=,/`."""
    return Markup(re.sub(r"([._=,/])(?=[A-Za-z])", r"\1<wbr>", str(escape(text))))


def _made_of(experiments: Sequence[Experiment]) -> str:
    """Return one line with the number of completed runs, the date of the last, and the commit."""
    runs = [run for each in experiments for run in each.table.runs]
    variants = sum(len(each.table.rows) for each in experiments)
    made = f"{counted(len(runs), 'completed run')} of {counted(variants, 'variant')}"
    ended = max((str(run.record.get("ended") or "") for run in runs), default="") or "no date"
    commits = {version_of(run) for run in runs}
    commit = f"commit {min(commits)}" if len(commits) == 1 else f"{len(commits)} commits"
    return f"{made} · {printable(ended[:10])} · {commit}"


# For a column of the page, the columns whose values stand in its cells in smaller letters.
UNDER = {"test": ["test_ci"], "median": ["best", "worst"], "difference": ["difference_ci"]}
NOTES = {
    "validation": ("mean ± std",), "test": ("mean ± std", "95 % CI"),
    "median": ("best to worst",), "difference": ("to the baseline", "95 % CI"),
    "detectable": ("with 80 % power",),
}  # fmt: skip


def main_table(table: Table, keys: Sequence[str]) -> PageTable:
    """Return the table of variants for the page, in which a CI stands under its mean."""
    every = tables.columns_of(table)
    above = {key: column for column, own in UNDER.items() for key in own}
    columns = [each for key, each in every.items() if key not in above]

    def cell(column: tables.Column, row: Row) -> Cell:
        text, value = tables.cell(column, row), column.value(row)
        under = [every[key].text(row) for key in UNDER.get(column.key, ())]
        notes = [" to ".join(under)] if under and under[0] != NONE else []
        if column.key == "variant":
            text, *notes = [*text.split(" "), *["baseline"] * row.is_baseline]
        elif column.key == "difference" and row.paired is None:
            text = row.reason
        return Cell(text, tuple(notes), (row.variant.anchor,), getattr(value, "mean", value))

    others = [each.metric.name for each in table.others]
    chosen = {"variant", *(above.get(key, key) for key in keys or [*tables.SHOWN, *others])}
    return PageTable(
        caption=f"{table.title}: table",
        header=[Cell(column.header, NOTES.get(column.key, ())) for column in columns],
        rows=[[cell(column, row) for column in columns] for row in table.rows],
        keys=[column.key for column in columns],
        hidden=[column.key for column in columns if column.key not in chosen],
        marked=next((k for k, row in enumerate(table.rows) if row.is_baseline), None),
    )


def power_sentence(table: Table) -> str:
    """Return a sentence that says how small a difference the runs of the table can detect."""
    seen = [row.paired for row in table.compared if row.paired and row.paired.detectable]
    if not seen:
        return "With these runs nothing can be said about how small a difference they would show."
    detectable = [each.detectable or 0.0 for each in seen]
    sizes = sorted({each.n for each in seen})
    n = " to ".join(map(str, dict.fromkeys([sizes[0], sizes[-1]])))
    ends = (min(detectable), statistics.median(detectable), max(detectable))
    low, middle, high = map(table.quantity.value, ends)
    return (
        f"What {n} paired seeds can show: a single comparison detects, with 80 % power, a true "
        f"difference of {middle}{table.quantity.points} in the middle case ({low} to {high}, "
        "column \N{LEFT DOUBLE QUOTATION MARK}detectable\N{RIGHT DOUBLE QUOTATION MARK}); smaller "
        "ones may well be there and stay unseen, so a large p is no proof of equality."
    )


def run_tables(table: Table) -> list[dict[str, Any]]:
    """Return what the page's template says of each row: its number of runs, settings and runs."""
    keys = differing_keys([row.variant.settings for row in table.rows])
    return [
        {
            "row": row,
            "count": counted(row.runs, "run") + f", {row.variant.diverged} diverged" * bool(
                row.variant.diverged),
            "settings": [f"{key}={shown(row.variant.settings[key])}" for key in keys
                         if key in row.variant.settings],
            "runs": _run_table(row, table),
        }
        for row in table.rows
    ]  # fmt: skip


def _run_table(row: Row, table: Table) -> PageTable:
    variant, quantity, metric = row.variant, table.quantity, table.metric
    differences = {
        own.seed: own.metrics[metric.test] - other.metrics[metric.test] for own, other in row.pairs
    }
    stages = {stage: f"{stage}/{metric.name}" for stage in ("train", "val", "test")}
    stages = {stage: key for stage, key in stages.items()
              if any(key in run.metrics for run in variant.runs)}  # fmt: skip
    tagged = [key for key in ("tags", "notes") if any(r.record.get(key) for r in variant.all_runs)]
    rows = []
    for run in variant.all_runs:
        cells = {"seed": str(run.seed)}
        for stage, key in stages.items():
            cells[quantity.header(stage)] = quantity.value(run.metrics.get(key))
        if differences:
            cells["minus baseline"] = quantity.difference(differences.get(run.seed))
        cells["training, s"] = seconds(run.seconds) if run.metrics else run.status
        cells["code"] = version_of(run)
        cells |= {key: shown(run.record.get(key) or "") for key in tagged}
        rows.append(cells | {"directory": f"runs/{run.name}"})
    return PageTable.of(f"runs of {variant.label}", rows)
