"""Test error against training time: which nets are worth their seconds."""

from collections.abc import Sequence
from statistics import median

import numpy as np
from matplotlib.figure import Figure

from project.report.arms import Arm
from project.report.figures.costs import SECONDS
from project.report.figures.style import SERIES, bar, error_label, error_scale, plain_ticks
from project.report.statistics import summarise

ABOVE, BELOW = (7, 5), (7, -13)  # where names stand
NEAR = 2.5  # times as long or as often: a name would cover the neighbour's


def draw_frontier(arms: Sequence[Arm]) -> Figure:
    """Each arm's mean error with its 95 % interval over its median seconds, both logarithmic.

    arms: one for each model, the lowest error first.
    """
    figure = Figure((9, 5.5))
    axes = figure.subplots()
    reached: list[float] = []
    times = [median(run.seconds["training"] for run in arm.runs) for arm in arms]
    bars = [bar(summarise(arm.values("test/error"))) for arm in arms]
    for number, (arm, seconds, (mean, reach)) in enumerate(zip(arms, times, bars, strict=True)):
        under_another = any(
            mean < other < NEAR * mean and 1 / NEAR < theirs / seconds < NEAR
            for theirs, (other, _) in zip(times, bars, strict=True)
        )
        color, marker, _ = SERIES[number % len(SERIES)]
        look = {"color": color, "marker": marker, "linestyle": "none"}
        axes.errorbar(seconds, mean, yerr=np.asarray(reach), capsize=3, **look)
        axes.annotate(
            f"{arm.model} (n = {len(arm.runs)})",
            (seconds, mean),
            xytext=BELOW if under_another else ABOVE,
            textcoords="offset points",
            fontsize=9,
            color=color,
        )
        (down,), (up,) = reach
        reached += [max(mean - down, mean / 2), mean + up]
    axes.set_xscale("log")
    plain_ticks(axes.xaxis, SECONDS)
    axes.set_xlabel("training time (s, median, log scale)")
    error_scale(axes, "y", reached)
    error_label(axes, "y", "test error")
    left, right = axes.get_xlim()
    axes.set_xlim(left / 1.1, right * 2.5)  # room for the names
    figure.suptitle("Test error (mean, 95 % t-interval) against training time")
    return figure
