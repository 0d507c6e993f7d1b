"""What each change does: differences from the whole, with their intervals."""

from collections.abc import Mapping

from matplotlib.figure import Figure

from project.report.figures.style import BLUE, GREY
from project.report.statistics import PairedComparison


def draw_ablation(name: str, compared: Mapping[str, PairedComparison]) -> Figure:
    """compared: by change, the error with it minus that of the whole; largest on top."""
    order = sorted(compared, key=lambda each: -compared[each].mean_difference)
    figure = Figure((9, 1.4 + 0.42 * len(order)))
    axes = figure.subplots()
    for place, change in enumerate(order):
        each = compared[change]
        if each.interval is not None:
            low, high = each.interval
            axes.plot([100 * low, 100 * high], [place, place], color=BLUE, linewidth=2)
        axes.plot(100 * each.mean_difference, place, "D", color=BLUE, markersize=6)
    axes.axvline(0, color=GREY, linewidth=1)
    axes.set_yticks(range(len(order)), [f"{each}  (n = {compared[each].n})" for each in order])
    axes.set_ylim(len(order) - 0.4, -0.6)
    axes.set_xlabel("test error minus that of the whole (points)")
    figure.suptitle(f"{name}: one thing changed at a time, with 95 % intervals")
    return figure
