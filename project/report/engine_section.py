"""The page section on engines: the same nets, trained by torch and by the mini framework."""

from statistics import median

from project.report.figures.costs import seconds_of
from project.report.formatting import NONE
from project.report.sections import Cell, Context, PageTable, Section, link
from project.results.comparisons import compare_family, paired_runs
from project.results.statistics import summarise
from project.results.variants import differences

MAX_SEEDS = 20
ENGINE = "engine"


def engines(context: Context) -> Section | None:
    """Return the section that compares, seed by seed, variants that differ only in their engine."""
    found = [
        (ours, torchs)
        for ours in context.variants
        for torchs in context.variants
        if ours.identity.get(ENGINE) == "framework"
        and ours.prefix == torchs.prefix
        and list(differences(ours.settings, torchs.settings)) == [ENGINE]
    ]
    if not found:
        return None
    metric, quantity = context.table.metric, context.quantity
    rows: list[list[str | Cell]] = []
    by_seed: dict[str, dict[int, float]] = {}
    for (ours, torchs), told in zip(found, compare_family(found, metric), strict=True):
        means = [
            link(variant, quantity.mean_std(summarise(variant.values(metric.test) or [])))
            for variant in (torchs, ours)
        ]
        pairs = paired_runs(ours, torchs)
        by_seed[torchs.label] = {
            own.seed: own.metrics[metric.test] - other.metrics[metric.test] for own, other in pairs
        }
        n = times = NONE
        if told[0] is not None:
            n = str(told[0].n)
            times = f"{median(a / b for a, b in map(seconds_of, pairs)):.2f}"
        rows.append([torchs.label, *means, *quantity.compared(*told), times, n])
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
    tables = [PageTable(title, header, rows)]
    seeds = sorted({seed for own in by_seed.values() for seed in own})[:MAX_SEEDS]
    if seeds:
        header = ("net", *(f"seed {seed}" for seed in seeds))
        lines = [
            [net, *(quantity.difference(own.get(seed)) for seed in seeds)]
            for net, own in by_seed.items()
        ]
        tables.append(PageTable("Differences at each seed", header, lines))
    return Section(context.anchor("engines"), title, [note, *tables])
