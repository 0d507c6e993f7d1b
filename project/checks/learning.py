"""Checks that a net can memorise one batch, and learns nothing from shuffled labels."""

import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pytorch_lightning import LightningDataModule, LightningModule, Trainer
from pytorch_lightning.callbacks import Callback
from torch import Tensor

from project import seeding
from project.checks.batches import example_count
from project.checks.loaders import Mapped, Wrap, repeated, wrapped
from project.checks.logged_metrics import is_share
from project.checks.result import CheckResult, failed, not_checked, ok, shown, warning
from project.checks.session import Session
from project.seeding import SEED_LIMIT
from project.training.components import build_components, build_net, build_task

HEART, SHUFFLED, DIRECTION = "one batch by heart", "shuffled labels", "direction"
# Examples in the memorised batch, and steps between two evaluations of the metric.
EXAMPLES, STEPS = 32, 25
# Shares of the way from the first loss to its floor. ENOUGH counts as memorised; if the time is up,
# less than LEAST after LEAST_STEPS steps is a failure, anything else a warning.
ENOUGH, LEAST, LEAST_STEPS = 0.9, 0.5, 300
# With a perfect metric, training stops after this many steps even if the loss has hardly fallen.
ENOUGH_STEPS = 100
# The direction is judged if the loss has fallen by the share FALLEN; it is wrong if the metric got
# worse by more than MOVED (of its first value, unless it is a share).
MOVED, FALLEN = 0.05, 0.5
# Few experiments need more trainings on shuffled labels than PLANNED, which share the time limit.
TRAININGS, PLANNED, SHUFFLES, STDS = 6, 3, 12, 4.0


@dataclass
class Heart(Callback):
    """Callback that watches a net memorise one batch; stops when it has, or at a time limit."""

    metric: str  # with its stage, `val/...`
    is_min: bool  # whether smaller values of the metric are better
    end: float  # the time (`time.monotonic`) at which training must stop
    floor: float  # the smallest value that the loss can have
    losses: list[float] = field(default_factory=list)
    # The metric before training, if it was measured, and after every `STEPS` steps.
    values: list[float] = field(default_factory=list)
    is_late: bool = False

    def on_before_backward(
        self, trainer: Trainer, pl_module: LightningModule, loss: Tensor
    ) -> None:
        """Record the loss of the step."""
        self.losses.append(float(loss.detach().sum()))

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Record the metric; stop if the batch is memorised or the time is up."""
        if self.metric in trainer.callback_metrics:
            self.values.append(float(trainer.callback_metrics[self.metric]))
        self.is_late = time.monotonic() > self.end
        has_shown = self.fallen >= FALLEN or len(self.losses) >= ENOUGH_STEPS
        trainer.should_stop = self.is_late or (self.is_known and has_shown)

    @property
    def fallen(self) -> float:
        """How far the loss has fallen, as a share of the way from the first loss to the floor."""
        if not self.losses:
            return 0.0
        way = self.losses[0] - self.floor
        return (self.losses[0] - statistics.fmean(self.losses[-5:])) / way if way > 0 else 0.0

    @property
    def is_known(self) -> bool:
        """Whether the last metric is perfect, or the loss has fallen by the share ENOUGH."""
        best = (0.0,) if self.is_min else (1.0, 100.0)
        is_perfect = bool(self.values) and any(abs(self.values[-1] - each) < 1e-6 for each in best)
        return is_perfect or self.fallen >= ENOUGH


def check_heart(session: Session) -> list[CheckResult]:
    """Check that the net can memorise one batch, and that the metric then improves."""
    candidate, limits = session.candidate, session.candidate.limits
    components = build_components(session.config | {"augmentation": None})
    task, floor = components.task, float(getattr(components.task, "loss_floor", 0.0))
    data = wrapped(
        components.data,
        train=("train", lambda loader: repeated(loader, EXAMPLES, STEPS)),
        val=("train", lambda loader: repeated(loader, EXAMPLES)),
    )
    before = session.run(session.trainer(own=False), "validate", task, data)
    end = time.monotonic() + limits.heart_seconds
    heart = Heart(f"val/{candidate.metric}", candidate.is_min, end, floor)
    if heart.metric in before:
        heart.values.append(before[heart.metric])
    epochs = math.ceil(limits.heart_steps / STEPS)
    session.run(session.trainer([heart], epochs=epochs, own=False), "fit", task, data)
    return [_by_heart(heart), _direction(session, heart)]


def _by_heart(heart: Heart) -> CheckResult:
    if not heart.losses:
        return not_checked(HEART, "no loss reaches backward")
    steps = len(heart.losses)
    last = statistics.fmean(heart.losses[-5:])
    seen = f"in {steps} steps the loss goes from {shown(heart.losses[0])} to {shown(last)}"
    if heart.floor:
        seen += f", of which {shown(heart.floor)} is the floor"
    if heart.values:
        metric = heart.metric.partition("/")[2]
        seen += f"; {metric} from {shown(heart.values[0])} to {shown(heart.values[-1])}"
    if heart.is_known:
        return ok(HEART, seen)
    if heart.is_late and (heart.fallen >= LEAST or steps < LEAST_STEPS):
        advice = "thorough=true gives the check more time"
        return warning(HEART, f"{seen}, and the time is up", advice)
    advice = (
        "a net that cannot learn 32 examples cannot learn more: look at the learning rate, the "
        "labels' order, what the loss is given (logits, not probabilities), detached tensors"
    )
    return failed(HEART, seen, advice)


def _direction(session: Session, heart: Heart) -> CheckResult:
    """Check that the metric moved in the direction `metric.direction` while the loss fell."""
    metric, is_min = session.candidate.metric, session.candidate.is_min
    if len(heart.values) < 2 or heart.fallen < FALLEN:
        return not_checked(DIRECTION, f"the loss did not fall with {metric} in sight")
    first, last = heart.values[0], heart.values[-1]
    least = MOVED * (1.0 if is_share(metric) else max(abs(first), 1e-3))
    gain = first - last if is_min else last - first
    seen = f"while the loss falls {metric} goes from {shown(first)} to {shown(last)}"
    if gain < -least:
        given, other = ("min", "max") if is_min else ("max", "min")
        advice = f"metric.direction={other}? Or its sign, or its arguments, are the wrong way round"
        return failed(DIRECTION, f"{seen}, with metric.direction={given}", advice)
    return ok(DIRECTION, seen)


def check_shuffled(session: Session) -> list[CheckResult]:
    """Check that a net trained on shuffled labels is no better than chance in validation."""
    if not callable(getattr(session.task, "shuffle_targets", None)):
        advice = "give the task `shuffle_targets(batch)`, which returns the batch with other labels"
        return [not_checked(SHUFFLED, "the task does not say how to shuffle", advice)]
    if not session.batches["val"]:
        return [not_checked(SHUFFLED, "there are no validation examples")]
    metric, sign = session.candidate.metric, -1.0 if session.candidate.is_min else 1.0
    seen = ""
    for number in range(TRAININGS):
        truth, chances = _train_on_shuffled(session, number)
        middle, std = statistics.fmean(chances), statistics.stdev(chances)
        seen = f"{metric} is {shown(truth)}, on shuffled labels {shown(middle)} +- {shown(std)}"
        if sign * middle > _best_chance(session):
            advice = "validation_step must not use the labels but to judge answers by them"
            return [failed(SHUFFLED, f"{seen}: more than chance", advice)]
        if sign * (truth - middle) <= max(STDS * std, 1e-9):
            return [ok(SHUFFLED, seen)]
    # A single net may group the examples rightly by luck; TRAININGS nets in a row do not.
    seen = f"{TRAININGS} nets learnt them and still know validation labels: {seen}"
    advice = (
        "something tells them: labels in another part of the batch, weights that were pretrained"
    )
    return [failed(SHUFFLED, seen, advice)]


def _best_chance(session: Session) -> float:
    """Return the best metric that an answer without a look at the inputs reaches by chance.

    It is negative if smaller values are better, and infinite if it is unknown.
    """
    metric, share = session.candidate.metric, session.commonest
    if share is None or metric not in ("accuracy", "acc", "error"):
        return math.inf
    count = example_count(session.first.batches.get("val")) * SHUFFLES
    best = share + STDS * math.sqrt(share * (1 - share) / max(1, count))
    return best - 1 if session.candidate.is_min else best


def _train_on_shuffled(session: Session, number: int) -> tuple[float, list[float]]:
    """Train on labels and from weights that `number` decides.

    Return the metric on the true validation labels, and on each of SHUFFLES shuffles of them.
    """
    config = session.config | {"seed": (session.config["seed"] + number) % SEED_LIMIT}
    seeding.start(config["seed"], "init")
    task = build_task(config, build_net(config))
    shuffle: Callable[[Any], Any] = task.shuffle_targets  # type: ignore[assignment]
    seconds = session.candidate.limits.shuffled_training / PLANNED
    count = session.affordable("train", seconds / 2, least=3)
    validated = session.affordable("val", seconds / SHUFFLES)

    def shuffled(name: str) -> Wrap:
        return lambda loader: Mapped(loader, shuffle, config["seed"], f"{name}/{number}")

    def validate(data: LightningDataModule) -> float:
        judge = session.trainer(evaluation=validated, own=False)
        return session.run(judge, "validate", task, data)[f"val/{session.candidate.metric}"]

    trainer = session.trainer(epochs=2, train=count, evaluation=1)
    data = wrapped(session.data, train=("train", shuffled("shuffle")))
    session.run(trainer, "fit", task, data)
    chances = [
        validate(wrapped(session.data, val=("val", shuffled(f"chance {each}"))))
        for each in range(SHUFFLES)
    ]
    return validate(session.data), chances
