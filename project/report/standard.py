"""Page sections for any experiment; `sections` in conf/report.yaml chooses among them."""

from collections import Counter
from statistics import fmean

from project.report.figures import standard as figures
from project.report.figures.studies import draw_sweeps, stages_of
from project.report.formatting import listed, seconds, thousands
from project.report.sections import Cell, Context, Illustration, PageTable, Section, link
from project.report.studies import KEY_NAMES, MAX_KEYS, find_sweeps, swept_keys
from project.report.study_sections import ablations, engines, searches, variance
from project.results.comparisons import compare_examples
from project.results.metrics import best_by_validation
from project.results.statistics import summarise
from project.results.text import shown
from project.runs.record import FAILED

__all__ = [
    "ablations", "costs", "engines", "epochs", "error_by_time", "examples", "failed", "searches",
    "seeds", "sweeps", "variance",
]  # fmt: skip
MAX_PANELS = 12
MAX_FAILED = 50


def failed(context: Context) -> Section | None:
    """Return the section on failed and diverged runs and their errors; None without any."""
    rows = [
        {
            "variant": link(row.variant, row.variant.label),
            "seed": str(run.seed),
            "status": "diverged" if run.diverged else "failed",
            "cause": run.error,
        }
        for row in context.table.rows
        for run in row.variant.unfinished
        if run.status == FAILED
    ]
    if not rows:
        return None
    some = [f"The first {MAX_FAILED} of {len(rows)}."] if len(rows) > MAX_FAILED else []
    table = PageTable.of("failed runs", rows[:MAX_FAILED])
    return Section(context.anchor("failed"), "Failed runs", [*some, table])


def seeds(context: Context) -> Section | None:
    """Return the section with a figure of every run's test value; None without test values."""
    if not context.variants:
        return None
    caption = (
        f"{context.quantity.name.capitalize()} of every seed (dots), with the mean (diamond) and "
        "its 95 % CI (bar): where the mean lies, not how far single runs do."
    )
    figure = figures.draw_seeds(context.variants, context.quantity)
    name = context.anchor("seeds")
    return Section(name, "Every seed", [Illustration(name, figure, caption)])


def epochs(context: Context) -> Section:
    """Return the section with the first variants' curves, and why others are not drawn."""
    metric, drawn = context.table.metric, []
    reasons: dict[str, list[str]] = {}
    for row in context.table.rows:
        each, reason = row.variant, row.reason
        if row.test is not None:
            reason = f"only the first {MAX_PANELS} of the table are drawn"
            if not {f"train/{metric.name}", metric.validation} & each.runs[0].columns().keys():
                reason = f"{metric.name} was not measured during training"
            elif len(drawn) < MAX_PANELS:
                drawn.append(each)
                continue
        reasons.setdefault(reason, []).append(each.label)
    said = [f"Not drawn ({reason}): {listed(labels)}." for reason, labels in reasons.items()]
    name = context.anchor("epochs")
    caption = (
        f"{context.quantity.plain_name.capitalize()} over the epochs: mean over the seeds (line) "
        "and one std to either side (band, not below the lowest run). Training values are measured "
        "during the epoch, with dropout where there is any. Test values are measured once, after "
        "the last epoch (diamond, ± one std)."
    )
    if not drawn:
        return Section(name, "Over the epochs", said)
    figure = Illustration(name, figures.draw_epochs(drawn, context.quantity), caption)
    return Section(name, "Over the epochs", [*said, figure])


def sweeps(context: Context) -> list[Section]:
    """Return a section for each swept setting, at most `MAX_KEYS`: the metric by its value."""
    sections = []
    quantity, variants = context.quantity, [row.variant for row in context.table.rows]
    for key in swept_keys(context.variants):
        found = find_sweeps(variants, key)
        if not found or len(sections) == MAX_KEYS:
            continue
        words = KEY_NAMES.get(key, key)
        choose = "There are no validation values to choose by, and test values must not be used."
        if "val" in stages_of(found, quantity):
            choose = f"Choose by validation (left); the {quantity.name} is there to be looked at."
        caption = f"Mean {quantity.plain_name} by {words}, with 95 % CIs. {choose}"
        name = context.anchor(f"sweep_{key.replace('.', '_')}")
        figure = Illustration(name, draw_sweeps(key, found, quantity), caption)
        sections.append(Section(name, f"{quantity.plain_name.capitalize()} by {words}", [figure]))
    return sections


