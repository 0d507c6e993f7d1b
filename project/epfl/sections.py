"""Page sections on the publication: its numbers beside ours, its findings, its figures."""

from project.epfl import figures
from project.epfl.claims import (
    ERROR,
    PERCENT,
    in_reported_stds,
    judge,
    judgement_table,
    not_run,
    rows_of,
)
from project.epfl.disk_claims import RateStudy, all_of, judge_disk, rate_studies
from project.epfl.reference import Reference
from project.report.figures.standard import draw_seeds
from project.report.figures.style import counts
from project.report.formatting import NONE, p_words
from project.report.sections import Cell, Context, Illustration, PageTable, Part, Section, link
from project.report.selection import compose_settings
from project.report.studies import find_sweeps
from project.results.comparisons import compare_family
from project.results.metrics import best_by_validation
from project.results.statistics import summarise
from project.results.variants import Variant

__all__ = ["disk", "findings", "published", "softmax_twice"]


def _reference(context: Context, task: str) -> Reference | None:
    """Return the publication; None unless one is configured and the table has runs of `task`."""
    is_about_it = context.table.metric == ERROR and context.variants
    if context.reference is None or not is_about_it or context.variants[0].first.task != task:
        return None
    return Reference.model_validate(context.reference)


def _part_1(context: Context) -> tuple[Reference, dict[str, Variant]] | None:
    """Return the publication and our variant of each row, if it applies and there is a row."""
    reference = _reference(context, "digit_pairs")
    if reference is None:
        return None
    # The words by which the report names a run's defaults, so that each is composed once.
    settings = {
        name: compose_settings((f"model={name}", "task=digit_pairs", "data=epfl_pairs"))
        for name in reference.models
    }
    rows = rows_of(context.variants, settings)
    return (reference, rows) if rows else None


def _mean(variant: Variant) -> str:
    return f"{PERCENT.mean_std(PERCENT.summary(variant))} %"


def published(context: Context) -> Section | None:
    """Return the section with our results beside the published ones, if a model was run."""
    if (found := _part_1(context)) is None:
        return None
    reference, rows = found
    title, lines, took = "Beside the published report", [], ""
    for model, reported in reference.rows.items():
        cells: list[str | Cell] = [not_run([model], rows), NONE, NONE]
        if model in rows:
            variant, ours = rows[model], PERCENT.summary(rows[model])
            size = f"{variant.first.parameters:,}"
            if reported.parameters is not None:
                size += f" (reported {reported.parameters:,})"
            away = in_reported_stds(100 * ours.mean, reported.mean, reported.std)
            texts = (f"{_mean(variant)} ({ours.n})", away, size)
            cells = [link(variant, text) for text in texts]
        name = link(rows[model], model) if model in rows else model
        lines.append([name, f"{reported.mean:.2f} ± {reported.std:.2f} %", *cells])
        if reported.seconds is not None:
            took += f" The published report took {reported.seconds:g} s to train {model}."
    header = ("net", "reported", "here (n)", "difference in reported stds", "parameters")
    note = (
        "Test error, mean ± std over seeds. The publication does not say over how many runs its "
        "means are taken, so the last but one column is a distance and no test: within ±1, our "
        f"mean lies where a single published run commonly did.{took}"
    )
    drawn = {name: rows[name] for name in reference.rows if name in rows}
    means = {each.label: reference.rows[name].mean / 100 for name, each in drawn.items()}
    caption = (
        "Test error of every seed (dots), with the mean (diamond) and its 95 % CI (bar), and the "
        "means of the published report (circles)."
    )
    figure = Illustration(
        context.anchor("published"), draw_seeds([*drawn.values()], PERCENT, means), caption
    )
    return Section(
        context.anchor("published"), title, [note, PageTable(title, header, lines), figure]
    )


def findings(context: Context) -> Section | None:
    """Return the section with a verdict on each published finding."""
    if (found := _part_1(context)) is None:
        return None
    reference, rows = found
    judged = judgement_table(judge(reference.findings, rows))
    return Section(context.anchor("findings"), "Its findings, and whether they hold here", judged)


