"""The page's sections on part 1: beside the publication, its findings, and the figures."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from project.report import html, numbers
from project.report.arms import Arm
from project.report.choosing import best_by_validation
from project.report.comparisons import compare_arms
from project.report.figures.costs import by_net, draw_costs
from project.report.figures.curves import draw_epochs
from project.report.figures.pairs import Pair, double_softmax, draw_pairs
from project.report.figures.seeds import draw_seeds
from project.report.figures.sources import (
    SOURCES,
    TOGETHER,
    VarianceStudy,
    draw_sources,
    find_studies,
)
from project.report.figures.style import counts
from project.report.figures.sweeps import NAMES, draw_sweeps, find_sweeps, metrics_of
from project.report.findings import judge, not_run, p_clause, rows_of
from project.report.reference import Reference
from project.report.runs import StoredRun
from project.report.sections import Illustration, Section
from project.report.statistics import Summary, holm, in_reported_deviations, summarise

# The two networks that the publication shows side by side.
SHOWN_EPOCHS = ("basic", "ws_al_bn_do")


def pair_chapters(
    arms: Sequence[Arm], reference: Reference, settings: Mapping[str, Mapping[str, Any]]
) -> list[Section]:
    """arms: of part 1. settings: of the reference's models, as `flat_settings` gives them.

    What the arms do not allow is left out. Raises DamagedRunError.
    """
    arms = [arm for arm in arms if arm.runs]
    if not arms:
        return []
    rows = rows_of(arms, settings)
    sections = []
    if rows:
        judged = html.judgements(judge(reference.findings, rows))
        title = "Its findings, and whether they hold here"
        sections += [published(reference, rows), Section("findings", title, judged)]
    sections += [seeds(arms, reference, rows), epochs(arms, rows)]
    sections += [each for key in NAMES if (each := sweep(arms, key))]
    sections += [
        each for each in (softmax_twice(arms), costs(arms, reference), variance(arms)) if each
    ]
    return sections


def published(reference: Reference, rows: Mapping[str, Arm]) -> Section:
    """The publication's table, and ours beside it."""
    lines = []
    for model, reported in reference.rows.items():
        said = f"{numbers.mean_and_deviation(reported.mean, reported.deviation)} %"
        if model not in rows:
            reason = not_run([model], rows)
            lines.append([model, said, reason, numbers.NONE, numbers.NONE])
            continue
        arm = rows[model]
        ours = summarise(arm.values("test/error"))
        away = in_reported_deviations(ours.mean, reported.mean, reported.deviation)
        own = f"{_mean_error(ours)} ({ours.n})"
        size = f"{arm.runs[0].parameters:,}"
        if reported.parameters is not None:
            size += f" (reported {reported.parameters:,})"
        cells = [own, f"{away:+.2f}".replace("-", numbers.MINUS), size]
        lines.append(
            [html.to_runs(arm.name, model), said, *(html.to_runs(arm.name, cell) for cell in cells)]
        )
    header = (
        "network",
        "reported",
        "here (n)",
        "difference in reported deviations",
        "parameters",
    )
    note = (
        "Test error, mean ± standard deviation over seeds. The publication does not say over how "
        "many runs its means are taken, so the last but one column is a distance and no test: "
        "within ±1, our mean lies where a single published run commonly did."
    )
    title = "Beside the published report"
    body = html.paragraph(note) + html.table(title, header, lines)
    return Section("published", title, body)


def seeds(arms: Sequence[Arm], reference: Reference, rows: Mapping[str, Arm]) -> Section:
    """Every seed of every arm."""
    means = {rows[row].label: each.mean for row, each in reference.rows.items() if row in rows}
    caption = (
        "Test error of every seed (dots), with the mean (diamond) and its 95 % t-interval (bar): "
        "where the mean lies, not how far single runs do."
    )
    if means:
        caption += " Circles: the means of the published report."
    figure = Illustration("seeds", draw_seeds(arms, means), caption)
    return Section("seeds", "Every seed", Markup(), (figure,))


