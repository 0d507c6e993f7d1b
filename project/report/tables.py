"""The table as Markdown, LaTeX, CSV and on the terminal, and the runs as CSV."""

import csv
import io
import re
from collections.abc import Callable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table as RichTable

from project.report import numbers
from project.report.arms import Arm, differing_keys, shown
from project.report.comparisons import Row, Table
from project.report.statistics import SIGNIFICANCE

# Under the tables in Markdown and on the terminal.
LEGEND = (
    "Test error in %: mean ± standard deviation over the seeds (ddof = 1), and the 95 % t-interval "
    "of the mean. Difference: arm minus baseline in percentage points, paired by seed; below zero "
    "the arm errs less. p: exact sign-flip test, Holm-corrected over the comparisons with a "
    "baseline that was named, or over all pairs of arms where the validation errors chose it. "
    "P(better): how often the arm erred less at the same seed, ties counting half. Detectable: the "
    "smallest true difference that a paired t-test of these seeds alone shows with 80 % power; "
    "Holm's correction needs more."
)


def count(row: Row) -> str:
    """`20`, or `45 + 5 diverged`"""
    return f"{len(row.arm.runs)}" + (f" + {row.diverged} diverged" if row.diverged else "")


def mean_error(row: Row) -> str:
    return (
        numbers.mean_and_deviation(row.summary.mean, row.summary.deviation)
        if row.summary
        else numbers.NONE
    )


def difference(row: Row) -> str:
    """The mean difference; with its n where that is not the arm's."""
    if row.comparison is None:
        return "baseline" if row.reason == "baseline" else numbers.NONE
    partly = row.comparison.n != len(row.arm.runs)
    return numbers.points(row.comparison.mean_difference) + (
        f" (n = {row.comparison.n})" if partly else ""
    )


def p_value(row: Row) -> str:
    """Holm's; `exploratory` below six seeds."""
    if row.comparison is not None and row.comparison.exploratory:
        return "exploratory"
    return numbers.p_value(row.adjusted_p_value)


def _of_comparison(name: str, form: Callable[[Any], str]) -> Callable[[Row], str]:
    def cell(row: Row) -> str:
        return numbers.NONE if row.comparison is None else form(getattr(row.comparison, name))

    return cell


def _of_summary(name: str, form: Callable[[Any], str]) -> Callable[[Row], str]:
    def cell(row: Row) -> str:
        return numbers.NONE if row.summary is None else form(getattr(row.summary, name))

    return cell


def parameters(row: Row) -> str:
    return numbers.NONE if row.parameters is None else f"{row.parameters:,}"


def training_seconds(row: Row) -> str:
    """The mean over the runs."""
    return numbers.seconds(row.training_seconds.mean if row.training_seconds else None)


COLUMNS: dict[str, Callable[[Row], str]] = {
    "arm": lambda row: row.arm.label,
    "n": count,
    "test error (%)": mean_error,
    "95 % interval": _of_summary("interval", numbers.interval),
    "median": _of_summary("median", numbers.percent),
    "best": _of_summary("best", numbers.percent),
    "worst": _of_summary("worst", numbers.percent),
    "difference": difference,
    "its 95 % interval": _of_comparison("interval", numbers.point_interval),
    "p (Holm)": p_value,
    "d_z": _of_comparison("d_z", numbers.plain),
    "P(better)": _of_comparison("chance_of_better", numbers.plain),
    "detectable": _of_comparison("smallest_detectable_difference", numbers.percent),
    "parameters": parameters,
    "training (s)": training_seconds,
}
# A terminal is narrow.
ON_TERMINAL = (
    "arm", "n", "test error (%)", "95 % interval", "difference", "its 95 % interval", "p (Holm)",
    "parameters", "training (s)",
)  # fmt: skip


def answer(table: Table) -> str:
    """What the differences are to, who chose that, and how the other arms compare."""
    if table.baseline is None:
        return "No baseline, so nothing is compared."
    chosen = (
        "as asked for"
        if table.baseline_named
        else "the arm of the lowest mean validation error of those with the most completed runs "
        "(the test errors had no say)"
    )
    compared = [
        (row.comparison, row.adjusted_p_value)
        for row in table.rows
        if row.comparison is not None and row.adjusted_p_value is not None
    ]
    sentence = f"Baseline: {table.baseline.label}, {chosen}."
    if not compared:
        return sentence
    if table.lowest_p_value >= SIGNIFICANCE:
        return (
            f"{sentence} Whether an arm errs more or less than it cannot be told by p-values: "
            f"{table.most_seeds} seeds are too few for {table.family} comparisons."
        )
    found = [each for each, p in compared if p < SIGNIFICANCE]
    more = sum(each.mean_difference > 0 for each in found)
    family = "" if table.baseline_named else f" over all {table.family} pairs of arms"
    return (
        f"{sentence} Of {len(compared)} arm{'s' * (len(compared) > 1)} compared with it, "
        f"{_count(more)} more and {_count(len(found) - more)} less (Holm's p < {SIGNIFICANCE}"
        f"{family}); {len(compared) - len(found)} cannot be told from it by these seeds."
    )


def _count(number: int) -> str:
    return f"{number or 'none'} err{'s' * (number < 2)}"


