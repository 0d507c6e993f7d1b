"""The page's sections on what goes beyond the publication: time, ingredients, searches."""

from collections.abc import Sequence, Set

from markupsafe import Markup

from project.report import html, numbers
from project.report.ablations import Ablation, find_ablations
from project.report.arms import Arm
from project.report.choosing import best_by_validation
from project.report.comparisons import why_not_paired
from project.report.figures.ablation import draw_ablation
from project.report.figures.frontier import draw_frontier
from project.report.figures.tuning import draw_tuning
from project.report.sections import Illustration, Section
from project.report.statistics import holm, summarise
from project.runs.trials import COMPLETE, History

BEST_TRIALS = 5


def beyond_chapters(arms: Sequence[Arm], histories: Sequence[History]) -> list[Section]:
    """arms: of part 1. histories: of tuning studies. What there is nothing of is left out."""
    arms = [arm for arm in arms if arm.runs]
    best = [
        chosen
        for model in sorted({arm.model for arm in arms})
        if (chosen := best_by_validation([arm for arm in arms if arm.model == model]))
    ]
    sections = [frontier(best)] if len(best) > 1 else []
    sections += [ablation(each) for each in find_ablations(arms)]
    seeds = {run.seed for arm in arms for run in arm.runs}
    return sections + [tuning(each, seeds) for each in histories if each.trials]


def frontier(best: Sequence[Arm]) -> Section:
    """Error against training time, of each model's best arm."""
    best = sorted(best, key=lambda arm: summarise(arm.values("test/error")).mean)
    caption = (
        "Mean test error with its 95 % t-interval over the median training time: of each model the "
        "arm with the lowest validation error, among those with the most completed runs. What lies "
        "further down and further left is better. Compare times of runs that were made alike."
    )
    figure = Illustration("error_by_time", draw_frontier(best), caption)
    return Section("error-by-time", "Error against training time", Markup(), (figure,))


def ablation(study: Ablation) -> Section:
    """What each change to a model does."""
    compared = study.compared()
    whole = summarise(study.whole.values("test/error"))
    adjusted = iter(
        holm([p for each in compared.values() if (p := each.sign_flip_p_value) is not None])
    )
    lines = []
    for change, arm in study.changed.items():
        summary = summarise(arm.values("test/error"))
        cells = [f"{numbers.mean_and_deviation(summary.mean, summary.deviation)} %"]
        each = compared.get(change)
        if each is None:
            reason = why_not_paired(arm, study.whole)
            cells += [reason, numbers.NONE, numbers.NONE, str(summary.n)]
        else:
            p = "exploratory" if each.exploratory else numbers.p_value(next(adjusted))
            interval = numbers.point_interval(each.interval)
            cells += [numbers.points(each.mean_difference), interval, p, str(each.n)]
        lines.append([change, *(html.to_runs(arm.name, cell) for cell in cells)])
    model = study.whole.model
    note = (
        f"{model} as it is: {numbers.mean_and_deviation(whole.mean, whole.deviation)} % (n = "
        f"{whole.n}). Each line changes one thing and keeps all others; the difference is taken "
        "seed by seed, with its 95 % interval, and p is that of the exact sign-flip test, "
        "Holm-corrected over this table."
    )
    header = ("changed", "test error", "difference, points", "95 % interval", "p", "n")
    title = f"{model}, one thing changed at a time"
    body = html.paragraph(note) + html.table(title, header, lines)
    if not compared:
        return Section(f"ablation-{model}", title, body)
    caption = (
        f"Test error with one thing changed minus that of {model} as it is: mean over the seeds "
        "that both have (diamond) and 95 % interval (bar). To the right of 0 the change does harm, "
        "to the left of it it helps."
    )
    figure = Illustration(f"ablation_{model}", draw_ablation(model, compared), caption)
    return Section(f"ablation-{model}", title, body, (figure,))


def tuning(history: History, tabled: Set[int]) -> Section:
    """A search: its budget, its best trials, and how it went. tabled: the seeds of the table."""
    complete = [each for each in history.trials if each.state == COMPLETE]
    runs = sum(len(each.errors) for each in history.trials)
    seeds = ", ".join(map(str, history.seeds))
    versions = ", ".join(f"{name} {version}" for name, version in history.versions.items())
    count = len(history.trials)
    others = f", {count - len(complete)} given up or failed" if count > len(complete) else ""
    in_table = "no run of the table has one of them"
    if shared := sorted(tabled & set(history.seeds)):
        in_table = (
            f"runs at {', '.join(map(str, shared))} stand in the table too: an arm that was chosen "
            "here is flattered there"
        )
    note = (
        f"{count} trial{'s' * (count != 1)} ({len(complete)} complete{others}), {runs} runs in all"
        f". Chosen by the mean {history.objective} over the seeds {seeds}; {in_table}. The test "
        f"pairs had no say. {history.sampler}, {history.pruner} ({versions}). All trials: "
        f"{' '.join(history.words)}. A trial's own figure is flattered by having been chosen."
    )
    form = numbers.percent if history.in_percent else numbers.plain
    keys = list(history.space)
    lines = [
        [str(each.number), form(each.value), *(_value(each.values[key]) for key in keys)]
        for each in sorted(complete, key=lambda each: each.value or 0.0)[:BEST_TRIALS]
    ]
    title = f"The search {history.study}"
    caption = (
        "What every trial reached, in the order in which they were made; a trial that was given up "
        "is drawn at the mean of the seeds it had."
    )
    figure = Illustration(f"tuning_{history.study}", draw_tuning(history), caption)
    header = ("trial", history.objective + ", %" * history.in_percent, *keys)
    body = html.paragraph(note) + html.table(f"Best trials of {history.study}", header, lines)
    return Section(f"tuning-{history.study}", title, body, (figure,))


def _value(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
