"""Results tables as Markdown, LaTeX, CSV and terminal output, and all runs as CSV."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import pandas
from rich.console import Console
from rich.table import Table as RichTable

from project.config.errors import ConfigurationError, suggest
from project.report import formatting
from project.report.formatting import MINUS, NONE
from project.report.results_table import Row, Table, answer
from project.results.frames import run_rows
from project.results.statistics import Paired, Summary
from project.results.variants import Variant

# The explanation below the tables in Markdown and on the page.
LEGEND = (
    "Rows stand in the order of their mean validation value; test values chose nothing. Mean ± std "
    "over the seeds (ddof 1), and the 95 % CI of the mean (Student's t). Difference: variant minus "
    "baseline, paired by seed. p: exact sign-flip test, Holm-corrected over the comparisons with a "
    "baseline that was named, or over all pairs of variants where validation chose it. P(better): "
    "how often the variant was better at the same seed, ties counting half. Detectable: the "
    "smallest true difference that a paired t-test of these seeds alone shows with 80 % power; "
    "Holm's correction needs more."
)
SHOWN = ("variant", "n", "validation", "test", "difference", "p", "parameters", "seconds")


@dataclass(frozen=True)
class Column:
    """A column of the results table, chosen by its key: `columns=[variant,test]`.

    `path` are the attributes that lead from a `Row` to the value: `test/median`. (A metric's name
    may hold a dot.)
    """

    key: str
    header: str
    path: str
    form: Callable[[Any], str]

    def value(self, row: Row) -> Any:
        """Return the row's value; None if it has none."""
        value: Any = row
        for name in self.path.split("/"):
            value = value.get(name) if isinstance(value, dict) else getattr(value, name, None)
        return value

    def text(self, row: Row) -> str:
        """Return the row's value as text."""
        return self.form(self.value(row))


def columns_of(table: Table) -> dict[str, Column]:
    """Return all columns of the table by key."""
    quantity = table.quantity
    ends = ("lowest", "highest")[:: table.metric.sign]
    columns = [
        Column("variant", "variant", "variant/label", str),
        Column("n", "n", "runs", str),
        Column("validation", quantity.header("validation"), "validation", quantity.mean_std),
        Column("test", quantity.header(), "test", quantity.mean_std),
        Column("test_ci", "95 % CI", "test/ci", quantity.ci),
        Column("median", "median", "test/median", quantity.value),
        Column("best", "best", f"test/{ends[0]}", quantity.value),
        Column("worst", "worst", f"test/{ends[1]}", quantity.value),
        *(
            Column(each.metric.name, each.header(), f"others/{each.metric.name}", each.mean_std)
            for each in table.others
        ),
        Column("difference", "difference", "paired/mean", quantity.difference),
        Column("difference_ci", "its 95 % CI", "paired/ci", quantity.difference_ci),
        Column("p", "p (Holm)", "p_value", formatting.p_value),
        Column("d_z", "d_z", "paired/d_z", formatting.plain),
        Column("p_better", "P(better)", "paired/p_better", formatting.plain),
        Column("detectable", "detectable", "paired/detectable", quantity.value),
        Column("parameters", "parameters", "variant/first/parameters", formatting.thousands),
        Column("epochs", "epochs", "epochs", str),
        Column("seconds", "training, s", "seconds/mean", formatting.seconds),
    ]
    return {column.key: column for column in columns}


def choose_columns(table: Table, keys: Sequence[str]) -> list[Column]:
    """Return the columns with these keys, or all; raise ConfigurationError for an unknown key."""
    columns = columns_of(table)
    for key in keys:
        if key not in columns:
            raise ConfigurationError(f"columns: there is no '{key}'{suggest(key, columns)}")
    return [columns[key] for key in keys or columns]


def cell(column: Column, row: Row) -> str:
    """Return the text of a cell, with what qualifies it: diverged runs, fewer pairs, no p-value."""
    text = column.text(row)
    if column.key == "n" and row.variant.diverged:
        return f"{text} + {row.variant.diverged} diverged"
    if column.key == "difference" and row.is_baseline:
        return "baseline"
    if column.key == "difference" and row.paired and row.paired.n != row.runs:
        return f"{text} (n = {row.paired.n})"
    return "exploratory" if column.key == "p" and row.paired and row.paired.exploratory else text


def texts_of(table: Table, keys: Sequence[str] = ()) -> list[list[str]]:
    """Return the header and a row for each variant; no keys: all columns."""
    columns = choose_columns(table, keys)
    rows = [[cell(column, row) for column in columns] for row in table.rows]
    return [[column.header for column in columns], *rows]