def softmax_twice(context: Context) -> Section | None:
    """Return the section on softmax applied twice and once in the auxiliary loss."""
    if _reference(context, "digit_pairs") is None:
        return None
    # Values are in ascending order, so a pair is (once, twice).
    pairs = [
        (sweep.name, *sweep.variants)
        for sweep in find_sweeps(context.variants, "model.auxiliary_input")
        if sweep.values == ("logits", "probabilities")
    ]
    if not pairs:
        return None
    lines, drawn, sizes = [], [], []
    found = compare_family([(once, twice) for _, once, twice in pairs], ERROR)
    for (name, once, twice), (each, p, text) in zip(pairs, found, strict=True):
        if each is not None:
            drawn.append((name, twice, once))
            sizes.append(each.n)
            told = "" if p is None else f", {p_words(p)}"
            ends = f" ({PERCENT.difference_ci(each.ci)})" if each.ci else ""
            text = f"{PERCENT.difference(each.mean)} points{ends}{told}"
        lines.append({
            "net": name,
            "softmax twice": link(twice, _mean(twice)),
            "once": link(once, _mean(once)),
            "difference": link(once, text),
            "n": str(each.n) if each else NONE,
        })  # fmt: skip
    title = "Softmax once or twice"
    note = (
        "The published numbers are best explained by digits' outputs that are softmaxed and then "
        "given to a cross-entropy that applies softmax again (model.auxiliary_input=probabilities)."
        " Here beside the correct form (logits): mean ± std of the test error, the difference at "
        "the seeds that both have with its 95 % CI, and p of the exact sign-flip test, "
        "Holm-corrected over this table."
    )
    parts: list[Part] = [note, PageTable.of(title, lines)]
    if drawn:
        caption = f"One line per seed ({counts(sizes)}); beside them the means with 95 % CIs."
        parts.append(
            Illustration(context.anchor("double_softmax"), figures.draw_pairs(drawn), caption)
        )
    return Section(context.anchor("double-softmax"), title, parts)


def disk(context: Context) -> list[Section]:
    """Return the sections on part 2, the disk experiment; empty if the table is not about it.

    Of several setups (epochs, batch size, ...) only the one with the most runs is shown.
    """
    reference = _reference(context, "disk")
    if reference is None:
        return []
    study, *others = rate_studies([row.variant for row in context.table.rows])
    shown = study["tanh"].get(reference.disk.best_lr)
    if shown is None or not shown.runs:
        completed = [each for each in all_of(study) if each.runs]
        shown = best_by_validation(completed, ERROR) or completed[0]
    rule = (
        "Suitable means that no run diverges and that the mean lies within one std of that at the "
        "best rate. Over rates only those count at which no run diverged."
    )
    judged = judgement_table(judge_disk(study, reference.disk), rule)
    n = len(shown.runs)
    predicted = (
        f"{shown.label}, seed {shown.runs[0].seed}: what the net says of each test point, where it "
        "is wrong, and the true circle."
    )
    over = (
        f"{shown.label}: accuracy and loss over the epochs, mean over {n} seeds (line) and one std "
        "to either side (band). The test points are measured once, at the end; validation points "
        "are as new to the net."
    )
    return [
        _rates(study, sum(len(each.runs) for setup in others for each in all_of(setup))),
        Section("disk-findings", "Part 2: the published findings", judged),
        Section("disk-predictions", "Part 2: predictions over the square",
                [Illustration("disk_predictions", figures.draw_predictions(shown), predicted)]),
        Section("disk-epochs", "Part 2: accuracy and loss over the epochs",
                [Illustration("disk_epochs", figures.draw_disk_epochs(shown), over)]),
    ]  # fmt: skip


def _rates(study: RateStudy, left_out: int) -> Section:
    """Return the section on accuracy by learning rate; `left_out` runs are of other setups."""
    looks = figures.LOOKS
    columns = {f"{looks[name][0]}, test accuracy (n)": own for name, own in study.items() if own}
    lines = [
        {"learning rate": f"{lr:g}"}
        | {column: _accuracy(by_rate.get(lr)) for column, by_rate in columns.items()}
        for lr in sorted({lr for by_rate in columns.values() for lr in by_rate})
    ]
    note = "Mean ± std over seeds, of the runs that did not diverge."
    if left_out:
        note += f" {left_out} runs of another setup (epochs, batch size, ...) are not shown."
    caption = (
        "Test accuracy by learning rate: every run (dots), mean and one std (bars). The scale is "
        "that of the logarithm of the error."
    )
    drawn = figures.draw_learning_rates(all_of(study))
    figure = Illustration("disk_learning_rates", drawn, caption)
    title = "Part 2: accuracy by learning rate"
    return Section("disk-rates", title, [note, PageTable.of(title, lines), figure])


def _accuracy(variant: Variant | None) -> str | Cell:
    if variant is None:
        return NONE
    more = f", {variant.diverged} diverged" if variant.diverged else ""
    values = variant.values("test/accuracy")
    if values is None:
        return link(variant, f"none{more}")
    return link(variant, f"{PERCENT.mean_std(summarise(values))} % ({len(values)}){more}")
