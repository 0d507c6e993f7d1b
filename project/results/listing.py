"""The content of `python -m project.runs`: lists of variants, facts of a run, differences."""

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from project.config.identity import flatten
from project.results.records import Problem, RunRecord
from project.results.text import seed_list, shown
from project.results.variants import Variant, differing_keys, group
from project.runs.lifecycle import metric_text
from project.runs.prune import directory_size, last_change
from project.runs.record import COMPLETED


@dataclass(frozen=True)
class VariantLine:
    """One line of the list of variants.

    Attributes:
        variant: The name of the variant's folder.
        label: The model, and the settings in which the listed variants differ.
        n: The number of completed runs.
        seeds: Their seeds.
        missing: The seeds that another listed variant with the same task and data has completed.
        other: The number of other runs by status (`diverged` is one of its own).
        metric: The validation metric that the variant is judged by: `val/error`.
        mean: Its mean; None if a run lacks it.
        std: Its std (ddof 1); None for a single run or without a mean.
        bytes: The total size of the run directories.
        changed: When one of its files was last changed, in seconds since 1970.
        tags: The tags of all its runs, without duplicates.
        notes: The notes of all its runs, without duplicates.
    """

    variant: str
    label: str
    n: int
    seeds: list[int]
    missing: list[int]
    other: dict[str, int]
    metric: str
    mean: float | None
    std: float | None
    bytes: int
    changed: float
    tags: list[str]
    notes: list[str]


def variant_lines(runs: Sequence[RunRecord]) -> list[VariantLine]:
    """Return one line for each variant of the runs, ordered by prefix and settings."""
    variants = group(runs)
    seeds: dict[tuple[str, str], set[int]] = {}
    for each in variants:
        seeds.setdefault(_experiment(each), set()).update(each.seeds)
    return [_line(each, sorted(seeds[_experiment(each)])) for each in variants]


def _experiment(variant: Variant) -> tuple[str, str]:
    return variant.first.task, variant.first.dataset


def _line(variant: Variant, seeds: Sequence[int]) -> VariantLine:
    runs = variant.all_runs
    metric = f"val/{variant.first.record['metric']['name']}"
    values = variant.values(metric)
    other: dict[str, int] = {}
    for run in variant.unfinished:
        state = "diverged" if run.diverged else run.status
        other[state] = other.get(state, 0) + 1
    return VariantLine(
        variant=variant.name,
        label=variant.label,
        n=len(variant.runs),
        seeds=variant.seeds,
        missing=[seed for seed in seeds if seed not in set(variant.seeds)],
        other=other,
        metric=metric,
        mean=statistics.fmean(values) if values else None,
        std=statistics.stdev(values) if values and len(values) > 1 else None,
        bytes=sum(directory_size(run.directory) for run in runs),
        changed=max(last_change(run.directory) for run in runs),
        tags=sorted({str(tag) for run in runs for tag in run.record.get("tags", [])}),
        notes=sorted({str(note) for run in runs if (note := run.record.get("notes"))}),
    )


def as_json(lines: Sequence[VariantLine], problems: Sequence[Problem]) -> dict[str, Any]:
    """Return the lines and the runs that cannot be read as one object for JSON, unrounded."""
    return {
        "variants": [asdict(line) for line in lines],
        "damaged": [{"run": each.name, "reason": each.reason} for each in problems],
    }


def cells(line: VariantLine) -> list[str]:
    """Return the texts of a variant's line, one for each of `HEADINGS`."""
    name = line.metric.partition("/")[2]
    mean = "-" if line.mean is None else metric_text(name, line.mean)
    std = "" if line.std is None else f" ± {metric_text(name, line.std)}"
    state = ", ".join(f"{count} {status}" for status, count in line.other.items())
    missing = f"without {seed_list(line.missing)}" if line.missing else ""
    when = datetime.fromtimestamp(line.changed).strftime("%Y-%m-%d %H:%M")
    return [
        line.variant,
        line.label,
        str(line.n),
        "; ".join(filter(None, (missing, state))) or "complete",
        f"{mean}{std}",
        size_text(line.bytes),
        when,
        ", ".join(line.tags),
    ]