def markdown(tables: Sequence[Table], notices: Sequence[Sequence[str]]) -> str:
    """All tables, each with its notices."""
    parts = []
    for table, own in zip(tables, notices, strict=True):
        rows = [[form(row) for form in COLUMNS.values()] for row in table.rows]
        lines = [_markdown_line(COLUMNS), _markdown_line(["---", *["---:"] * (len(COLUMNS) - 1)])]
        lines += [_markdown_line(cells) for cells in rows]
        said = [f"- {_markdown_escaped(notice)}" for notice in own]
        said_of_all = _markdown_escaped(answer(table))
        parts += [f"## {table.title}", "\n".join(lines), said_of_all, "\n".join(said)]
    return "\n\n".join([part for part in parts if part] + [LEGEND]) + "\n"


def _markdown_line(cells: Sequence[str] | dict[str, Any]) -> str:
    return f"| {' | '.join(map(_markdown_escaped, cells))} |"


def _markdown_escaped(text: str) -> str:
    return re.sub(r"([|\\`*_<>\[\]])", r"\\\1", text)


LATEX = {
    "\\": r"\textbackslash{}", "_": r"\_", "%": r"\%", "&": r"\&", "#": r"\#", "$": r"\$",
    "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "±": r"$\pm$", numbers.MINUS: "$-$", numbers.NONE: "--", "<": "$<$", ">": "$>$",
    "|": r"\textbar{}",
}  # fmt: skip


def latex(tables: Sequence[Table]) -> str:
    r"""One booktabs `tabular` for each table; needs \usepackage{booktabs}."""
    parts = ["% needs \\usepackage{booktabs}"]
    for table in tables:
        header = [_latex(name) for name in COLUMNS]
        rows = [[_latex(form(row)) for form in COLUMNS.values()] for row in table.rows]
        parts += [
            f"% {table.title}. {answer(table)}",
            rf"\begin{{tabular}}{{l{'r' * (len(COLUMNS) - 1)}}}",
            r"\toprule",
            " & ".join(header) + r" \\",
            r"\midrule",
            *(" & ".join(cells) + r" \\" for cells in rows),
            r"\bottomrule",
            r"\end{tabular}",
        ]
    return "\n".join(parts) + "\n"


def _latex(text: str) -> str:
    return "".join(LATEX.get(character, character) for character in text)


def table_csv(tables: Sequence[Table]) -> str:
    """Every number at full precision, as shares of 1; empty where there is none."""
    lines = []
    for table in tables:
        for row in table.rows:
            summary, comparison, took = row.summary, row.comparison, row.training_seconds
            lines.append(
                {
                    "experiment": table.experiment,
                    "arm": row.arm.label,
                    "directory": f"runs/{row.arm.name}",
                    "n": len(row.arm.runs),
                    "diverged": row.diverged,
                    **_fields("test_error", summary, "mean deviation interval median best worst"),
                    "baseline": table.baseline.label if table.baseline else None,
                    "not_compared": row.reason or None,
                    **_fields(
                        "difference",
                        comparison,
                        "n mean_difference deviation interval sign_flip_p_value paired_t_p_value "
                        "d_z chance_of_better smallest_detectable_difference",
                    ),
                    "difference_holm_p_value": row.adjusted_p_value,
                    "parameters": row.parameters,
                    **_fields("training_seconds", took, "mean deviation"),
                }
            )
    return _csv(lines)


def _fields(prefix: str, source: Any, names: str) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name in names.split():
        value = getattr(source, name, None)
        key = f"{prefix}_{name}".replace("difference_mean_difference", "difference_mean")
        if name == "interval":
            low, high = value or (None, None)
            fields |= {f"{key}_low": low, f"{key}_high": high}
        else:
            fields[key] = value
    return fields


def results_csv(arms: Sequence[Arm]) -> str:
    """One row per run, also of runs that did not complete: what differs, metrics, origin."""
    keys = differing_keys([arm.settings for arm in arms])
    metrics = sorted({name for arm in arms for run in arm.runs for name in run.metrics})
    lines = []
    for arm in arms:
        settings = {key: _plain(arm.settings.get(key)) for key in keys}
        for run in sorted((*arm.runs, *arm.unfinished), key=lambda run: run.seed):
            git, data = run.provenance.get("git", {}), run.provenance.get("data", {})
            lines.append(
                {
                    "experiment": run.experiment,
                    "arm": arm.label,
                    "model": run.model,
                    "seed": run.seed,
                    "status": run.status,
                    **settings,
                    **{name: run.metrics.get(name) for name in metrics},
                    "parameters": run.parameters,
                    "seconds.training": run.seconds.get("training"),
                    "seconds.session": run.seconds.get("session"),
                    "commit": git.get("commit"),
                    "uncommitted_changes": git.get("dirty"),
                    "dataset": data.get("dataset"),
                    "data_sha256": data.get("sha256"),
                    "threads": run.provenance.get("threads"),
                    "processor": run.provenance.get("machine", {}).get("processor"),
                    "directory": f"runs/{run.name}",
                }
            )
    return _csv(lines)


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, int | float | str) else shown(value)


def _csv(lines: Sequence[dict[str, Any]]) -> str:
    file = io.StringIO()
    writer = csv.DictWriter(file, list(lines[0]) if lines else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return file.getvalue()


def terminal(tables: Sequence[Table], notices: Sequence[Sequence[str]]) -> None:
    """Print the tables, their baselines and their notices."""
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console = Console(highlight=False, markup=False, width=160)
    for table, own in zip(tables, notices, strict=True):
        drawn = RichTable(title=table.title, title_justify="left", box=None)
        for name in ON_TERMINAL:
            drawn.add_column(name, justify="left" if name == "arm" else "right")
        for row in table.rows:
            drawn.add_row(*(COLUMNS[name](row) for name in ON_TERMINAL))
        console.print(drawn)
        print(answer(table))
        for notice in own:
            print(f"! {notice}")
        print()
