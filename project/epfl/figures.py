"""The publication's figures: softmax applied once and twice, and the four figures of part 2."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from project.epfl.claims import ERROR, PERCENT
from project.report.figures import style
from project.report.figures.standard import draw_courses
from project.results.comparisons import paired_runs
from project.results.statistics import summarise
from project.results.text import shown
from project.results.variants import Variant

MAX_PANELS = 6
SOFTMAXES = {"probabilities": "softmax twice\n(as the report)", "logits": "softmax once\n(correct)"}
# The true circle, repeated here because the module that defines it imports torch.
CENTRE, RADIUS = (0.5, 0.5), 1 / math.sqrt(2 * math.pi)
LOOKS = {"tanh": ("tanh", style.BLUE, "o", "-"), "relu": ("ReLU", style.VERMILLION, "s", "--")}
LOSSES = {"mse": "mean squared error", "cross_entropy": "cross-entropy"}


def draw_pairs(pairs: Sequence[tuple[str, Variant, Variant]]) -> Figure:
    """Draw the errors with softmax applied twice and once: seeds as lines, means with 95 % CIs.

    `pairs` are (title, variant with softmax twice, variant with softmax once), a panel each.
    """
    some = f"; {MAX_PANELS} of {len(pairs)} pairs" if len(pairs) > MAX_PANELS else ""
    pairs = pairs[:MAX_PANELS]
    figure = Figure((1.2 + 2.3 * len(pairs), 4.6))
    panels = figure.subplots(1, len(pairs), sharey=True, squeeze=False)[0]
    every: list[float] = []
    for axes, (name, first, second) in zip(panels, pairs, strict=True):
        both = np.array([[100 * run.metrics[ERROR.test] for run in pair]
                         for pair in paired_runs(first, second)])  # fmt: skip
        for errors in both:
            axes.plot([0, 1], errors, color=style.GREY, linewidth=0.8, marker=".", markersize=4)
        for side, (place, color, marker) in enumerate(
            ((-0.14, style.VERMILLION, "s"), (1.14, style.BLUE, "o"))
        ):
            mean, ends = style.bar(summarise(both[:, side]), 1)
            axes.errorbar(
                place, mean, yerr=ends, color=color, marker=marker, markersize=7, capsize=4
            )
        axes.set_xticks([0, 1], list(SOFTMAXES.values()))
        axes.set_xlim(-0.45, 1.45)
        axes.set_title(f"{name}\nn = {len(both)} seeds")
        every += both.flatten().tolist()
    style.value_scale(panels[0], "y", every, PERCENT, "test error")
    figure.suptitle(f"The same seeds with softmax twice and once: mean and 95 % CI{some}")
    return figure


def draw_learning_rates(variants: Sequence[Variant]) -> Figure:
    """Draw the test accuracy by learning rate: every run, mean and std; a panel per activation.

    These are figures 1 and 2 of the publication. Single runs are shown because a few that learn
    nothing can make the std larger than the deviation of any. The scale is logarithmic in the
    error, which separates 98 % from 99 % and still shows 50 %.
    """
    by_activation = {name: [v for v in variants if v.settings["activation"] == name]
                     for name in LOOKS}  # fmt: skip
    drawn = {name: own for name, own in by_activation.items() if own}
    rates = sorted({each.settings["lr"] for each in variants})
    figure = Figure((1.2 + 4.6 * len(drawn), 4.8))
    panels = figure.subplots(1, len(drawn), sharey=True, squeeze=False)[0]
    for axes, (activation, own) in zip(panels, drawn.items(), strict=True):
        _draw_activation(axes, activation, own, rates)
    errors = [max(run.metrics[ERROR.test], 0.0005) for each in variants for run in each.runs]
    # Leave room at the bottom for the number of diverged runs.
    panels[0].set_ylim(250 * max(errors), 100 * min(errors) / 1.3)
    panels[0].set_yscale("log")
    panels[0].yaxis.set_major_locator(FixedLocator([t for t in (*style.TICKS, 3, 30) if t <= 50]))
    panels[0].yaxis.set_minor_locator(NullLocator())
    panels[0].yaxis.set_major_formatter(FuncFormatter(lambda error, _: f"{100 - error:g}"))
    panels[0].set_ylabel("test accuracy (%, log scale of the error)")
    figure.suptitle("Accuracy by learning rate: every run, mean ± std")
    return figure


def _draw_activation(
    axes: Axes, activation: str, variants: Sequence[Variant], rates: list[float]
) -> None:
    name, color, marker, line = LOOKS[activation]
    drawn = [(rates.index(each.settings["lr"]), each) for each in variants if each.runs]
    errors = {place: 100 * np.array(each.values(ERROR.test)) for place, each in drawn}
    for place, own in errors.items():
        axes.plot(
            place + 0.25 + style.spread(len(own), 0.2), own, ".", color=style.GREY, markersize=3
        )
    summaries = [summarise(own) for own in errors.values()]
    axes.errorbar(
        list(errors), [each.mean for each in summaries], yerr=[each.std or 0 for each in summaries],
        color=color, marker=marker, linestyle=line, capsize=4,
    )  # fmt: skip
    for each in variants:
        if each.diverged:
            text = f"{each.diverged} of {each.diverged + len(each.runs)}\ndiverged"
            place = (rates.index(each.settings["lr"]), 0.01)
            axes.text(*place, text, transform=axes.get_xaxis_transform(), ha="center", fontsize=8)
    axes.set_xticks(range(len(rates)), [shown(rate) for rate in rates])
    axes.set_xlim(-0.5, len(rates) - 0.3)
    axes.set_xlabel("learning rate, evenly spaced")
    axes.set_title(f"{name}, {style.counts([len(each.runs) for _, each in drawn] or [0])}")


def draw_predictions(variant: Variant) -> Figure:
    """Draw the publication's figure 3: the first run's predictions on its test points."""
    run = variant.runs[0]
    columns = run.columns("predictions.csv")
    points = np.array([columns["x"], columns["y"]]).T
    inside = np.array(columns["prediction"]) == 1
    wrong = np.array(columns["prediction"]) != np.array(columns["label"])
    figure = Figure((6, 6.8))
    axes = figure.subplots()
    axes.grid(False)
    axes.scatter(*points[inside].T, marker="o", s=14, color=style.BLUE, label="predicted inside")
    axes.scatter(
        *points[~inside].T, marker="^", s=14, facecolors="none", edgecolors=style.VERMILLION,
        linewidths=0.8, label="predicted outside",
    )  # fmt: skip
    count = f"wrong ({wrong.sum()} of {len(wrong)})"
    axes.scatter(*points[wrong].T, marker="x", s=55, color=style.BLACK, label=count)
    angles = np.linspace(0, 2 * math.pi, 361)
    circle = np.array([np.cos(angles), np.sin(angles)]) * RADIUS + np.array([CENTRE]).T
    axes.plot(*circle, color=style.BLACK, linestyle="--", linewidth=1, label="true circle")
    axes.spines[:].set_visible(True)
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal", xlabel="x", ylabel="y")
    axes.set_title(f"Predictions on the test points: {variant.label}, seed {run.seed}")
    style.legend_below(figure, 2)
    return figure


def draw_disk_epochs(variant: Variant) -> Figure:
    """Draw the publication's figure 4: accuracy and loss over the epochs.

    The publication shows training and test. Here the test points are evaluated only once, at the
    end, so the second curve shows the validation points, on which the net is not trained either.
    """
    histories = [run.columns() for run in variant.runs]
    figure = Figure((9.6, 4.6))
    left, right = figure.subplots(1, 2)
    draw_courses(left, histories, "accuracy", scale=100)
    left.set_ylabel("accuracy (%)")
    draw_courses(right, histories, "loss")
    right.set_yscale("log")
    style.plain_ticks(right.yaxis)
    right.set_ylabel(f"loss ({LOSSES[variant.first.config['loss']]}, log scale)")
    figure.suptitle(f"{variant.label}: mean ± one std over {len(variant.runs)} seeds")
    style.legend_below(figure, 2)
    return figure
