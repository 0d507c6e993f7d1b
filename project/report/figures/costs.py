"""Figures on costs: training time, parameters, and the test value against training time."""

from collections import defaultdict
from collections.abc import Sequence
from statistics import median

from matplotlib.figure import Figure

from project.report.figures import style
from project.report.formatting import Quantity
from project.results.records import RunRecord
from project.results.variants import Variant

MAX_NETS = 40  # more lines than this cannot be read on one page
MAX_DOTS = 500  # on one line; more would make the SVG too large and are drawn as a bitmap
ABOVE, BELOW = (7, 5), (7, -13)  # offsets of a name from its point
NEAR = 2.5  # points within this factor are so close that their names would overlap


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