def examples(context: Context) -> Section | None:
    """Return the section that compares variants with the baseline example by example (McNemar)."""
    baseline, rows = context.table.baseline, []
    for row in context.table.compared:
        found = compare_examples(row.pairs)
        if not found:
            continue
        better = Counter(each.better for each in found)
        n = sum(each.n for each in found)
        rows.append({
            "variant": link(row.variant, row.variant.label),
            "it alone is right, %": f"{100 * sum(each.only_a for each in found) / n:.2f}",
            "baseline alone is right, %": f"{100 * sum(each.only_b for each in found) / n:.2f}",
            "both wrong, %": f"{100 * sum(each.both_wrong for each in found) / n:.2f}",
            "seeds at which it is better": f"{better['a']} of {len(found)}",
            "seeds at which the baseline is": f"{better['b']} of {len(found)}",
            "examples": f"{n:,}",
        })  # fmt: skip
    if not rows or baseline is None:
        return None
    note = (
        f"Each variant's nets beside those of {baseline.label} at the same seed, on the same test "
        "examples. McNemar's exact test asks of two single nets whether they are right equally "
        "often (p < 0.05, not corrected); whether the variants differ the main table says."
    )
    title = "Example by example"
    return Section(context.anchor("examples"), title, [note, PageTable.of(title, rows)])


def costs(context: Context) -> Section | None:
    """Return the section on training time and parameters of each net; None without test values."""
    if not context.variants:
        return None
    anchors = {run.directory: each.anchor for each in context.variants for run in each.runs}
    rows = []
    for net, runs in figures.by_net(context.variants).items():
        took = summarise(figures.seconds_of(runs))
        behind = Counter(anchors[run.directory] for run in runs)
        rows.append({
            "net": net,
            "parameters": thousands(runs[0].parameters),
            "training, s (median)": seconds(took.median),
            "fastest to slowest run": f"{seconds(took.lowest)} to {seconds(took.highest)}",
            "n": Cell(" + ".join(map(str, behind.values())), links=tuple(behind)),
        })  # fmt: skip
    runs = context.table.runs
    processors = sorted({shown(run.origin("machine", "processor")) for run in runs})
    threads = sorted({shown(run.origin("threads")) for run in runs})
    note = (
        f"Wall-clock time of training on {', '.join(processors)}; threads of a run: "
        f"{', '.join(threads)}. Runs side by side slow each other down: compare times of runs that "
        "were made alike."
    )
    caption = "Training time of every run (dots) with the median (diamond), and parameters."
    name, title = context.anchor("costs"), "What a net costs"
    figure = Illustration(name, figures.draw_costs(context.variants), caption)
    return Section(name, title, [note, PageTable.of(title, rows), figure])


def error_by_time(context: Context) -> Section | None:
    """Return the section with the metric of each model's best variant against training time."""
    metric, quantity = context.table.metric, context.quantity
    models = dict.fromkeys(each.prefix for each in context.variants)
    own = ([each for each in context.variants if each.prefix == model] for model in models)
    best = [chosen for each in own if (chosen := best_by_validation(each, metric))]
    if len(best) < 2:
        return None
    better = "down" if metric.direction == "min" else "up"
    caption = (
        f"Mean {quantity.name} with its 95 % CI over the median training time: of each "
        "model the variant that is the best by validation, among those with the most completed "
        f"runs. What lies further {better} and further left is better. Compare times of runs that "
        "were made alike."
    )
    best.sort(key=lambda each: metric.sign * fmean(each.values(metric.test) or ()))
    figure = figures.draw_frontier(best, quantity)
    return Section(
        context.anchor("error-by-time"),
        f"{quantity.plain_name.capitalize()} against training time",
        [Illustration(context.anchor("error_by_time"), figure, caption)],
    )
