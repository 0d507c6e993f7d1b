"""The metric that runs are judged by: validation values select, test values only report."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from project.config.errors import ConfigurationError, suggest
from project.results.records import RunRecord
from project.results.variants import Variant

Direction = Literal["min", "max"]
STAGES = ("train", "val", "test")
# Metrics of which lower or higher values are better, by the last word of their name.
LOWER = {"brier", "ece", "error", "loss", "mae", "mse", "nll", "perplexity", "rmse", "wer"}
HIGHER = {
    "acc", "accuracy", "ap", "auc", "auprc", "auroc", "bleu", "dice", "f1", "iou", "kappa", "map",
    "mcc", "precision", "psnr", "r2", "recall", "score", "ssim",
}  # fmt: skip


@dataclass(frozen=True)
class Metric:
    """A metric's name without a stage, `error`, and which of its values are better."""

    name: str
    direction: Direction

    @property
    def validation(self) -> str:
        """The name of its validation value, by which everything is selected: `val/error`."""
        return f"val/{self.name}"

    @property
    def test(self) -> str:
        """The name of its test value, which is reported and never selects: `test/error`."""
        return f"test/{self.name}"

    @property
    def sign(self) -> int:
        """1 if lower is better, else -1, so that sign * (a - b) > 0 means that a is worse."""
        return 1 if self.direction == "min" else -1


def own_metric(runs: Iterable[RunRecord]) -> Metric:
    """Return the metric that the records of the runs, at least one, name.

    Raises:
        ConfigurationError: The records name different metrics, so the runs cannot be compared.
    """
    found = {(run.record["metric"]["name"], run.record["metric"]["direction"]) for run in runs}
    if len(found) > 1:
        said = " and ".join(f"{name} ({direction})" for name, direction in sorted(found))
        raise ConfigurationError(f"these runs are judged by {said}; choose one: metric=NAME")
    ((name, direction),) = found
    return Metric(name, direction)


def named_metric(text: str, runs: Sequence[RunRecord]) -> Metric:
    """Return the metric that the user named: `auc`, `test/auc` or `auc:max`.

    Without `:max` or `:min` the records say the direction, else the last word of the name.

    Raises:
        ConfigurationError: No completed run has the metric, or its direction is unknown.
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
    """Return the variant with the best mean validation value, among those with the most runs.

    Variants with a diverged run or a run without a validation value are ignored; None if all are.
    Test values have no say, because a variant that they select looks better than it is.
    """
    candidates = [each for each in variants if not each.diverged and each.values(metric.validation)]
    most = max((len(each.runs) for each in candidates), default=0)
    return min(
        (each for each in candidates if len(each.runs) == most),
        key=lambda each: metric.sign * statistics.fmean(each.values(metric.validation) or ()),
        default=None,
    )