HEADINGS = ("variant", "what", "n", "seeds and status", "validation", "size", "changed", "tags")


def size_text(size: int) -> str:
    """Return a number of bytes as text in decimal units: `1.2 MB`."""
    amount, units = float(size), ["B", "kB", "MB", "GB", "TB"]
    while amount >= 1000 and len(units) > 1:
        amount /= 1000
        units.pop(0)
    return f"{amount:.0f} {units[0]}" if units[0] == "B" else f"{amount:.1f} {units[0]}"


def run_facts(run: RunRecord) -> list[tuple[str, str]]:
    """Return status, metrics, provenance and configuration of a run as pairs (name, text)."""
    record = run.record
    facts = [("status", run.status), ("typed", str(record.get("typed") or ""))]
    facts += [(name, shown(value)) for name, value in sorted(run.metrics.items())]
    for key in ("parameters", "epochs", "stopped_early", "weights_sha256", "started", "ended"):
        if record.get(key) is not None:
            facts.append((key, shown(record[key])))
    facts += [("error", run.error)] if run.error else []
    facts += [("tags", ", ".join(map(str, record.get("tags", []))))] if record.get("tags") else []
    facts += [("notes", str(record["notes"]))] if record.get("notes") else []
    origin = {key: value for key, value in record["provenance"].items() if key != "code"}
    facts += [(key, shown(value)) for key, value in flatten(origin).items()]
    facts += [(f"config.{key}", shown(value)) for key, value in flatten(run.config).items()]
    return facts


def files_of(run: RunRecord) -> list[tuple[str, str]]:
    """Return (relative path, size as text) for each file in the run directory."""
    files = sorted(path for path in run.directory.rglob("*") if path.is_file())
    return [
        (str(path.relative_to(run.directory)), size_text(path.stat().st_size)) for path in files
    ]


@dataclass(frozen=True)
class Difference:
    """A fact in which two runs or two variants differ.

    Attributes:
        kind: `configuration`, `code`, `data` or `environment`.
        key: The name of the fact: `optimizer.lr`.
        a: Its value on the first side, as text; `-` if it is missing.
        b: Its value on the second side.
    """

    kind: str
    key: str
    a: str
    b: str


def differences(a: Sequence[RunRecord], b: Sequence[RunRecord]) -> list[Difference]:
    """Return the facts other than results in which two runs or two variants differ.

    The first completed run of each side stands for it, or the first one if none completed.
    """
    one, other = _representative(a), _representative(b)
    found = [
        Difference("configuration", key, *_shown(key, one.config, other.config))
        for key in differing_keys([flatten(one.config), flatten(other.config)])
        if not key.startswith(("paths.", "logger.", "tags", "notes"))
    ]
    code_a, code_b = (run.origin("code", "definitions") or {} for run in (one, other))
    for name in sorted(code_a.keys() | code_b.keys()):
        if code_a.get(name) != code_b.get(name):
            values = (_digest(code_a.get(name)), _digest(code_b.get(name)))
            found.append(Difference("code", name.replace(":", "."), *values))
    for part in ("git", "versions", "machine", "threads", "device", "cpu_capability", "data"):
        before, now = ({part: run.origin(part)} for run in (one, other))
        found += [
            Difference("data" if part == "data" else "environment", key, *_shown(key, before, now))
            for key in differing_keys([flatten(before), flatten(now)])
        ]
    return found


def _representative(runs: Sequence[RunRecord]) -> RunRecord:
    return next((run for run in runs if run.status == COMPLETED), runs[0])


def _shown(key: str, before: dict[str, Any], now: dict[str, Any]) -> tuple[str, str]:
    one, other = flatten(before), flatten(now)
    return tuple(  # type: ignore[return-value]
        shown(each[key]) if key in each else "-" for each in (one, other)
    )


def _digest(value: str | None) -> str:
    return "-" if value is None else value[:12]


def cited_runs(outputs: Path) -> set[str]:
    """Return the names `<variant>/seed_<k>` of the runs in the last report; empty without one."""
    import csv

    path = outputs / "report" / "results.csv"
    try:
        with open(path, newline="", encoding="utf-8") as file:
            return {row["name"] for row in csv.DictReader(file) if row.get("name")}
    except OSError:
        return set()
