"""Page sections on studies: ablations, sources of variance, searches, and engines."""

from statistics import median

from project.report.figures.costs import seconds_of
from project.report.figures.studies import draw_ablation, draw_search, draw_variance
from project.report.formatting import NONE, counted, plain, quantity_of
from project.report.sections import Cell, Context, Illustration, PageTable, Section, link
from project.report.studies import (
    SOURCES,
    TOGETHER,
    Ablation,
    VarianceStudy,
    find_ablations,
    find_variance_studies,
)
from project.results.comparisons import compare_family, paired_runs
from project.results.metrics import Metric
from project.results.statistics import summarise
from project.results.text import shown
from project.results.variants import differences
from project.runs.trials import COMPLETE, History, read_histories

BEST_TRIALS = 5
MAX_SEEDS = 20  # of the table of differences between engines
ENGINE = "engine"


def ablations(context: Context) -> list[Section]:
    """Return a section for each ablation, with the effect of every single change to a model."""
    return [_ablation(each, context) for each in find_ablations(context.variants)]


def _ablation(study: Ablation, context: Context) -> Section:
    quantity, metric = context.quantity, context.table.metric
    found = compare_family([(each, study.whole) for each in study.changed.values()], metric)
    compared, rows = {}, []
    for (change, variant), told in zip(study.changed.items(), found, strict=True):
        summary = summarise(variant.values(metric.test) or [])
        if told[0] is not None:
            compared[change] = told[0]
        n = summary.n if told[0] is None else told[0].n
        cells = [quantity.mean_std(summary) + quantity.unit, *quantity.compared(*told), str(n)]
        rows.append([change, *(link(variant, cell) for cell in cells)])
    model = study.whole.prefix
    whole = summarise(study.whole.values(metric.test) or [])
    note = (
        f"{model} as it is: {quantity.mean_std(whole)}{quantity.unit} (n = {whole.n}). Each line "
        "changes one thing and keeps all others; the difference is taken seed by seed, with its "
        "95 % CI, and p is that of the exact sign-flip test, Holm-corrected over this table."
    )
    difference = f"difference,{quantity.points}" if quantity.percent else "difference"
    header = ("changed", quantity.name, difference, "95 % CI", "p", "n")
    title = f"{model}, one thing changed at a time"
    parts: list[str | PageTable | Illustration] = [note, PageTable(title, header, rows)]
    if compared:
        worse = "right" if metric.direction == "min" else "left"
        caption = (
            f"{quantity.name.capitalize()} with one thing changed minus that of {model} as it is: "
            "mean over the seeds that both have (diamond) and 95 % CI (bar). What lies to the "
            f"{worse} of 0 is worse."
        )
        figure = draw_ablation(model, compared, quantity)
        parts.append(Illustration(context.anchor(f"ablation_{model}"), figure, caption))
    return Section(context.anchor(f"ablation-{model}"), title, parts)


def variance(context: Context) -> Section | None:
    """Return the section on the variance that each source of chance causes, if that was studied."""
    parts: list[str | PageTable | Illustration] = []
    for number, study in enumerate(find_variance_studies(context.variants), start=1):
        parts += _variance_table(study, context)
        caption = (
            f"{study.name}: the std of the {context.quantity.name} when one source of chance "
            "varies alone, the others held at one seed (bars: 95 % CI, which trusts that values "
            "are normal), and each source's share of the summed variance."
        )
        name = context.anchor("variance" if number == 1 else f"variance_{number}")
        parts.append(Illustration(name, draw_variance(study, context.quantity), caption))
    title = "Where the variance comes from"
    return Section(context.anchor("variance"), title, parts) if parts else None


