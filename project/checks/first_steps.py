"""Checks of the first training steps: loss, gradients, weights, learning-rate schedules."""

import math

from project.checks.result import CheckResult, failed, not_checked, ok, shown, some, warning
from project.checks.session import Session
from project.training.facts import parameter_count

# How much the first loss may differ from a uniform answer's loss, as a share of the latter.
NEAR = 0.5
# A scheduler that made more than this many times the steps due was stepped by the task as well.
TOO_OFTEN = 1.5


def check_step(session: Session) -> list[CheckResult]:
    """Check that the losses of the first steps are finite."""
    name = "one step"
    losses = session.first.losses
    if not losses:
        seen = "no loss reached backward: training_step returned None, or calls loss.backward()"
        advice = (
            "return the loss; with automatic_optimization=False call self.manual_backward(loss)"
        )
        return [failed(name, seen, advice)]
    count = parameter_count(session.task)
    frozen = sum(not each.requires_grad for each in session.task.parameters())
    seen = f"loss {shown(losses[0])}, after a step {shown(losses[-1])}; {count:,} parameters"
    seen += f", {frozen} tensors frozen" if frozen else ""
    if not all(map(math.isfinite, losses)):
        return [failed(name, seen, "find what is divided by 0 or too large: inputs, logarithms")]
    return [ok(name, seen)]


def check_gradients(session: Session) -> list[CheckResult]:
    """Check that every trainable parameter gets a gradient in the first steps."""
    name = "gradients"
    trainable = [each for each, value in session.task.named_parameters() if value.requires_grad]
    without = [each for each in trainable if each not in session.first.norms]
    if not without:
        return [ok(name, f"reach all {len(trainable)} tensors")]
    seen = f"{len(without)} of {len(trainable)} tensors get none: {some(without)}"
    if len(without) == len(trainable):
        return [failed(name, seen, "the loss does not depend on the net: look for .detach()")]
    advice = "use them in the loss, leave them out, or freeze them (requires_grad=False)"
    return [warning(name, seen, advice)]


def check_changes(session: Session) -> list[CheckResult]:
    """Check that the short training changes every parameter that has a gradient."""
    name = "weights change"
    unchanged = session.short.unchanged
    total = len(session.short.norms.keys() | set(unchanged))
    still = [each for each in unchanged if each in session.short.norms]
    steps = f"in {session.short.steps} step{'s' * (session.short.steps != 1)}"
    if unchanged and len(unchanged) == total:
        advice = "is the learning rate 0, or were other parameters given to the optimizer?"
        return [failed(name, f"none does {steps}", advice)]
    if still:
        count = f"{len(still)} tensor{'s' * (len(still) != 1)}"
        seen = f"{count} with a gradient keep their values {steps}: {some(still)}"
        return [warning(name, seen, "give all parameters of the task to the optimizer")]
    return [ok(name, f"{total - len(unchanged)} tensors {steps}")]


def check_schedule(session: Session) -> list[CheckResult]:
    """Check that each scheduler is stepped as often as its interval and frequency say."""
    name = "schedule"
    if not session.short.schedules:
        return [ok(name, "none; the learning rate is constant")]
    lines = []
    # A task that optimizes by itself also steps its schedulers itself: at most at every step.
    is_manual = not session.task.automatic_optimization
    for config in session.short.schedules:
        made = int(config.scheduler.last_epoch)
        unit = "step" if is_manual else config.interval
        total = session.short.steps if unit == "step" else session.short.epochs
        due = total if is_manual else total // config.frequency
        seen = f"{type(config.scheduler).__name__} was stepped {made} times in {due} {unit}s"
        if made > max(TOO_OFTEN * due, due + 1):
            advice = "leave out the task's own scheduler.step(): Lightning calls it"
            lines.append(failed(name, seen, advice))
        elif 2 * made < due and not is_manual:
            lines.append(warning(name, seen, "step it, or leave it out of the configuration"))
        else:
            lines.append(ok(name, seen))
    return lines


def check_first_loss(session: Session) -> list[CheckResult]:
    """Check that the first loss is near that of a uniform answer.

    That loss is the task's attribute `uniform_loss`, else ln(number of classes).
    """
    name = "loss at the start"
    uniform, of = getattr(session.task, "uniform_loss", None), "a uniform answer's"
    if uniform is None and session.classes:
        uniform, of = math.log(session.classes), f"ln {session.classes}"
    if uniform is None or not session.first.losses:
        return [not_checked(name, "the task says nothing of classes (`uniform_loss`)")]
    loss = session.first.losses[0]
    seen = f"{shown(loss)}; {of} is {shown(uniform)}"
    if abs(loss - uniform) <= NEAR * uniform:
        return [ok(name, seen)]
    if loss < uniform:
        advice = "weights that know something already (pretrained), or a loss that is not a mean"
    else:
        advice = "the net begins sure of wrong answers: standardise inputs, or start smaller"
    return [warning(name, f"{seen}: {loss / uniform:.2g} times as much", advice)]
