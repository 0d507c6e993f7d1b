"""Part 2's figures: accuracy by learning rate, the predictions over the square, the epochs."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from project.report.arms import Arm, shown
from project.report.figures.curves import draw_courses
from project.report.figures.style import (
    BLACK,
    BLUE,
    GREY,
    PERCENT_TICKS,
    VERMILLION,
    plain_ticks,
    spread,
)
from project.report.statistics import summarise

# The geometry of the task, for the true circle; `project.points.data` would import torch.
CENTRE, RADIUS = (0.5, 0.5), 1 / math.sqrt(2 * math.pi)
LOOKS = {"tanh": ("tanh", BLUE, "o", "-"), "relu": ("ReLU", VERMILLION, "s", "--")}
LOSSES = {"mse": "mean squared error", "cross_entropy": "cross-entropy"}


def draw_learning_rates(arms: Sequence[Arm]) -> Figure:
    """The report's figures 1 and 2: a panel for each activation; every run, mean, deviation.

    Every run, because a few that learn nothing can make a deviation that no run deviates by. The
    scale is that of the logarithm of the error, which parts 98 from 99 % and yet shows 50 %.
    """
    activations = [name for name in LOOKS if any(a.settings["activation"] == name for a in arms)]
    rates = sorted({arm.settings["lr"] for arm in arms})
    figure = Figure((1.2 + 4.6 * len(activations), 4.8))
    panels = figure.subplots(1, len(activations), sharey=True, squeeze=False)[0]
    for axes, activation in zip(panels, activations, strict=True):
        own = [arm for arm in arms if arm.settings["activation"] == activation]
        _draw_activation(axes, activation, own, rates)
    errors = [max(error, 0.0005) for arm in arms for error in arm.values("test/error")]
    # Room below for how many runs diverged.
    panels[0].set_ylim(250 * max(errors), 100 * min(errors) / 1.3)
    panels[0].set_yscale("log")
    panels[0].yaxis.set_major_locator(FixedLocator([tick for tick in PERCENT_TICKS if tick <= 50]))
    panels[0].yaxis.set_minor_locator(NullLocator())
    panels[0].yaxis.set_major_formatter(FuncFormatter(lambda error, _: f"{100 - error:g}"))
    panels[0].set_ylabel("test accuracy (%, log scale of the error)")
    figure.suptitle("Accuracy by learning rate: every run, mean ± standard deviation")
    return figure


def _draw_activation(axes: Axes, activation: str, arms: Sequence[Arm], rates: list[float]) -> None:
    name, color, marker, line = LOOKS[activation]
    drawn = [arm for arm in arms if arm.runs]
    places = [rates.index(arm.settings["lr"]) for arm in drawn]
    summaries = [summarise(arm.values("test/error")) for arm in drawn]
    for place, arm in zip(places, drawn, strict=True):
        beside = place + 0.25 + spread(len(arm.runs), 0.2)
        errors = 100 * np.array(arm.values("test/error"))
        axes.plot(beside, errors, ".", color=GREY, markersize=3)
    axes.errorbar(
        places,
        [100 * each.mean for each in summaries],
        yerr=[100 * (each.deviation or 0) for each in summaries],
        color=color,
        marker=marker,
        linestyle=line,
        capsize=4,
    )
    for arm in arms:
        diverged = sum(run.diverged for run in arm.unfinished)
        if diverged:
            text = f"{diverged} of {diverged + len(arm.runs)}\ndiverged"
            place = (rates.index(arm.settings["lr"]), 0.01)
            axes.text(*place, text, transform=axes.get_xaxis_transform(), ha="center", fontsize=8)
    axes.set_xticks(range(len(rates)), [shown(rate) for rate in rates])
    axes.set_xlim(-0.5, len(rates) - 0.3)
    axes.set_xlabel("learning rate, evenly spaced")
    numbers = sorted({len(arm.runs) for arm in drawn})
    n = f"{numbers[0]} to {numbers[-1]}" if len(numbers) > 1 else f"{numbers[0]}"
    axes.set_title(f"{name}, n = {n}")


def draw_predictions(arm: Arm) -> Figure:
    """The report's figure 3: the first run's predictions on its test points, and the circle."""
    run = arm.runs[0]
    columns = run.columns("predictions.csv")
    points = np.array([columns["x"], columns["y"]]).T
    inside = np.array(columns["prediction"]) == 1
    wrong = np.array(columns["prediction"]) != np.array(columns["label"])
    figure = Figure((6, 6.8))
    axes = figure.subplots()
    axes.grid(False)
    axes.scatter(*points[inside].T, marker="o", s=14, color=BLUE, label="predicted inside")
    axes.scatter(
        *points[~inside].T,
        marker="^",
        s=14,
        facecolors="none",
        edgecolors=VERMILLION,
        linewidths=0.8,
        label="predicted outside",
    )
    count = f"wrong ({wrong.sum()} of {len(wrong)})"
    axes.scatter(*points[wrong].T, marker="x", s=55, color=BLACK, label=count)
    angles = np.linspace(0, 2 * math.pi, 361)
    axes.plot(
        CENTRE[0] + RADIUS * np.cos(angles),
        CENTRE[1] + RADIUS * np.sin(angles),
        color=BLACK,
        linestyle="--",
        linewidth=1,
        label="true circle",
    )
    axes.spines[:].set_visible(True)
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal", xlabel="x", ylabel="y")
    axes.set_title(f"Predictions on the test points: {arm.label}, seed {run.seed}")
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def draw_epochs(arm: Arm) -> Figure:
    """The report's figure 4: accuracy and loss by epoch, on training and validation points.

    The report draws training and test; here the test points are measured once, at the end, so the
    second curve is that of the validation points, which are as new to the net as the test points.
    """
    histories = [run.history() for run in arm.runs]
    figure = Figure((9.6, 4.6))
    left, right = figure.subplots(1, 2)
    draw_courses(left, histories, "accuracy", scale=100)
    left.set_ylabel("accuracy (%)")
    draw_courses(right, histories, "loss")
    right.set_yscale("log")
    plain_ticks(right.yaxis, [digit * 10.0**power for power in range(-5, 3) for digit in (1, 2, 5)])
    right.set_ylabel(f"loss ({LOSSES[arm.settings['loss']]}, log scale)")
    figure.suptitle(
        f"{arm.label}: mean ± one standard deviation over {len(arm.runs)} seeds",
    )
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure
