"""Caveats about a table: confounds, missing runs, mixed code and machines, too few seeds."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from project.report.formatting import counted, listed, p_value
from project.report.missing_runs import Gap
from project.report.results_table import Table
from project.results.comparisons import unpaired_seeds
from project.results.records import Problem, RunRecord
from project.results.statistics import MIN_PAIRS, SIGNIFICANCE
from project.results.text import printable, seed_list
from project.results.variants import differences

# Nets whose numbers of parameters differ by this factor have different budgets.
MUCH_LARGER = 2
# What the runs of a table should share, and the path to it in their provenance.
ORIGINS = {
    "data files": ("data", "source"),
    "sources of the data": ("data", "fetched_from"),
    "processors (times do not compare)": ("machine", "processor"),
    "systems": ("machine", "system"),
    "devices": ("device",),
    "numbers of threads": ("threads",),
}


def caveats_of(table: Table, gaps: Sequence[Gap]) -> list[str]:
    """Return the caveats about a table, with the gaps of its variants, the most serious first."""
    missing = listed(map(str, gaps), ". ")
    incomplete = f"Incomplete, and shown with what there is (strict=true refuses). {missing}."
    return [
        *([incomplete] if gaps else []),
        *_diverged(table),
        *_confounds(table),
        *_budgets(table),
        *_few_seeds(table),
        *_not_compared(table),
        *_code(table),
        *_origins(table.runs),
    ]


def left_out(problems: Sequence[Problem]) -> list[str]:
    """Return a notice for each run that cannot be read."""
    return [
        f"Left out, because it cannot be read: {each.name}, {each.reason}." for each in problems
    ]


def version_of(run: RunRecord) -> str:
    """Return the commit of a run: `b7124886`, `b7124886 with changes`, or `unknown`."""
    commit = run.origin("git", "commit")
    if commit is None:
        return "unknown"
    return printable(str(commit))[:8] + " with changes" * bool(run.origin("git", "dirty"))


def _diverged(table: Table) -> list[str]:
    return [
        f"{each.label}: {each.diverged} of {each.diverged + len(each.runs)} runs diverged (their "
        "loss was not a finite number); mean and std are those of the others."
        for each in (row.variant for row in table.rows)
        if each.diverged
    ]


def _confounds(table: Table) -> list[str]:
    """Return a caveat on variants that differ in more than the model or one setting."""
    found = []
    for row in table.compared:
        assert table.baseline is not None
        others = differences(row.variant.settings, table.baseline.settings)
        if row.variant.first.model != table.baseline.first.model:
            others = {key: ends for key, ends in others.items() if key.split(".")[0] != "model"}
        elif len(others) == 1:
            continue
        if others:
            words = [f"{key} ({own} against {other})" for key, (own, other) in others.items()]
            found.append(f"{row.variant.label} in {listed(words)}")
    if not found:
        return []
    than = "the model" if len({row.variant.first.model for row in table.rows}) > 1 else "one thing"
    return [f"Confounded: more than {than} differs from the baseline. {listed(found, '; ')}."]


def _budgets(table: Table) -> list[str]:
    """Return a caveat on unequal budgets: epochs, parameters, training data, augmentation."""
    variants = [row.variant for row in table.rows if row.variant.runs]
    parts = []
    lengths = {each.label: sorted({run.epochs for run in each.runs if run.epochs is not None})
               for each in variants}  # fmt: skip
    every = sorted({epochs for own in lengths.values() for epochs in own})
    if len(every) > 1:
        words = [
            f"{at} ({listed((label for label, own in lengths.items() if at in own), most=2)})"
            for at in (every[0], every[-1])
        ]
        early = sum(run.stopped_early for each in variants for run in each.runs)
        stopped = f", {counted(early, 'run')} stopped early" if early else ""
        parts.append(f"epochs from {' to '.join(words)}{stopped}")
    sizes = {each.label: each.first.parameters for each in variants if each.first.parameters}
    if sizes and max(sizes.values()) >= MUCH_LARGER * min(sizes.values()):
        ends = (min(sizes, key=sizes.__getitem__), max(sizes, key=sizes.__getitem__))
        parts.append(f"parameters from {' to '.join(f'{sizes[x]:,} ({x})' for x in ends)}")
    trained = [
        row.variant.label
        for row in table.compared
        if any(
            own.origin("data", "train") != other.origin("data", "train") for own, other in row.pairs
        )
    ]
    if trained:
        parts.append(f"other training examples than the baseline's at the same seed: "
                     f"{listed(trained)}")  # fmt: skip
    augmented = [each for each in variants if "augmentation._target_" in each.settings]
    if augmented and len(augmented) < len(variants):
        parts.append(f"augmentation for {listed(each.label for each in augmented)} alone")
    return [f"Not the same budget: {'; '.join(parts)}."] if parts else []


def _few_seeds(table: Table) -> list[str]:
    found = []
    compared = [row.paired for row in table.compared if row.paired]
    if any(each.exploratory for each in compared):
        fewest = min(each.n for each in compared)
        found.append(
            f"Exploratory: with {counted(fewest, 'common seed')} there is no p-value, since below "
            f"{MIN_PAIRS} none could be under {SIGNIFICANCE}."
        )
    if table.most_seeds >= MIN_PAIRS and table.lowest_p_value >= SIGNIFICANCE:
        way = "" if table.baseline_named else " or a baseline that is named beforehand"
        found.append(
            f"Too few seeds for so many comparisons: with {table.most_seeds} common seeds Holm's "
            f"correction over {table.family} leaves no p-value below "
            f"{p_value(table.lowest_p_value)}. More seeds{way} would show more; a CI holds for its "
            "comparison alone."
        )
    single = [row.variant.label for row in table.rows if len(row.variant.runs) == 1]
    if single:
        found.append(f"One seed only, so no std and no CI: {listed(single)}.")
    rigid = [row.variant.label for row in table.rows if row.test and row.test.std == 0]
    if rigid:
        found.append(
            f"All seeds gave the same {table.quantity.name}, so the CI is a point and says little: "
            f"{listed(rigid)}."
        )
    return found


def _not_compared(table: Table) -> list[str]:
    reasons: dict[str, list[str]] = defaultdict(list)
    for row in table.rows:
        if row.reason and not row.is_baseline and row.variant.runs:
            reasons[row.reason].append(row.variant.label)
    if list(reasons) == ["no baseline"]:
        return [f"Nothing is compared: no variant has {table.metric.validation} to choose a "
                "baseline by."]  # fmt: skip
    found = [
        f"Not compared with the baseline ({reason}): {listed(labels)}."
        for reason, labels in reasons.items()
    ]
    for row in table.compared:
        assert table.baseline is not None
        if seeds := unpaired_seeds(row.variant, table.baseline):
            found.append(
                f"{row.variant.label} had other test examples than the baseline at "
                f"{counted(len(seeds), 'seed')} ({seed_list(seeds)}), which are not compared."
            )
    return found


def _code(table: Table) -> list[str]:
    """Return caveats on runs of different or uncommitted code."""
    found = [
        f"{row.variant.label} averages runs of {count} versions of its code, as accepted."
        for row in table.rows
        if (count := len({run.code for run in row.variant.runs})) > 1
    ]
    versions: dict[str, set[str]] = defaultdict(set)
    found_in_runs = (run.origin("code", "definitions") for run in table.runs)
    for definitions in {id(each): each for each in found_in_runs if each}.values():
        for name, digest in definitions.items():
            versions[printable(str(name))].add(str(digest))
    mixed = sorted(name for name, digests in versions.items() if len(digests) > 1)
    if mixed:
        found.append(f"Compared across versions of the code: {listed(mixed)} changed in between.")
    platforms = (str(run.origin("code", "platform") or "unknown")[:8] for run in table.runs)
    found += _mixed("versions of the platform", platforms)
    commits = _mixed("commits", map(version_of, table.runs))
    dirty = sum(bool(run.origin("git", "dirty")) for run in table.runs)
    if dirty and not commits:
        share = f"all {dirty}" if dirty == len(table.runs) else f"{dirty} of {len(table.runs)}"
        commits = [f"Made by code with uncommitted changes: {share} runs."]
    return found + commits


def _origins(runs: Sequence[RunRecord]) -> list[str]:
    facts = dict(ORIGINS)
    versions = {id(each): each for run in runs if isinstance(each := run.origin("versions"), dict)}
    for package in sorted({name for each in versions.values() for name in each}):
        facts[f"versions of {printable(str(package))}"] = ("versions", package)
    return [
        caveat
        for what, path in facts.items()
        for caveat in _mixed(what, (run.origin(*path) for run in runs))
    ]


def _mixed(what: str, values: Iterable[Any]) -> list[str]:
    """Return a caveat with the number of runs by the value of a fact; empty if all agree."""
    counts = Counter("unknown" if value is None else str(value) for value in values)
    if len(counts) < 2:
        return []
    shown = [f"{printable(value)[:60]} ({count})" for value, count in counts.most_common()]
    return [f"Mixed {what}: {listed(shown, most=6)}; number of runs in brackets."]
