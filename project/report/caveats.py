"""Caveats about a table: confounds, missing runs, mixed code and machines, too few seeds."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from project.report.formatting import counted, listed, p_value
from project.report.results_table import Table
from project.report.selection import Gap
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
    kinds = (_diverged, _confounds, _budgets, _few_seeds, _not_compared, _code, _origins)
    return [*([incomplete] if gaps else []), *(each for kind in kinds for each in kind(table))]


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


def _diverged(table: Table) -> Iterator[str]:
    for each in (row.variant for row in table.rows):
        if each.diverged:
            yield (
                f"{each.label}: {each.diverged} of {each.diverged + len(each.runs)} runs diverged "
                "(their loss was not a finite number); mean and std are those of the others."
            )


def _confounds(table: Table) -> Iterator[str]:
    """Yield a caveat on variants that differ in more than the model or one setting."""
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
    if found:
        several = len({row.variant.first.model for row in table.rows}) > 1
        than = "the model" if several else "one thing"
        yield f"Confounded: more than {than} differs from the baseline. {listed(found, '; ')}."


def _budgets(table: Table) -> Iterator[str]:
    """Yield a caveat on unequal budgets: epochs, parameters, training data, augmentation."""
    variants = [row.variant for row in table.rows if row.variant.runs]
    parts = []
    lengths: dict[int, list[str]] = defaultdict(list)
    for each in variants:
        for epochs in {run.epochs for run in each.runs if run.epochs is not None}:
            lengths[epochs].append(each.label)
    if len(lengths) > 1:
        ends = (min(lengths), max(lengths))
        words = " to ".join(f"{at} ({listed(lengths[at], most=2)})" for at in ends)
        early = sum(run.stopped_early for each in variants for run in each.runs)
        parts.append(
            f"epochs from {words}" + f", {counted(early, 'run')} stopped early" * (early > 0)
        )
    sizes = {each.label: each.first.parameters for each in variants if each.first.parameters}
    if sizes and max(sizes.values()) >= MUCH_LARGER * min(sizes.values()):
        ends = (min(sizes, key=sizes.__getitem__), max(sizes, key=sizes.__getitem__))
        parts.append(f"parameters from {' to '.join(f'{sizes[x]:,} ({x})' for x in ends)}")
    trained = [
        row.variant.label
        for row in table.compared
        if any(a.origin("data", "train") != b.origin("data", "train") for a, b in row.pairs)
    ]
    if trained:
        same = "other training examples than the baseline's at the same seed"
        parts.append(f"{same}: {listed(trained)}")
    augmented = [each.label for each in variants if "augmentation._target_" in each.settings]
    if augmented and len(augmented) < len(variants):
        parts.append(f"augmentation for {listed(augmented)} alone")
    if parts:
        yield f"Not the same budget: {'; '.join(parts)}."


def _few_seeds(table: Table) -> Iterator[str]:
    compared = [row.paired for row in table.compared if row.paired]
    if any(each.exploratory for each in compared):
        fewest = min(each.n for each in compared)
        yield (
            f"Exploratory: with {counted(fewest, 'common seed')} there is no p-value, since below "
            f"{MIN_PAIRS} none could be under {SIGNIFICANCE}."
        )
    if table.most_seeds >= MIN_PAIRS and table.lowest_p_value >= SIGNIFICANCE:
        way = "" if table.baseline_named else " or a baseline that is named beforehand"
        yield (
            f"Too few seeds for so many comparisons: with {table.most_seeds} common seeds Holm's "
            f"correction over {table.family} leaves no p-value below "
            f"{p_value(table.lowest_p_value)}. More seeds{way} would show more; a CI holds for its "
            "comparison alone."
        )
    if single := [row.variant.label for row in table.rows if len(row.variant.runs) == 1]:
        yield f"One seed only, so no std and no CI: {listed(single)}."
    if rigid := [row.variant.label for row in table.rows if row.test and row.test.std == 0]:
        yield (
            f"All seeds gave the same {table.quantity.name}, so the CI is a point and says little: "
            f"{listed(rigid)}."
        )


def _not_compared(table: Table) -> Iterator[str]:
    reasons: dict[str, list[str]] = defaultdict(list)
    for row in table.rows:
        if row.reason and not row.is_baseline and row.variant.runs:
            reasons[row.reason].append(row.variant.label)
    if list(reasons) == ["no baseline"]:
        metric = table.metric.validation
        yield f"Nothing is compared: no variant has {metric} to choose a baseline by."
        return
    for reason, labels in reasons.items():
        yield f"Not compared with the baseline ({reason}): {listed(labels)}."
    for row in table.compared:
        assert table.baseline is not None
        if seeds := unpaired_seeds(row.variant, table.baseline):
            yield (
                f"{row.variant.label} had other test examples than the baseline at "
                f"{counted(len(seeds), 'seed')} ({seed_list(seeds)}), which are not compared."
            )


def _code(table: Table) -> Iterator[str]:
    """Yield caveats on runs of different or uncommitted code."""
    for row in table.rows:
        if (count := len({run.code for run in row.variant.runs})) > 1:
            yield f"{row.variant.label} averages runs of {count} versions of its code, as accepted."
    versions: dict[str, set[str]] = defaultdict(set)
    for definitions in _distinct(run.origin("code", "definitions") for run in table.runs):
        for name, digest in definitions.items():
            versions[printable(str(name))].add(str(digest))
    if mixed := sorted(name for name, digests in versions.items() if len(digests) > 1):
        yield f"Compared across versions of the code: {listed(mixed)} changed in between."
    platforms = (str(run.origin("code", "platform") or "unknown")[:8] for run in table.runs)
    yield from _mixed("versions of the platform", platforms)
    commits = _mixed("commits", map(version_of, table.runs))
    dirty = sum(bool(run.origin("git", "dirty")) for run in table.runs)
    if dirty and not commits:
        share = f"all {dirty}" if dirty == len(table.runs) else f"{dirty} of {len(table.runs)}"
        commits = [f"Made by code with uncommitted changes: {share} runs."]
    yield from commits


def _origins(table: Table) -> Iterator[str]:
    facts = dict(ORIGINS)
    versions = _distinct(run.origin("versions") for run in table.runs)
    for package in sorted({name for each in versions for name in each}):
        facts[f"versions of {printable(str(package))}"] = ("versions", package)
    for what, path in facts.items():
        yield from _mixed(what, (run.origin(*path) for run in table.runs))


def _distinct(found: Iterable[Any]) -> Iterable[dict[str, Any]]:
    """Return each dictionary once, of which many runs share one."""
    return {id(each): each for each in found if isinstance(each, dict)}.values()


def _mixed(what: str, values: Iterable[Any]) -> list[str]:
    """Return a caveat with the number of runs by the value of a fact; empty if all agree."""
    counts = Counter("unknown" if value is None else str(value) for value in values)
    if len(counts) < 2:
        return []
    shown = [f"{printable(value)[:60]} ({count})" for value, count in counts.most_common()]
    return [f"Mixed {what}: {listed(shown, most=6)}; number of runs in brackets."]
