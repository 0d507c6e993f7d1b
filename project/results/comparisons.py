"""Compare two variants seed by seed, and their runs example by example."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import special

from project.results.metrics import Metric
from project.results.records import RunRecord
from project.results.statistics import SIGNIFICANCE, Paired, compare_paired, correct
from project.results.variants import Variant, differences
from project.runs.record import WAY_OUT, CorruptRunError

PREDICTIONS = "predictions.npz"
Pair = tuple[RunRecord, RunRecord]


def paired_runs(a: Variant, b: Variant) -> list[Pair]:
    """Return pairs (run of a, run of b) of completed runs at one seed, on equal test examples."""
    others = {(run.seed, run.test_data): run for run in b.runs}
    return [
        (run, others[key])
        for run in a.runs
        if (key := (run.seed, run.test_data)) in others and run.test_data is not None
    ]


def unpaired_seeds(a: Variant, b: Variant) -> list[int]:
    """Return the seeds that both completed, but on different or unknown test examples."""
    paired = {run.seed for run, _ in paired_runs(a, b)}
    return sorted({*a.seeds} & {*b.seeds} - paired)


def why_not_paired(a: Variant, b: Variant, metric: str) -> str:
    """Return why variant a cannot be compared with the baseline b by seed; empty if it can be.

    `metric` is named with its stage: `test/error`.
    """
    for each, whose in ((a, ""), (b, " of the baseline")):
        if each.diverged:
            return (
                f"{each.diverged} of {each.diverged + len(each.runs)} runs{whose} diverged, and "
                "the others are not a fair sample"
            )
        if each.runs and each.values(metric) is None:
            return f"not all runs{whose} have {metric}"
    if paired_runs(a, b):
        return ""
    if not unpaired_seeds(a, b):
        return "no seed in common"
    causes = [
        f"{key} {own} against {other}"
        for key, (own, other) in differences(a.settings, b.settings).items()
        if key.split(".")[0] in ("data", "seeds", "task")
    ]
    return "not the same test examples" + (f": {', '.join(causes)}" if causes else "")


def compare_variants(a: Variant, b: Variant, metric: Metric) -> Paired:
    """Compare the test values of a and b over their runs; only where `why_not_paired` is empty."""
    pairs = paired_runs(a, b)
    return compare_paired(
        [own.metrics[metric.test] for own, _ in pairs],
        [other.metrics[metric.test] for _, other in pairs],
        metric.direction,
    )


def compare_family(
    pairs: Sequence[tuple[Variant, Variant]], metric: Metric
) -> list[tuple[Paired | None, float | None, str]]:
    """Compare pairs (a, b) of variants: for each what was found, Holm's p, or why it is None."""
    reasons = [why_not_paired(*pair, metric.test) for pair in pairs]
    compared = [
        None if reason else compare_variants(*pair, metric)
        for pair, reason in zip(pairs, reasons, strict=True)
    ]
    return list(zip(compared, correct(compared), reasons, strict=True))


@dataclass(frozen=True)
class ExampleComparison:
    """Two runs a and b at one seed, compared on the same n test examples.

    `only_a` of them only a classifies correctly. `p_value` is McNemar's exact test's, which is
    about these nets, not their variants.
    """

    seed: int
    n: int
    only_a: int
    only_b: int
    both_wrong: int
    p_value: float

    @property
    def better(self) -> str:
        """The run that is significantly better, `a` or `b`; empty if neither is."""
        if self.p_value >= SIGNIFICANCE:
            return ""
        return "a" if self.only_a > self.only_b else "b"


def compare_examples(pairs: Sequence[Pair]) -> list[ExampleComparison]:
    """Compare pairs of runs that both stored predicted classes for the same targets.

    Raises:
        CorruptRunError: A file of predictions cannot be read.
    """
    found = []
    for first, second in pairs:
        a, b = (_read_predictions(run.directory) for run in (first, second))
        if a is None or b is None or not np.array_equal(a[1], b[1]):
            continue
        right_a, right_b = a[0] == a[1], b[0] == b[1]
        only_a, only_b = int((right_a & ~right_b).sum()), int((right_b & ~right_a).sum())
        # The exact two-sided test: both tails of a binomial distribution with p = 0.5.
        p = min(1.0, 2 * special.bdtr(min(only_a, only_b), only_a + only_b, 0.5))
        wrong = int((~right_a & ~right_b).sum())
        found.append(ExampleComparison(first.seed, right_a.size, only_a, only_b, wrong, float(p)))
    return found


def _read_predictions(directory: Path) -> tuple[np.ndarray, np.ndarray] | None:
    """Return predicted and true classes (n,); None if none are stored."""
    path = directory / PREDICTIONS
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
            prediction, target = file["prediction"], file["target"]
    except FileNotFoundError:
        return None
    except Exception as error:  # a damaged archive raises errors of zipfile, zlib and numpy
        raise CorruptRunError(f"{path} cannot be read ({error}); {WAY_OUT}") from None
    classes = all(array.dtype.kind in "biu" for array in (prediction, target))
    return (prediction, target) if classes and prediction.shape == target.shape else None
