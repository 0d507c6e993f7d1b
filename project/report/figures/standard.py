"""Figures of the standard sections: every seed, curves over the epochs, and costs."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import median
from textwrap import fill

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from project.report.figures import style
from project.report.formatting import Quantity
from project.results.records import RunRecord
from project.results.variants import Variant

MAX_VARIANTS = 40  # more lines than this cannot be read on one page
LABEL_WIDTH = 38  # letters
N = "  (n\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}"
TITLE_WIDTH = 44  # letters
COLUMNS = 2  # of panels
STAGES = (
    ("train", "training", style.BLUE, "-", "o"),
    ("val", "validation", style.VERMILLION, "--", "s"),
)
MAX_NETS = 40
MAX_DOTS = 500  # on one line; more would make the SVG too large and are drawn as a bitmap
ABOVE, BELOW = (7, 5), (7, -13)  # offsets of a name from its point
NEAR = 2.5  # points within this factor are so close that their names would overlap


def draw_seeds(
    variants: Sequence[Variant],
    quantity: Quantity,
    published: Mapping[str, float] | None = None,
) -> Figure:
    """Draw the test values of the first `MAX_VARIANTS` variants, all with completed runs.

    `published` has the means in a publication by the variant's label.
    """
    shown, scale = variants[:MAX_VARIANTS], quantity.scale
    labels = [f"{each.label}{N}{len(each.runs)})" for each in shown]
    labels = [fill(label, LABEL_WIDTH, break_on_hyphens=False) for label in labels]
    figure, (axes,) = style.rows_figure(labels, 8)
    reached: list[float] = []
    for place, each in enumerate(shown):
        values = [scale * value for value in each.values(quantity.metric.test) or []]
        # The seeds stand below the mean, so that neither hides the other.
        heights = place + 0.17 + style.spread(len(values), 0.24)
        axes.plot(values, heights, ".", color=style.GREY, markersize=4, label="one seed")
        mean, ends = style.bar(quantity.summary(each), scale)
        look = {"color": style.BLUE, "marker": "D", "markersize": 5, "linestyle": "none"}
        axes.errorbar(mean, place - 0.15, xerr=ends, label="mean and 95 % CI", capsize=4, **look)
        reached += values
        if published and each.label in published:
            at = scale * published[each.label]
            axes.plot(
                at, place - 0.15, marker="o", markersize=9, markerfacecolor="none",
                markeredgecolor=style.VERMILLION, markeredgewidth=1.4, linestyle="none",
                label="mean in the published report",
            )  # fmt: skip
            reached.append(at)
    style.value_scale(axes, "x", reached, quantity, quantity.name)
    some = f"; the first {len(shown)} of {len(variants)} variants" * (len(shown) < len(variants))
    figure.suptitle(f"{quantity.name.capitalize()}: every seed, mean and 95 % CI{some}")
    style.legend_below(figure, 3)
    return figure


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


def by_net(variants: Sequence[Variant]) -> dict[str, list[RunRecord]]:
    """Return the completed runs of each net, by its name.

    A net is a model, with its number of parameters where variants of the model differ in it.
    """
    sizes: dict[str, dict[int, list[RunRecord]]] = defaultdict(lambda: defaultdict(list))
    for each in variants:
        for run in each.runs:
            sizes[each.prefix][run.parameters or 0].append(run)
    return {
        model if len(own) == 1 else f"{model} of {parameters:,}": runs
        for model, own in sizes.items()
        for parameters, runs in own.items()
    }


def seconds_of(runs: Sequence[RunRecord]) -> list[float]:
    """Return the training times in seconds, at least 0.001 to fit a logarithmic axis."""
    return [max(run.seconds or 0.0, 1e-3) for run in runs]


def draw_costs(variants: Sequence[Variant]) -> Figure:
    """Draw the training times with their median, and the parameters, of the fastest nets."""
    nets = by_net(variants)
    times = {name: seconds_of(runs) for name, runs in nets.items()}
    order = sorted(nets, key=lambda name: (median(times[name]), name))[:MAX_NETS]
    sizes = {name: nets[name][0].parameters or 0 for name in order}
    labels = [f"{name}  (n = {len(nets[name])})" for name in order]
    figure, (left, right) = style.rows_figure(labels, 9, columns=2)
    for place, (name, size) in enumerate(sizes.items()):
        seconds = times[name]
        heights = place + style.spread(len(seconds), 0.4)
        many = len(seconds) > MAX_DOTS
        left.plot(seconds, heights, ".", color=style.GREY, markersize=4, rasterized=many)
        look = {"color": style.BLUE, "marker": "D", "markersize": 6, "linestyle": "none"}
        left.plot(median(seconds), place, **look)
        end = (size / 1000, place)
        right.plot([0, end[0]], [place, place], color=style.VERMILLION, linewidth=1)
        right.plot(*end, marker="s", color=style.VERMILLION, markersize=6)
        right.annotate(
            f"{size:,}", end, xytext=(7, 0), textcoords="offset points", va="center", fontsize=9
        )
    every = [value for name in order for value in times[name]]
    left.set(xscale="log", xlim=(min(every) / 1.2, max(every) * 1.2))
    style.plain_ticks(left.xaxis)
    left.set_xlabel("training time (s, log scale)")
    right.set_xlim(0, 1.3 * max(sizes.values()) / 1000 or 1)
    right.set_xlabel("parameters (thousands)")
    some = f"; the quickest {MAX_NETS} of {len(nets)}" if len(nets) > MAX_NETS else ""
    figure.suptitle(f"Training time of every run (dots) with the median, and parameters{some}")
    return figure


def draw_frontier(variants: Sequence[Variant], quantity: Quantity) -> Figure:
    """Draw each variant's mean test value with 95 % CI against its median training time."""
    figure = Figure((9, 5.5))
    axes = figure.subplots()
    times = [median(seconds_of(each.runs)) for each in variants]
    bars = [style.bar(quantity.summary(each), quantity.scale) for each in variants]
    reached: list[float] = []
    for k, (each, seconds, (mean, ends)) in enumerate(zip(variants, times, bars, strict=True)):
        under_another = any(
            mean < other < NEAR * mean and 1 / NEAR < theirs / seconds < NEAR
            for theirs, (other, _) in zip(times, bars, strict=True)
        )
        color, marker, _ = style.SERIES[k % len(style.SERIES)]
        look = {"color": color, "marker": marker, "linestyle": "none", "capsize": 3}
        axes.errorbar(seconds, mean, yerr=ends, **look)
        axes.annotate(
            f"{each.prefix} (n = {len(each.runs)})", (seconds, mean), color=color, fontsize=9,
            xytext=BELOW if under_another else ABOVE, textcoords="offset points",
        )  # fmt: skip
        reached += style.reach(mean, ends)
    # Room for the names on the right.
    axes.set(xscale="log", xlim=(min(times) / 1.3, max(times) * 3.5))
    style.plain_ticks(axes.xaxis)
    axes.set_xlabel("training time (s, median, log scale)")
    style.value_scale(axes, "y", reached, quantity, quantity.name)
    figure.suptitle(f"{quantity.name.capitalize()} (mean, 95 % CI) against training time")
    return figure