def _variance_table(study: VarianceStudy, context: Context) -> list[str | PageTable | Illustration]:
    quantity = context.quantity
    decomposed = study.decompose(context.table.metric)
    estimates = dict(decomposed.sources)
    if decomposed.together:
        estimates[TOGETHER] = decomposed.together
    rows = []
    for source, each in estimates.items():
        low, middle, high = (
            quantity.value(value**0.5) for value in (each.ci[0], each.variance, each.ci[1])
        )
        share = (decomposed.shares or {}).get(source)
        variant = study.varied.get(source) or study.together
        cells = [f"{middle} ({low} to {high})", NONE if share is None else f"{100 * share:.0f} %"]
        named = SOURCES.get(source, source)
        rows.append([named, *(link(variant, cell) if variant else cell
                              for cell in (*cells, str(each.n)))])  # fmt: skip
    missing = ", ".join(SOURCES[source] for source in study.missing)
    note = (
        f"{study.name}. Shares are of the sum over the sources, whose std is "
        f"{quantity.value(decomposed.sum_of_sources**0.5)}{quantity.points}. "
        + (
            f"Not run alone, and so neither in the sum nor in the shares: {missing}. "
            if missing
            else "It would be that of all together if the sources did not act on each other. "
        )
        + "Variances are known far worse than means: look at the CIs before believing a share."
    )
    std = f"std,{quantity.points} (95 % CI)" if quantity.percent else "std (95 % CI)"
    header = ("what varies", std, "share", "n")
    return [note, PageTable("Shares of the variance", header, rows)]


def searches(context: Context) -> list[Section]:
    """Return a section for each search in the output folder, after the first table only.

    Raises:
        CorruptRunError: The file of a search cannot be read.
    """
    if context.number:
        return []
    tabled = {run.seed for run in context.table.runs}
    return [_search(each, tabled) for each in read_histories(context.outputs) if each.trials]


def _search(history: History, tabled: set[int]) -> Section:
    complete = [each for each in history.trials if each.state == COMPLETE]
    runs, count = sum(len(each.errors) for each in history.trials), len(history.trials)
    metric = Metric(history.objective.rpartition("/")[2], "min")
    quantity = quantity_of(metric, [each.value for each in complete if each.value is not None])
    shared = sorted(tabled & set(history.seeds))
    in_table = (
        f"runs at {', '.join(map(str, shared))} stand in the table too: a variant that was chosen "
        "here is flattered there"
        if shared
        else "no run of the table has one of them"
    )
    others = f", {count - len(complete)} given up or failed" if count > len(complete) else ""
    versions = ", ".join(f"{name} {version}" for name, version in history.versions.items())
    note = (
        f"{counted(count, 'trial')} ({len(complete)} complete{others}), {runs} runs in all. Chosen "
        f"by the mean {history.objective} over the seeds {', '.join(map(str, history.seeds))}; "
        f"{in_table}. Test values had no say. {history.sampler}, {history.pruner} ({versions}). "
        f"All trials: {' '.join(history.words)}. A trial's own value is flattered by having been "
        "chosen."
    )
    keys = list(history.space)
    ranked = sorted(complete, key=lambda each: metric.sign * (each.value or 0.0))
    rows = [
        [str(each.number), quantity.value(each.value), *(_setting(each.values[k]) for k in keys)]
        for each in ranked[:BEST_TRIALS]
    ]
    header = ("trial", history.objective + ", %" * quantity.percent, *keys)
    caption = (
        "What every trial reached, in the order in which they were made; a trial that was given up "
        "is drawn at the mean of the seeds it had."
    )
    figure = Illustration(f"tuning_{history.study}", draw_search(history, quantity), caption)
    table = PageTable(f"Best trials of {history.study}", header, rows)
    title = f"The search {history.study}"
    return Section(f"tuning-{history.study}", title, [note, table, figure])


def _setting(value: object) -> str:
    return plain(value, 4).rstrip("0") if isinstance(value, float) else shown(value)


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
        net = " ".join(each for each in torchs.label.split() if each != f"{ENGINE}=torch")
        by_seed[net] = {
            own.seed: own.metrics[metric.test] - other.metrics[metric.test] for own, other in pairs
        }
        n = times = NONE
        if told[0] is not None:
            n = str(told[0].n)
            times = f"{median(a / b for a, b in map(seconds_of, pairs)):.2f}"
        rows.append([net, *means, *quantity.compared(*told), times, n])
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
            [name, *(quantity.difference(own.get(seed)) for seed in seeds)]
            for name, own in by_seed.items()
        ]
        tables.append(PageTable("Differences at each seed", header, lines))
    return Section(context.anchor("engines"), title, [note, *tables])
