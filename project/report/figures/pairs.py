"""Two values of one setting, seed by seed: a line for each seed joins its two errors."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from project.report.arms import Arm
from project.report.comparisons import why_not_paired
from project.report.figures.style import (
    BLUE,
    GREY,
    VERMILLION,
    bar,
    error_label,
    error_scale,
    percent,
)
from project.report.figures.sweeps import find_sweeps
from project.report.statistics import summarise

MOST_PANELS = 6
AUXILIARY_ON = "model.auxiliary_on"
SOFTMAXES = {"probabilities": "softmax twice\n(as the report)", "logits": "softmax once\n(correct)"}


@dataclass(frozen=True)
class Pair:
    """Two arms that differ in one setting, and their errors (shares) at the seeds of both."""

    name: str
    first: Arm
    second: Arm

    @property
    def why_not_compared(self) -> str:
        """In words; empty where the two can be compared seed by seed."""
        return why_not_paired(self.second, self.first)

    @property
    def seeds(self) -> list[int]:
        """Those that both arms have completed."""
        return sorted(
            {run.seed for run in self.first.runs} & {run.seed for run in self.second.runs}
        )

    def errors(self, arm: Arm) -> list[float]:
        """Test errors of `arm`, one of the two, by seed."""
        return [run.metrics["test/error"] for run in arm.runs if run.seed in set(self.seeds)]


def double_softmax(arms: Sequence[Arm]) -> list[Pair]:
    """The arms that differ only in what the auxiliary cross-entropy receives, paired or not."""
    pairs = []
    for sweep in find_sweeps(arms, AUXILIARY_ON):
        own = dict(zip(sweep.values, sweep.arms, strict=True))
        if set(own) == set(SOFTMAXES):
            pairs.append(Pair(sweep.name, *(own[value] for value in SOFTMAXES)))
    return pairs


def draw_pairs(pairs: Sequence[Pair]) -> Figure:
    """A panel for each pair: seeds as lines, means and 95 % intervals beside them.

    Of more than `MOST_PANELS` pairs the first ones.
    """
    some = f"; {MOST_PANELS} of {len(pairs)} pairs" if len(pairs) > MOST_PANELS else ""
    pairs = pairs[:MOST_PANELS]
    figure = Figure((1.2 + 2.3 * len(pairs), 4.6))
    panels = figure.subplots(1, len(pairs), sharey=True, squeeze=False)[0]
    for axes, pair in zip(panels, pairs, strict=True):
        _draw_pair(axes, pair)
    every = [
        error for pair in pairs for arm in (pair.first, pair.second) for error in pair.errors(arm)
    ]
    error_scale(panels[0], "y", percent(every))
    error_label(panels[0], "y", "test error")
    figure.suptitle(
        f"The same seeds with softmax twice and once: mean and 95 % t-interval{some}",
    )
    return figure


def _draw_pair(axes: Axes, pair: Pair) -> None:
    first, second = pair.errors(pair.first), pair.errors(pair.second)
    for pair_of_errors in zip(percent(first), percent(second), strict=True):
        axes.plot([0, 1], pair_of_errors, color=GREY, linewidth=0.8, marker=".", markersize=4)
    marks = ((-0.14, first, VERMILLION, "s"), (1.14, second, BLUE, "o"))
    for place, errors, color, marker in marks:
        mean, reach = bar(summarise(errors))
        axes.errorbar(place, mean, yerr=reach, color=color, marker=marker, markersize=7, capsize=4)
    axes.set_xticks([0, 1], list(SOFTMAXES.values()))
    axes.set_xlim(-0.45, 1.45)
    axes.set_title(f"{pair.name}\nn = {len(pair.seeds)} seeds")