def epochs(arms: Sequence[Arm], rows: Mapping[str, Arm]) -> Section:
    """Training and validation over the epochs, for two arms."""
    shown = [rows[row] for row in SHOWN_EPOCHS if row in rows]
    if len(shown) < len(SHOWN_EPOCHS):
        shown = _best_and_worst(arms)
    caption = (
        "Error over the epochs: mean over the seeds (line) and one standard deviation to either "
        "side (band, not below the lowest run). Training error is measured during the epoch, with "
        "dropout where there is any. The test pairs are measured once, after the last epoch "
        "(diamond, ± one standard deviation)."
    )
    figure = Illustration("epochs", draw_epochs(shown), caption)
    return Section("epochs", "Over the epochs", Markup(), (figure,))


def _best_and_worst(arms: Sequence[Arm]) -> list[Arm]:
    best = best_by_validation(arms) or arms[0]
    others = [arm for arm in arms if arm is not best]
    worst = max(others, key=lambda arm: summarise(arm.values("test/error")).mean, default=None)
    return [best] if worst is None else [worst, best]


def sweep(arms: Sequence[Arm], key: str) -> Section | None:
    """Error against one setting; None where no arms of a model differ in it alone."""
    sweeps = find_sweeps(arms, key)
    if not sweeps:
        return None
    words = NAMES[key]
    caption = f"Mean error by {words}, with 95 % t-intervals. "
    if "val/error" in metrics_of(sweeps):
        caption += "Choose by the validation error (left); the test error is there to be looked at."
    else:
        caption += "There are no validation errors to choose by; test errors are none."
    name = f"sweep_{key.rpartition('.')[2]}"
    figure = Illustration(name, draw_sweeps(key, sweeps), caption)
    return Section(name, f"Error by {words}", Markup(), (figure,))


def softmax_twice(arms: Sequence[Arm]) -> Section | None:
    """Probabilities or logits into the auxiliary cross-entropy; None where not both were run."""
    pairs = double_softmax(arms)
    if not pairs:
        return None
    paired = [pair for pair in pairs if not pair.why_not_compared]
    compared = [compare_arms(pair.second, pair.first) for pair in paired]
    adjusted = iter(
        holm([each.sign_flip_p_value for each in compared if each.sign_flip_p_value is not None])
    )
    lines = []
    for pair, each in zip(paired, compared, strict=True):
        p = None if each.exploratory else next(adjusted)
        difference = f"{numbers.points(each.mean_difference)} points"
        if each.interval is not None:
            difference += f" ({numbers.point_interval(each.interval)}){p_clause(p)}"
        lines.append(_softmax_line(pair, pair.errors, difference, str(each.n)))
    for pair in pairs:
        if reason := pair.why_not_compared:
            lines.append(_softmax_line(pair, _all_errors, reason, numbers.NONE))
    title = "Softmax once or twice"
    note = (
        "The published numbers are best explained by digits' outputs that are softmaxed and then "
        "given to a cross-entropy that applies softmax again (model.auxiliary_on=probabilities). "
        "Here beside the correct form (logits), on the seeds that both have: mean ± standard "
        "deviation of the test error, the difference with its 95 % interval, and p of the exact "
        "sign-flip test, Holm-corrected over this table."
    )
    header = ("network", "softmax twice", "once", "difference", "n")
    body = html.paragraph(note) + html.table(title, header, lines)
    if not paired:
        return Section("double-softmax", title, body)
    caption = (
        f"One line per seed ({counts([each.n for each in compared])}); beside them the means with "
        "95 % t-intervals."
    )
    figure = Illustration("double_softmax", draw_pairs(paired), caption)
    return Section("double-softmax", title, body, (figure,))


def _softmax_line(
    pair: Pair, errors: Callable[[Arm], list[float]], difference: str, n: str
) -> list[str]:
    both = (pair.first, pair.second)
    means = [html.to_runs(arm.name, _mean_error(summarise(errors(arm)))) for arm in both]
    return [pair.name, *means, html.to_runs(pair.second.name, difference), n]


