"""Two variants compared: seed by seed where the runs pair, and example by example."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import stats

from project.results.metrics import Metric
from project.results.records import RunRecord
from project.results.statistics import SIGNIFICANCE, Paired, compare_paired
from project.results.variants import Variant, differences
from project.runs.record import WAY_OUT, CorruptRunError

PREDICTIONS = "predictions.npz"
Pair = tuple[RunRecord, RunRecord]


def paired_runs(a: Variant, b: Variant) -> list[Pair]:
    """Return the completed runs of both at common seeds, where the test examples are the same."""
    return [pair for pair in _common_seeds(a, b) if _same_test_data(pair)]


def unpaired_seeds(a: Variant, b: Variant) -> list[int]:
    """Return the seeds that both have, but with other test examples."""
    return [pair[0].seed for pair in _common_seeds(a, b) if not _same_test_data(pair)]


def _common_seeds(a: Variant, b: Variant) -> list[Pair]:
    others = {run.seed: run for run in b.runs}
    return [(run, others[run.seed]) for run in a.runs if run.seed in others]


def _same_test_data(pair: Pair) -> bool:
    first, second = pair
    return first.test_data is not None and first.test_data == second.test_data


def why_not_paired(a: Variant, b: Variant, metric: str) -> str:
    """Return why a cannot be compared with the baseline b seed by seed; empty where it can.

    `metric` is named with its stage: `test/error`.
    """
    for each, whose in ((a, ""), (b, " of the baseline")):
        if each.diverged:
            return (
                f"{each.diverged} of {each.diverged + len(each.runs)} runs{whose} diverged, and "
                "the others are no fair sample"
            )
        if each.runs and each.values(metric) is None:
            return f"not all runs{whose} have {metric}"
    if paired_runs(a, b):
        return ""
    seeds = unpaired_seeds(a, b)
    if not seeds:
        return "no seed in common"
    settings = differences(a.settings, b.settings)
    causes = [
        f"{key} {own} against {other}"
        for key, (own, other) in settings.items()
        if key.split(".")[0] in ("data", "seeds", "task")
    ]
    return "not the same test examples" + (f": {', '.join(causes)}" if causes else "")


def compare_variants(a: Variant, b: Variant, metric: Metric) -> Paired:
    """Compare test values at the seeds that pair, one at least; see `why_not_paired`."""
    pairs = paired_runs(a, b)
    return compare_paired(
        [own.metrics[metric.test] for own, _ in pairs],
        [other.metrics[metric.test] for _, other in pairs],
        metric.direction,
    )


@dataclass(frozen=True)
class ExampleComparison:
    """Two runs of one seed on n test examples: those that only one, or neither, tells right.

    `p_value` is of McNemar's exact test: were both as good, how often would the examples on which
    only one of them is right be shared out at least as unevenly? It is about these two nets, and
    not about the variants that they are runs of.
    """

    seed: int
    n: int
    only_a: int
    only_b: int
    both_wrong: int
    p_value: float

    @property
    def better(self) -> str:
        """`a` or `b` where one of them is significantly better, else nothing."""
        if self.p_value >= SIGNIFICANCE:
            return ""
        return "a" if self.only_a > self.only_b else "b"


def compare_examples(pairs: Sequence[Pair]) -> list[ExampleComparison]:
    """Compare runs example by example wherever both have stored classes for the same targets.

    Raises:
        CorruptRunError: Stored predictions cannot be read.
    """
    found = []
    for first, second in pairs:
        a, b = (_read_predictions(run.directory) for run in (first, second))
        if a is None or b is None or not np.array_equal(a[1], b[1]):
            continue
        right_a, right_b = a[0] == a[1], b[0] == b[1]
        only_a, only_b = int((right_a & ~right_b).sum()), int((right_b & ~right_a).sum())
        differing = only_a + only_b
        p = stats.binomtest(only_a, differing).pvalue if differing else 1.0
        wrong = int((~right_a & ~right_b).sum())
        found.append(ExampleComparison(first.seed, right_a.size, only_a, only_b, wrong, float(p)))
    return found


def _read_predictions(directory: Path) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the predicted and the true classes; None where none are stored, or no classes."""
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
