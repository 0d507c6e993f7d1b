"""The page's sections on part 2: points in a disk."""

from collections.abc import Sequence

from markupsafe import Markup

from project.report import html, numbers
from project.report.arms import Arm
from project.report.choosing import best_by_validation
from project.report.disk_findings import RateStudy, judge_disk, rate_studies
from project.report.figures.disk import draw_epochs, draw_learning_rates, draw_predictions
from project.report.reference import Reference
from project.report.sections import Illustration, Section
from project.report.statistics import summarise

NAMES = {"tanh": "tanh", "relu": "ReLU"}


def disk_chapters(arms: Sequence[Arm], reference: Reference) -> list[Section]:
    """arms: of part 2; those of the largest setup are shown. Raises DamagedRunError."""
    if not any(arm.runs for arm in arms):
        return []
    study, *others = rate_studies(arms)
    best = reference.disk.best_lr
    shown = study.of("tanh").get(best)
    if shown is None or not shown.runs:
        completed = [arm for arm in study.arms.values() if arm.runs]
        shown = best_by_validation(completed) or completed[0]
    rule = (
        "Suitable means that no run diverges and that the mean lies within one standard deviation "
        "of that at the best rate. Over rates only those count at which no run diverged."
    )
    judged = html.judgements(judge_disk(study, reference.disk), rule)
    return [
        rates(study, sum(len(arm.runs) for other in others for arm in other.arms.values())),
        Section("disk-findings", "Part 2: the published findings", judged),
        predictions(shown),
        epochs(shown),
    ]


def rates(study: RateStudy, left_out: int) -> Section:
    """Accuracy by learning rate, tanh and ReLU. left_out: runs of other setups."""
    title = "Part 2: accuracy by learning rate"
    activations = study.activations
    lines = [
        [f"{lr:g}", *(_accuracy(study.arms.get((name, lr))) for name in activations)]
        for lr in sorted({lr for _, lr in study.arms})
    ]
    header = ("learning rate", *(f"{NAMES[name]}, test accuracy (n)" for name in activations))
    note = "Mean ± standard deviation over seeds, of the runs that did not diverge."
    if left_out:
        note += f" {left_out} runs of another setup (epochs, batch size, ...) are not shown."
    caption = (
        "Test accuracy by learning rate: every run (dots), mean and one standard deviation (bars). "
        "The scale is that of the logarithm of the error."
    )
    arms = list(study.arms.values())
    figure = Illustration("disk_learning_rates", draw_learning_rates(arms), caption)
    body = html.paragraph(note) + html.table(title, header, lines)
    return Section("disk-rates", title, body, (figure,))


def _accuracy(arm: Arm | None) -> str:
    if arm is None:
        return numbers.NONE
    diverged = sum(run.diverged for run in arm.unfinished)
    more = f", {diverged} diverged" if diverged else ""
    if not arm.runs:
        return html.to_runs(arm.name, f"none{more}")
    summary = summarise(arm.values("test/accuracy"))
    text = f"{numbers.mean_and_deviation(summary.mean, summary.deviation)} % ({summary.n})"
    return html.to_runs(arm.name, text + more)


def predictions(arm: Arm) -> Section:
    """What one run says of its test points."""
    caption = (
        f"{arm.label}, seed {arm.runs[0].seed}: what the net says of each test point, where it is "
        "wrong, and the true circle."
    )
    figure = Illustration("disk_predictions", draw_predictions(arm), caption)
    return Section("disk-predictions", "Part 2: predictions over the square", Markup(), (figure,))


def epochs(arm: Arm) -> Section:
    """Accuracy and loss."""
    caption = (
        f"{arm.label}: accuracy and loss over the epochs, mean over {len(arm.runs)} seeds (line) "
        "and one standard deviation to either side (band). The test points are measured once, at "
        "the end; validation points are as new to the net."
    )
    figure = Illustration("disk_epochs", draw_epochs(arm), caption)
    return Section("disk-epochs", "Part 2: accuracy and loss over the epochs", Markup(), (figure,))
