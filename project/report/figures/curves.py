"""Figures of a metric over the epochs: mean and std over the seeds, a panel for each variant."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import fill

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from project.report.figures.style import (
    BLACK,
    BLUE,
    VERMILLION,
    legend_below,
    value_scale,
)
from project.report.formatting import Quantity
from project.results.statistics import summarise
from project.results.variants import Variant

History = Mapping[str, Sequence[float]]  # the columns of a history.csv
TITLE_WIDTH = 44  # letters
COLUMNS = 2  # of panels
STAGES = (("train", "training", BLUE, "-", "o"), ("val", "validation", VERMILLION, "--", "s"))


@dataclass(frozen=True)
class Course:
    """A column of history.csv over epochs (E,): its mean, std and lowest value over the runs."""

    epochs: NDArray[np.float64]
    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    lowest: NDArray[np.float64]


def course(histories: Sequence[History], name: str) -> Course:
    """Return the statistics of a column over the epochs that all histories have.

    The std is 0 for a single run.
    """
    length = min(len(history["epoch"]) for history in histories)
    values = np.array([history[name][:length] for history in histories])
    return Course(
        epochs=np.array(histories[0]["epoch"][:length]),
        mean=values.mean(axis=0),
        std=values.std(axis=0, ddof=1) if len(values) > 1 else np.zeros(length),
        lowest=values.min(axis=0),
    )


def draw_courses(
    axes: Axes, histories: Sequence[History], name: str, scale: float = 1
) -> list[float]:
    """Draw the curves of training and validation: the mean over the runs, and a band of one std.

    A stage is left out unless all runs have the metric `name` (`error`) in it.

    Returns:
        The finite values of means and upper edges of bands.
    """
    reached: list[float] = []
    for stage, label, color, line, marker in STAGES:
        if not all(f"{stage}/{name}" in history for history in histories):
            continue
        drawn = course(histories, f"{stage}/{name}")
        every = max(1, len(drawn.epochs) // 6)
        axes.plot(
            drawn.epochs, scale * drawn.mean, color=color, linestyle=line, marker=marker,
            markersize=4, markevery=(every - 1, every), linewidth=1.4, label=label,
        )  # fmt: skip
        # The lowest run bounds the band, because a logarithmic axis cannot show 0 or less.
        low = np.maximum(drawn.mean - drawn.std, drawn.lowest)
        high = drawn.mean + drawn.std
        axes.fill_between(
            drawn.epochs, scale * low, scale * high, color=color, alpha=0.2, linewidth=0
        )
        reached += [*scale * drawn.mean, *scale * high]
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return [each for each in reached if np.isfinite(each)]


def draw_epochs(variants: Sequence[Variant], quantity: Quantity) -> Figure:
    """Draw training and validation curves and the final test value, a panel for each variant."""
    rows = -(-len(variants) // COLUMNS)
    columns = min(COLUMNS, len(variants))
    figure = Figure((4.8 * columns, 0.8 + 3.6 * rows))
    panels = figure.subplots(rows, columns, sharey=True, squeeze=False).flatten()
    reached: list[float] = []
    for axes, each in zip(panels, variants, strict=False):
        histories = [run.columns() for run in each.runs]
        reached += draw_courses(axes, histories, quantity.metric.name, quantity.scale)
        test = summarise(each.values(quantity.metric.test) or [])
        mean, std = quantity.scale * test.mean, quantity.scale * (test.std or 0)
        look = {"color": BLACK, "marker": "D", "markersize": 6, "capsize": 4, "linestyle": "none"}
        last = max(histories[0]["epoch"])
        axes.errorbar(last * 1.04, mean, yerr=std, label="test, measured once at the end", **look)
        title = fill(each.label, TITLE_WIDTH, break_on_hyphens=False)
        axes.set_title(f"{title}\nn = {len(each.runs)}")
        reached += [mean, mean + std]
    for axes in panels[len(variants) :]:
        axes.remove()
    # A logarithmic axis cannot show 0, so its limits use only positive values.
    positive = [each for each in reached if each > 0]
    for axes in panels[:: columns or 1]:
        value_scale(axes, "y", positive or reached, quantity, quantity.plain_name)
    figure.suptitle(
        f"{quantity.plain_name.capitalize()} over the epochs: mean ± one std over seeds"
    )
    legend_below(figure, 3)
    return figure
