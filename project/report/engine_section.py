"""The page section on engines: the same nets, trained by torch and by the mini framework."""

from statistics import median

from project.report.figures.costs import seconds_of
from project.report.formatting import NONE, p_value
from project.report.sections import Cell, Context, PageTable, Section, link
from project.results.comparisons import Pair, compare_variants, paired_runs, why_not_paired
from project.results.statistics import correct, summarise
from project.results.variants import Variant, differences

MAX_SEEDS = 20
ENGINE = "engine"


def engines(context: Context) -> Section | None:
    """Return the section that compares, seed by seed, variants that differ only in their engine."""
    found = _pairs(context.variants)
    if not found:
        return None
    metric, quantity = context.table.metric, context.quantity
    reasons = [why_not_paired(ours, torchs, metric.test) for ours, torchs in found]
    compared = [
        None if reason else compare_variants(ours, torchs, metric)
        for (ours, torchs), reason in zip(found, reasons, strict=True)
    ]
    p_values = iter(correct([each for each in compared if each is not None]))
    rows: list[list[str | Cell]] = []
    for (ours, torchs), reason, each in zip(found, reasons, compared, strict=True):
        means = [
            link(variant, quantity.mean_std(summarise(variant.values(metric.test) or [])))
            for variant in (torchs, ours)
        ]
        if each is None:
            rows.append([torchs.label, *means, reason, NONE, NONE, NONE, NONE])
            continue
        p = next(p_values)
        rows.append([
            torchs.label, *means, quantity.difference(each.mean), quantity.difference_ci(each.ci),
            "exploratory" if each.exploratory else p_value(p),
            f"{_time_ratio(paired_runs(ours, torchs)):.2f}", str(each.n),
        ])  # fmt: skip
    note = (
        "The mini framework's runs have the initial weights, batches and dropout masks of torch's "
        "at the same seed; the arithmetic differs in how it rounds. Differences are the "
        "framework's minus torch's, seed by seed, with the exact sign-flip test, Holm-corrected. "
        "The time is the median over the seeds of the framework's training time divided by torch's."
    )
    points = f",{quantity.points}" if quantity.percent else ""
    header = (
        "net", f"torch: {quantity.name}", "framework", f"difference{points}", "95 % CI", "p",
        "times as long", "n",
    )  # fmt: skip
    title = "The same nets, trained by torch and by the mini framework"
    tables = [PageTable(title, header, rows), *_by_seed(found, context)]
    return Section(context.anchor("engines"), title, [note, *tables])


def _pairs(variants: list[Variant]) -> list[tuple[Variant, Variant]]:
    """Return pairs (framework's variant, torch's variant) that differ only in their engine."""
    ours = [each for each in variants if each.identity.get(ENGINE) == "framework"]
    others = [each for each in variants if each not in ours]
    return [
        (own, other)
        for own in ours
        for other in others
        if own.prefix == other.prefix
        and list(differences(own.settings, other.settings)) == [ENGINE]
    ]


def _time_ratio(pairs: list[Pair]) -> float:
    ours, torchs = (seconds_of([pair[place] for pair in pairs]) for place in (0, 1))
    return median(own / other for own, other in zip(ours, torchs, strict=True))


def _by_seed(found: list[tuple[Variant, Variant]], context: Context) -> list[PageTable]:
    """Return a table of the differences at each seed; no table if no runs pair."""
    name, quantity = context.table.metric.test, context.quantity
    rows = [
        (torchs, {
            own.seed: own.metrics[name] - other.metrics[name]
            for own, other in paired_runs(ours, torchs)
            if name in own.metrics and name in other.metrics
        })
        for ours, torchs in found
    ]  # fmt: skip
    seeds = sorted({seed for _, own in rows for seed in own})[:MAX_SEEDS]
    if not seeds:
        return []
    header = ("net", *(f"seed {seed}" for seed in seeds))
    cells = [
        [
            torchs.label,
            *(quantity.difference(own[seed]) if seed in own else NONE for seed in seeds),
        ]
        for torchs, own in rows
    ]
    return [PageTable("Differences at each seed", header, cells)]
