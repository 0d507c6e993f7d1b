"""The content of `python -m project.runs`: lists of variants, facts of a run, differences."""

import csv
import statistics
from collections import Counter, defaultdict
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
    """One line of the list of variants."""

    variant: str
    label: str
    n: int
    seeds: list[int]
    missing: list[int]  # seeds that another listed variant of that task and data has completed
    other: dict[str, int]  # the number of other runs by status, or `diverged`
    metric: str  # the validation metric that judges
    mean: float | None  # None where a run lacks the metric
    std: float | None  # ddof 1
    bytes: int
    changed: float  # in seconds since 1970
    tags: list[str]
    notes: list[str]


def variant_lines(runs: Sequence[RunRecord]) -> list[VariantLine]:
    """Return one line for each variant of the runs, ordered by prefix and settings."""
    variants = group(runs)
    seeds: dict[tuple[str, str], set[int]] = defaultdict(set)
    for each in variants:
        seeds[each.first.task, each.first.dataset].update(each.seeds)
    return [_line(each, seeds[each.first.task, each.first.dataset]) for each in variants]


def _line(variant: Variant, seeds: set[int]) -> VariantLine:
    runs = variant.all_runs
    metric = f"val/{variant.first.record['metric']['name']}"
    values = variant.values(metric)
    other = Counter("diverged" if run.diverged else run.status for run in variant.unfinished)
    return VariantLine(
        variant=variant.name,
        label=variant.label,
        n=len(variant.runs),
        seeds=variant.seeds,
        missing=sorted(seeds.difference(variant.seeds)),
        other=dict(other),
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
    entries = ("parameters", "epochs", "stopped_early", "weights_sha256", "started", "ended")
    texts = {"error": run.error, "tags": ", ".join(map(str, record.get("tags") or []))}
    texts["notes"] = str(record.get("notes") or "")
    origin = {key: value for key, value in record["provenance"].items() if key != "code"}
    return [
        ("status", run.status),
        ("typed", str(record.get("typed") or "")),
        *((name, shown(value)) for name, value in sorted(run.metrics.items())),
        *((key, shown(record[key])) for key in entries if record.get(key) is not None),
        *((key, text) for key, text in texts.items() if text),
        *((key, shown(value)) for key, value in flatten(origin).items()),
        *((f"config.{key}", shown(value)) for key, value in flatten(run.config).items()),
    ]


def files_of(run: RunRecord) -> list[tuple[str, str]]:
    """Return (relative path, size as text) for each file in the run directory."""
    files = sorted(path for path in run.directory.rglob("*") if path.is_file())
    return [
        (str(path.relative_to(run.directory)), size_text(path.stat().st_size)) for path in files
    ]


KINDS = ("configuration", "code", "environment", "data")
NO_DIFFERENCE = ("paths.", "logger.", "tags", "notes")  # beginnings of keys that do not count


@dataclass(frozen=True)
class Difference:
    """A fact (`optimizer.lr`), of one of `KINDS`, in which two runs differ; `-` if missing."""

    kind: str
    key: str
    a: str
    b: str


def differences(a: Sequence[RunRecord], b: Sequence[RunRecord]) -> list[Difference]:
    """Return the facts other than results in which two runs or two variants differ.

    The first completed run of each side stands for it, or the first one if none completed.
    """
    runs = [next((run for run in side if run.status == COMPLETED), side[0]) for side in (a, b)]
    return [
        Difference(kind, key, *(shown(side[key]) if key in side else "-" for side in sides))
        for kind, *sides in zip(KINDS, *map(_facts, runs), strict=True)
        for key in differing_keys(sides)
    ]


def _facts(run: RunRecord) -> list[dict[str, Any]]:
    """Return the facts of each of `KINDS`, by dotted key."""
    config = flatten(run.config).items()
    code = run.origin("code", "definitions") or {}
    parts = ("git", "versions", "machine", "threads", "device", "cpu_capability")
    return [
        {key: each for key, each in config if not key.startswith(NO_DIFFERENCE)},
        {name.replace(":", "."): digest[:12] for name, digest in sorted(code.items())},
        flatten({part: run.origin(part) for part in parts}),
        flatten({"data": run.origin("data")}),
    ]


def cited_runs(outputs: Path) -> set[str]:
    """Return the names `<variant>/seed_<k>` of the runs in the last report; empty without one."""
    path = outputs / "report" / "results.csv"
    try:
        with open(path, newline="", encoding="utf-8") as file:
            return {row["name"] for row in csv.DictReader(file) if row.get("name")}
    except OSError:
        return set()
