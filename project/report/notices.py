"""What a reader has to know before believing a table: mixed origins, gaps, too few seeds."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from project.report import numbers
from project.report.choosing import Gap
from project.report.comparisons import Row, Table
from project.report.runs import PAIRS, Problem, StoredRun
from project.report.statistics import FEWEST_PAIRS, SIGNIFICANCE


def notices_of(table: Table, gaps: Sequence[Gap]) -> list[str]:
    """One sentence or two each, the gravest first."""
    return [
        *_incomplete(gaps),
        *_diverged(table.rows),
        *_few_seeds(table),
        *_not_compared(table),
        *_code(table.runs),
        *_data(table),
        *_machines(table.runs),
    ]


def left_out(problems: Sequence[Problem]) -> list[str]:
    """Of damaged runs, which `allow_missing` leaves out."""
    return [
        f"Left out, because it cannot be read: {problem.directory.parent.name}/"
        f"{problem.directory.name}, {problem.reason}."
        for problem in problems
    ]


def version_of(run: StoredRun) -> str:
    """`b7124886`, `b7124886 with changes`, or `unknown`."""
    git = run.provenance.get("git", {})
    commit = git.get("commit")
    if commit is None:
        return "unknown"
    return f"{commit[:8]} with changes" if git.get("dirty") else commit[:8]


def _incomplete(gaps: Sequence[Gap]) -> list[str]:
    if not gaps:
        return []
    return [f"Incomplete, and shown with what there is. {_list([str(gap) for gap in gaps], '. ')}."]


def _diverged(rows: Sequence[Row]) -> list[str]:
    return [
        f"{row.arm.label}: {row.diverged} of {row.diverged + len(row.arm.runs)} runs diverged "
        "(their loss left the numbers); mean and deviation are those of the others."
        for row in rows
        if row.diverged
    ]


def _few_seeds(table: Table) -> list[str]:
    found = []
    compared = [row.comparison for row in table.rows if row.comparison]
    if any(each.exploratory for each in compared):
        fewest = min(each.n for each in compared)
        found.append(
            f"Exploratory: with {fewest} common seed{'s' * (fewest > 1)} there is no p-value, "
            f"since below {FEWEST_PAIRS} none could be under {SIGNIFICANCE}."
        )
    if table.most_seeds >= FEWEST_PAIRS and table.lowest_p_value >= SIGNIFICANCE:
        way = "" if table.baseline_named else " or a baseline that is named beforehand"
        found.append(
            f"Too few seeds for so many comparisons: with {table.most_seeds} common seeds Holm's "
            f"correction over {table.family} leaves no p-value below "
            f"{numbers.p_value(table.lowest_p_value)}. More seeds{way} would show more; an "
            "interval holds for its comparison alone."
        )
    single = [row.arm.label for row in table.rows if len(row.arm.runs) == 1]
    if single:
        found.append(f"One seed only, so no deviation and no interval: {_list(single)}.")
    rigid = [row.arm.label for row in table.rows if row.summary and row.summary.deviation == 0]
    if rigid:
        found.append(
            f"All seeds gave the same error, so the interval is a point and says little: "
            f"{_list(rigid)}."
        )
    return found


def _not_compared(table: Table) -> list[str]:
    reasons: dict[str, list[str]] = {}
    for row in table.rows:
        if row.comparison is None and row.arm is not table.baseline and row.arm.runs:
            reasons.setdefault(row.reason, []).append(row.arm.label)
    if list(reasons) == ["no baseline"]:
        return ["Nothing is compared: no arm has validation errors to choose a baseline by."]
    return [
        f"Not compared with the baseline ({reason}): {_list(labels)}."
        for reason, labels in reasons.items()
    ]


def _code(runs: Sequence[StoredRun]) -> list[str]:
    found = _mixed("versions of the code", runs, version_of)
    changed = sum(bool(run.provenance.get("git", {}).get("dirty")) for run in runs)
    if changed and not found:
        found = [f"Made by code with uncommitted changes: {_of(changed, runs)}."]
    return found


def _data(table: Table) -> list[str]:
    found = _mixed("data sets", table.runs, _recorded("data", "dataset"))
    if table.experiment == PAIRS:
        # Points are drawn anew for every seed, and their checksums with them.
        found += _mixed("data checksums", table.runs, _recorded("data", "sha256"))
    return found + _mixed("origins of the data", table.runs, _recorded("data", "fetched_from"))


def _machines(runs: Sequence[StoredRun]) -> list[str]:
    found = _mixed("processors (times do not compare)", runs, _recorded("machine", "processor"))
    found += _mixed("systems", runs, _recorded("machine", "system"))
    found += _mixed("numbers of threads", runs, _recorded("threads"))
    packages = sorted({name for run in runs for name in run.provenance.get("versions", {})})
    for package in packages:
        found += _mixed(f"versions of {package}", runs, _recorded("versions", package))
    return found


def _recorded(*keys: str) -> Callable[[StoredRun], Any]:
    """Reads one fact of a run's provenance; None where it was not recorded."""

    def fact(run: StoredRun) -> Any:
        node: Any = run.provenance
        for key in keys:
            node = node.get(key) if isinstance(node, dict) else None
        return node

    return fact


def _mixed(what: str, runs: Sequence[StoredRun], fact: Callable[[StoredRun], Any]) -> list[str]:
    """`Mixed versions of the code: a (60 runs), b (40 runs).`, or nothing where all agree."""
    counts = Counter("unknown" if fact(run) is None else str(fact(run)) for run in runs)
    if len(counts) < 2:
        return []
    shown = [f"{value[:60]} ({count})" for value, count in counts.most_common(6)]
    more = f" and {len(counts) - 6} more" if len(counts) > 6 else ""
    return [f"Mixed {what}: {', '.join(shown)}{more}; number of runs in brackets."]


def _of(count: int, runs: Sequence[StoredRun]) -> str:
    return f"all {count} runs" if count == len(runs) else f"{count} of {len(runs)} runs"


def _list(labels: Sequence[str], separator: str = ", ") -> str:
    more = f"{separator}And {len(labels) - 8} more" if len(labels) > 8 else ""
    return separator.join(labels[:8]) + (more if separator != ", " else more.replace("And", "and"))
