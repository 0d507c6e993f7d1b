"""Error over the epochs: mean and band over the seeds, two models side by side."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from project.report.arms import Arm
from project.report.figures.style import (
    BLACK,
    BLUE,
    VERMILLION,
    error_label,
    error_scale,
    wrapped,
)

TITLE_WIDTH = 44  # letters
STAGES = (("train", "training", BLUE, "-", "o"), ("val", "validation", VERMILLION, "--", "s"))


@dataclass(frozen=True)
class Course:
    """One quantity over the epochs (E,): its mean and its standard deviation over the runs."""

    epochs: NDArray[np.float64]
    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    lowest: NDArray[np.float64]


def course(histories: Sequence[list[dict[str, float]]], quantity: str) -> Course:
    """`quantity` over the epochs that all of `histories` have; a lone run deviates by 0."""
    length = min(len(history) for history in histories)
    values = np.array([[row[quantity] for row in history[:length]] for history in histories])
    return Course(
        epochs=np.array([row["epoch"] for row in histories[0][:length]]),
        mean=values.mean(axis=0),
        deviation=values.std(axis=0, ddof=1) if len(values) > 1 else np.zeros(length),
        lowest=values.min(axis=0),
    )


def draw_courses(
    axes: Axes, histories: Sequence[list[dict[str, float]]], quantity: str, scale: float = 1
) -> list[float]:
    """Training and validation: the mean as a line, +- one standard deviation as a band.

    Returns what lines and bands reach. Without validation examples there is no second line.
    """
    reached: list[float] = []
    for stage, label, color, line, marker in STAGES:
        if not all(f"{stage}/{quantity}" in history[0] for history in histories):
            continue
        drawn = course(histories, f"{stage}/{quantity}")
        every = max(1, len(drawn.epochs) // 6)
        axes.plot(
            drawn.epochs,
            scale * drawn.mean,
            color=color,
            linestyle=line,
            marker=marker,
            markersize=4,
            markevery=(every - 1, every),
            linewidth=1.4,
            label=label,
        )
        # Not below what any run reached: a logarithmic axis knows no value of 0 or less.
        low = np.maximum(drawn.mean - drawn.deviation, drawn.lowest)
        axes.fill_between(
            drawn.epochs,
            scale * low,
            scale * (drawn.mean + drawn.deviation),
            color=color,
            alpha=0.2,
            linewidth=0,
        )
        reached += [*scale * drawn.mean, *scale * (drawn.mean + drawn.deviation)]
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return reached


def draw_epochs(arms: Sequence[Arm]) -> Figure:
    """Training and validation error by epoch, a panel for each arm, and the test error at the end.

    The report draws the test error over the epochs. Here the test pairs are measured once, at the
    end, so the second line is the validation pairs', which are as new to the net.
    """
    figure = Figure((4.8 * len(arms), 4.4))
    panels = figure.subplots(1, len(arms), sharey=True, squeeze=False)[0]
    reached: list[float] = []
    for axes, arm in zip(panels, arms, strict=True):
        histories = [run.history() for run in arm.runs]
        reached += draw_courses(axes, histories, "error", scale=100)
        tests = np.array([100 * run.metrics["test/error"] for run in arm.runs])
        deviation = tests.std(ddof=1) if len(tests) > 1 else 0.0
        last = histories[0][-1]["epoch"]
        axes.errorbar(
            last * 1.04,
            tests.mean(),
            yerr=deviation,
            color=BLACK,
            marker="D",
            markersize=6,
            capsize=4,
            linestyle="none",
            label="test, measured once at the end",
        )
        axes.set_title(f"{wrapped(arm.label, TITLE_WIDTH)}\nn = {len(arm.runs)} seeds")
        reached += [tests.mean(), tests.mean() + deviation]
    # An error of 0 has no place on a logarithmic axis: there the line ends.
    error_scale(panels[0], "y", [each for each in reached if each > 0] or [0])
    error_label(panels[0], "y", "error")
    figure.suptitle("Error over the epochs: mean ± one standard deviation over seeds")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure
