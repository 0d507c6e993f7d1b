"""The metric that judges runs: validation values choose, test values are reported."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from project.config.errors import ConfigurationError, suggest
from project.results.records import RunRecord
from project.results.variants import Variant

Direction = Literal["min", "max"]
STAGES = ("train", "val", "test")
# Which way is better, by the last word of a metric's name.
LOWER = {"brier", "ece", "error", "loss", "mae", "mse", "nll", "perplexity", "rmse", "wer"}
HIGHER = {
    "acc", "accuracy", "ap", "auc", "auprc", "auroc", "bleu", "dice", "f1", "iou", "kappa", "map",
    "mcc", "precision", "psnr", "r2", "recall", "score", "ssim",
}  # fmt: skip


@dataclass(frozen=True)
class Metric:
    """What runs are judged by, without its stage: `error`, of which the lowest is the best."""

    name: str
    direction: Direction

    @property
    def validation(self) -> str:
        """`val/<name>`: everything that chooses goes by it."""
        return f"val/{self.name}"

    @property
    def test(self) -> str:
        """`test/<name>`: it is reported, and chooses nothing."""
        return f"test/{self.name}"

    @property
    def sign(self) -> int:
        """1 where lower is better, else -1: a difference times it is above 0 where a is worse."""
        return 1 if self.direction == "min" else -1


def own_metric(runs: Iterable[RunRecord]) -> Metric:
    """Return the metric that the runs name themselves.

    Raises:
        ConfigurationError: They name several, so that nothing can be compared.
    """
    found = {(run.record["metric"]["name"], run.record["metric"]["direction"]): run for run in runs}
    if len(found) > 1:
        said = " and ".join(f"{name} ({direction})" for name, direction in sorted(found))
        raise ConfigurationError(f"these runs are judged by {said}; choose one: metric=NAME")
    ((name, direction),) = found
    return Metric(name, direction)


def named_metric(text: str, runs: Sequence[RunRecord]) -> Metric:
    """Return the metric that was typed: `auc`, or `auc:max` where the direction is not known.

    Raises:
        ConfigurationError: No run has it, or its direction is not known.
    """
    name, _, typed = text.partition(":")
    stage, _, rest = name.partition("/")
    name = rest if stage in STAGES and rest else name
    known = {key.partition("/")[2] for run in runs for key in run.metrics if "/" in key}
    if name not in known:
        raise ConfigurationError(f"metric={text}: no completed run has it{suggest(name, known)}")
    if typed in ("min", "max"):
        return Metric(name, typed)
    for run in runs:
        if run.record["metric"]["name"] == name:
            return Metric(name, run.record["metric"]["direction"])
    last = name.lower().replace("-", "_").rpartition("_")[2]
    if typed or last not in LOWER | HIGHER:
        raise ConfigurationError(
            f"metric={text}: say which way is better, metric={name}:min or metric={name}:max"
        )
    return Metric(name, "min" if last in LOWER else "max")


def best_by_validation(variants: Sequence[Variant], metric: Metric) -> Variant | None:
    """Return the variant of the best mean validation value, of those with the most runs.

    Test values have no say: a winner that is chosen by them looks better than it is. A variant with
    diverged runs is no candidate; without validation values there is none.
    """
    candidates = [each for each in variants if not each.diverged and each.values(metric.validation)]
    most = max((len(each.runs) for each in candidates), default=0)
    return min(
        (each for each in candidates if len(each.runs) == most),
        key=lambda each: metric.sign * statistics.fmean(each.values(metric.validation) or ()),
        default=None,
    )