def _all_errors(arm: Arm) -> list[float]:
    return arm.values("test/error")


def _mean_error(summary: Summary) -> str:
    return f"{numbers.mean_and_deviation(summary.mean, summary.deviation)} %"


def costs(arms: Sequence[Arm], reference: Reference) -> Section:
    """Seconds and parameters of every net."""
    lines = []
    for name, runs in by_net(arms).items():
        seconds = summarise([run.seconds["training"] for run in runs])
        times = [numbers.seconds(each) for each in (seconds.median, seconds.best, seconds.worst)]
        behind = Counter(run.directory.parent.name for run in runs)
        n = Markup(" + ").join(html.to_runs(arm, str(count)) for arm, count in behind.items())
        lines.append([name, f"{runs[0].parameters:,}", times[0], f"{times[1]} to {times[2]}", n])
    title = "What a network costs"
    header = ("network", "parameters", "training, s (median)", "fastest to slowest run", "n")
    all_runs = [run for arm in arms for run in arm.runs]
    processors = sorted({_processor(run) for run in all_runs})
    threads = sorted({str(run.provenance.get("threads", "unknown")) for run in all_runs})
    note = (
        f"Wall-clock time of training on {', '.join(processors)}; threads of a run: "
        f"{', '.join(threads)}. Runs side by side slow each other down: compare times of runs that "
        "were made alike."
    )
    for model, reported in reference.rows.items():
        if reported.seconds is not None:
            note += f" The published report took {numbers.seconds(reported.seconds)} s for {model}."
    caption = "Training time of every run (dots) with the median (diamond), and parameters."
    figure = Illustration("costs", draw_costs(arms), caption)
    return Section(
        "costs", title, html.paragraph(note) + html.table(title, header, lines), (figure,)
    )


def _processor(run: StoredRun) -> str:
    return str(run.provenance.get("machine", {}).get("processor", "an unknown processor"))


def variance(arms: Sequence[Arm]) -> Section | None:
    """Where the spread over seeds comes from; None where no sources were varied alone."""
    studies = find_studies(arms)
    if not studies:
        return None
    body, figures = Markup(), []
    for study in studies:
        body += _variance_table(study)
        name = "variance" if len(studies) == 1 else f"variance_{study.arm_hash}"
        caption = (
            f"{study.name}: the standard deviation of the test error when one source of chance "
            "varies alone, the others held at one seed (bars: 95 % interval, which trusts that "
            "errors are normal), and each source's share of the summed variance."
        )
        figures.append(Illustration(name, draw_sources(study), caption))
    return Section("variance", "Where the variance comes from", body, tuple(figures))


def _variance_table(study: VarianceStudy) -> Markup:
    parts = study.decompose()
    estimates = dict(parts.sources) | ({TOGETHER: parts.together} if parts.together else {})
    lines = []
    for source, estimate in estimates.items():
        low, middle, high = (
            numbers.percent(value**0.5)
            for value in (estimate.interval[0], estimate.variance, estimate.interval[1])
        )
        share = (parts.shares or {}).get(source)
        arm = study.varied.get(source) or study.together
        cells = [
            f"{middle} ({low} to {high})",
            numbers.NONE if share is None else f"{100 * share:.0f} %",
            str(estimate.n),
        ]
        name = SOURCES.get(source, source)
        lines.append([name, *(html.to_runs(arm.name, cell) if arm else cell for cell in cells)])
    note = (
        f"{study.name}. Shares are of the sum over the sources, whose deviation is "
        f"{numbers.percent(parts.sum_of_sources**0.5)} points. "
        + (
            f"Not run alone, and so neither in the sum nor in the shares: "
            f"{', '.join(SOURCES[source] for source in study.missing)}. "
            if study.missing
            else "It would be that of all together if the sources did not act on each other. "
        )
        + "Variances are known far worse than means: look at the intervals before believing a "
        "share."
    )
    header = ("what varies", "standard deviation, points (95 % interval)", "share", "n")
    return html.paragraph(note) + html.table("Shares of the variance", header, lines)
