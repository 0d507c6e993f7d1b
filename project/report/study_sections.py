"""Page sections on studies: ablations, sources of variance, searches, and engines."""

from statistics import median

from project.report import studies
from project.report.figures.standard import seconds_of
from project.report.figures.studies import draw_ablation, draw_search, draw_variance
from project.report.formatting import NONE, counted, plain, quantity_of
from project.report.sections import Cell, Context, Illustration, PageTable, Part, Section, link
from project.results.comparisons import compare_family, paired_runs
from project.results.metrics import Metric
from project.results.text import shown
from project.results.variants import differences
from project.runs.trials import COMPLETE, History, read_histories

BEST_TRIALS = 5
MAX_SEEDS = 20  # of the table of differences between engines
ENGINE = "engine"


def ablations(context: Context) -> list[Section]:
    """Return a section for each ablation, with the effect of every single change to a model."""
    return [_ablation(each, context) for each in studies.find_ablations(context.variants)]


def _ablation(study: studies.Ablation, context: Context) -> Section:
    quantity, metric, model = context.quantity, context.table.metric, study.whole.prefix
    found = compare_family([(each, study.whole) for each in study.changed.values()], metric)
    compared, rows = {}, []
    for (change, variant), told in zip(study.changed.items(), found, strict=True):
        summary = quantity.summary(variant)
        if told[0] is not None:
            compared[change] = told[0]
        cells = {
            quantity.name: quantity.mean_std(summary) + quantity.unit,
            **quantity.compared(*told),
            "n": str((told[0] or summary).n),
        }
        links = {column: link(variant, cell) for column, cell in cells.items()}
        rows.append({"changed": change, **links})
    whole = quantity.summary(study.whole)
    note = (
        f"{model} as it is: {quantity.mean_std(whole)}{quantity.unit} (n = {whole.n}). Each line "
        "changes one thing and keeps all others; the difference is taken seed by seed, with its "
        "95 % CI, and p is that of the exact sign-flip test, Holm-corrected over this table."
    )
    title = f"{model}, one thing changed at a time"
    parts: list[Part] = [note, PageTable.of(title, rows)]
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
    parts: list[Part] = []
    for number, study in enumerate(studies.find_variance_studies(context.variants), start=1):
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


def _variance_table(study: studies.VarianceStudy, context: Context) -> list[Part]:
    quantity = context.quantity
    decomposed = study.decompose(context.table.metric)
    variants = study.varied | ({studies.TOGETHER: study.together} if study.together else {})
    rows = []
    for source, each in studies.estimates_of(decomposed).items():
        std, low, high = (quantity.value(value**0.5) for value in (each.variance, *each.ci))
        share = (decomposed.shares or {}).get(source)
        cells = {
            f"{quantity.in_points('std')} (95 % CI)": f"{std} ({low} to {high})",
            "share": NONE if share is None else f"{100 * share:.0f} %",
            "n": str(each.n),
        }
        links = {column: link(variants[source], cell) for column, cell in cells.items()}
        rows.append({"what varies": studies.SOURCES.get(source, source), **links})
    missing = ", ".join(studies.SOURCES[source] for source in study.missing)
    sums = "It would be that of all together if the sources did not act on each other."
    if missing:
        sums = f"Not run alone, and so neither in the sum nor in the shares: {missing}."
    note = (
        f"{study.name}. Shares are of the sum over the sources, whose std is "
        f"{quantity.value(decomposed.sum_of_sources**0.5)}{quantity.points}. {sums} "
        "Variances are known far worse than means: look at the CIs before believing a share."
    )
    return [note, PageTable.of("Shares of the variance", rows)]


def searches(context: Context) -> list[Section]:
    """Return a section for each search in the output folder, after the first table only."""
    if context.number:
        return []
    tabled = {run.seed for run in context.table.runs}
    return [_search(each, tabled) for each in read_histories(context.outputs) if each.trials]


def _search(history: History, tabled: set[int]) -> Section:
    complete = [each for each in history.trials if each.state == COMPLETE]
    runs, count = sum(len(each.errors) for each in history.trials), len(history.trials)
    metric = Metric(history.objective.rpartition("/")[2], history.direction)
    quantity = quantity_of(metric, [each.value for each in complete if each.value is not None])
    in_table = "no run of the table has one of them"
    if shared := sorted(tabled & set(history.seeds)):
        in_table = (
            f"runs at {', '.join(map(str, shared))} stand in the table too: a variant that was "
            "chosen here is flattered there"
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
    ranked = sorted(complete, key=lambda each: metric.sign * (each.value or 0.0))
    rows = [
        [str(each.number), quantity.value(each.value), *(_setting(each.values[k])
                                                         for k in history.space)]
        for each in ranked[:BEST_TRIALS]
    ]  # fmt: skip
    header = ("trial", history.objective + ", %" * quantity.percent, *history.space)
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
    rows: list[dict[str, str | Cell]] = []
    by_seed: dict[str, dict[int, float]] = {}
    for (ours, torchs), told in zip(found, compare_family(found, metric), strict=True):
        pairs = paired_runs(ours, torchs)
        net = " ".join(each for each in torchs.label.split() if each != f"{ENGINE}=torch")
        by_seed[net] = {
            own.seed: own.metrics[metric.test] - other.metrics[metric.test] for own, other in pairs
        }
        times = [a / b for a, b in map(seconds_of, pairs)] if told[0] else []
        rows.append({
            "net": net,
            f"torch: {quantity.name}": link(torchs, quantity.mean_std(quantity.summary(torchs))),
            "framework": link(ours, quantity.mean_std(quantity.summary(ours))),
            **quantity.compared(*told),
            "times as long": f"{median(times):.2f}" if times else NONE,
            "n": str(told[0].n) if told[0] else NONE,
        })  # fmt: skip
    note = (
        "The mini framework's runs have the initial weights, batches and dropout masks of torch's "
        "at the same seed; the arithmetic differs in how it rounds. Differences are the "
        "framework's minus torch's, seed by seed, with the exact sign-flip test, Holm-corrected. "
        "The time is the median over the seeds of the framework's training time divided by torch's."
    )
    title = "The same nets, trained by torch and by the mini framework"
    tables = [PageTable.of(title, rows)]
    if seeds := sorted({seed for own in by_seed.values() for seed in own})[:MAX_SEEDS]:
        lines = [
            {"net": net, **{f"seed {seed}": quantity.difference(own.get(seed)) for seed in seeds}}
            for net, own in by_seed.items()
        ]
        tables.append(PageTable.of("Differences at each seed", lines))
    return Section(context.anchor("engines"), title, [note, *tables])
