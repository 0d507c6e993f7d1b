"""Figures of a metric over the epochs: mean and std over the seeds, a panel for each variant."""

from collections.abc import Mapping, Sequence
from textwrap import fill

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from project.report.figures import style
from project.report.formatting import Quantity
from project.results.variants import Variant

TITLE_WIDTH = 44  # letters
COLUMNS = 2  # of panels
STAGES = (
    ("train", "training", style.BLUE, "-", "o"),
    ("val", "validation", style.VERMILLION, "--", "s"),
)


def draw_courses(
    axes: Axes, histories: Sequence[Mapping[str, Sequence[float]]], name: str, scale: float = 1
) -> list[float]:
    """Draw the curves of training and validation: the mean over the runs, and a band of one std.

    They end with the shortest history. A stage is left out unless all runs have the metric `name`
    (`error`) in it. The std of a lone run is 0.

    Returns:
        The finite values of means and upper edges of bands.
    """
    length = min(len(history["epoch"]) for history in histories)
    epochs = np.array(histories[0]["epoch"][:length])
    reached: list[float] = []
    for stage, label, color, line, marker in STAGES:
        if not all(f"{stage}/{name}" in history for history in histories):
            continue
        values = np.array([history[f"{stage}/{name}"][:length] for history in histories])
        mean = values.mean(axis=0)
        std = values.std(axis=0, ddof=1) if len(values) > 1 else np.zeros(length)
        every = max(1, length // 6)
        axes.plot(
            epochs, scale * mean, color=color, linestyle=line, marker=marker, markersize=4,
            markevery=(every - 1, every), linewidth=1.4, label=label,
        )  # fmt: skip
        # The lowest run bounds the band, because a logarithmic axis cannot show 0 or less.
        low, high = np.maximum(mean - std, values.min(axis=0)), mean + std
        axes.fill_between(epochs, scale * low, scale * high, color=color, alpha=0.2, linewidth=0)
        reached += [*scale * mean, *scale * high]
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
        test = quantity.summary(each)
        mean, std = quantity.scale * test.mean, quantity.scale * (test.std or 0)
        look = {"color": style.BLACK, "marker": "D", "markersize": 6, "linestyle": "none"}
        label, last = "test, measured once at the end", max(histories[0]["epoch"])
        axes.errorbar(last * 1.04, mean, yerr=std, label=label, capsize=4, **look)
        title = fill(each.label, TITLE_WIDTH, break_on_hyphens=False)
        axes.set_title(f"{title}\nn = {len(each.runs)}")
        reached += [mean, mean + std]
    for axes in panels[len(variants) :]:
        axes.remove()
    # A logarithmic axis cannot show 0, so its limits use only positive values.
    positive = [each for each in reached if each > 0]
    for axes in panels[::columns]:
        style.value_scale(axes, "y", positive or reached, quantity, quantity.plain_name)
    name = quantity.plain_name.capitalize()
    figure.suptitle(f"{name} over the epochs: mean ± one std over seeds")
    style.legend_below(figure, 3)
    return figure