def markdown(
    tables: Sequence[Table], notices: Sequence[Sequence[str]], keys: Sequence[str] = ()
) -> str:
    """Return all tables as Markdown, each with baseline and notices, and a legend at the end."""
    parts = []
    for table, own in zip(tables, notices, strict=True):
        header, *rows = texts_of(table, keys)
        ruler = ["---", *["---:"] * (len(header) - 1)]
        lines = [f"| {' | '.join(map(_markdown, row))} |" for row in (header, ruler, *rows)]
        said = "\n".join(f"- {_markdown(notice)}" for notice in own)
        parts += [f"## {_markdown(table.title)}", "\n".join(lines), _markdown(answer(table)), said]
    return "\n\n".join([part for part in parts if part] + [LEGEND]) + "\n"


def _markdown(text: str) -> str:
    return re.sub(r"([|\\`*_<>\[\]])", r"\\\1", text)


def latex(tables: Sequence[Table], keys: Sequence[str] = ()) -> str:
    r"""Return a booktabs `tabular` for each table as LaTeX text; it needs \usepackage{booktabs}."""
    parts = ["% needs \\usepackage{booktabs}\n"]
    for table in tables:
        header, *rows = texts_of(table, keys)
        frame = pandas.DataFrame(rows, columns=header, dtype=str)
        parts.append(f"% {table.title}. {answer(table)}\n")
        layout = "l" + "r" * (len(header) - 1)
        parts.append(frame.to_latex(index=False, escape=True, column_format=layout))
    marks = {"±": r"$\pm$", MINUS: "$-$", NONE: "--", "<": "$<$", ">": "$>$", "|": r"\textbar{}"}
    return "".join(parts).translate(str.maketrans(marks))


def table_csv(tables: Sequence[Table]) -> str:
    """Return all tables as one CSV text, one row for each variant, with numbers at full precision.

    Shares such as errors are between 0 and 1, not in percent.
    """
    lines = [
        {
            "table": table.title,
            "variant": row.variant.label,
            "directory": f"runs/{row.variant.name}",
            "metric": table.metric.name,
            "n": len(row.variant.runs),
            "diverged": row.variant.diverged,
            **_fields("validation", row.validation, Summary),
            **_fields("test", row.test, Summary),
            **{f"test_{name}_mean": summary.mean for name, summary in row.others.items()},
            "baseline": table.baseline.label if table.baseline else None,
            "not_compared": row.reason or None,
            **_fields("difference", row.paired, Paired),
            "holm_p_value": row.p_value,
            "parameters": row.variant.first.parameters,
            **_fields("seconds", row.seconds, Summary),
        }
        for table in tables
        for row in table.rows
    ]
    return _csv(lines)


def _fields(prefix: str, source: Any, kind: type) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name in (field.name for field in fields(kind)):
        value = getattr(source, name, None)
        if name == "ci":
            values[f"{prefix}_ci_low"], values[f"{prefix}_ci_high"] = value or (None, None)
        else:
            values[f"{prefix}_{name}"] = value
    return values


def results_csv(variants: Sequence[Variant]) -> str:
    """Return a CSV text with one row for each run, including those that did not complete."""
    return _csv([row | {"directory": f"runs/{row['name']}"} for row in run_rows(list(variants))])


def _csv(lines: Sequence[dict[str, Any]]) -> str:
    cells = [{name: _csv_cell(value) for name, value in line.items()} for line in lines]
    # As objects, so that a column of counts with a gap does not become one of floats.
    return pandas.DataFrame(cells, dtype=object).to_csv(index=False, lineterminator="\n")


def _csv_cell(value: Any) -> Any:
    """Return a value for a CSV file; text that looks like a formula gets a leading `'`."""
    if isinstance(value, list | tuple | dict):
        value = "; ".join(map(str, value))
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@") else value


def terminal(
    tables: Sequence[Table], notices: Sequence[Sequence[str]], keys: Sequence[str] = ()
) -> None:
    """Print the tables with baselines and notices; no keys: columns that fit on a terminal."""
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console = Console(highlight=False, markup=False, width=160)
    for table, own in zip(tables, notices, strict=True):
        others = [each.metric.name for each in table.others]
        wanted = keys or ["variant", "n", "validation", "test", "test_ci", *others, "difference",
                          "difference_ci", "p", "seconds"]  # fmt: skip
        drawn = RichTable(title=table.title, title_justify="left", box=None)
        header, *rows = texts_of(table, wanted)
        for key, name in zip(wanted, header, strict=True):
            justify = "left" if key == "variant" else "right"
            drawn.add_column(name, justify=justify, overflow="fold")
        for row in rows:
            drawn.add_row(*row)
        console.print(drawn)
        print(answer(table), *(f"! {notice}" for notice in own), "", sep="\n")
