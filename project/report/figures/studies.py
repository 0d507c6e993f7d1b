"""Figures on studies: ablations, sweeps, sources of variance, and searches."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from project.report.figures import style
from project.report.formatting import Quantity
from project.report.studies import (
    KEY_NAMES,
    SOURCES,
    TOGETHER,
    Sweep,
    VarianceStudy,
    estimates_of,
    sortable,
)
from project.results.statistics import Paired, summarise
from project.results.text import shown
from project.runs.trials import COMPLETE, PRUNED, History

APART = 0.09  # horizontal distance of two sweeps, as a share of the distance of two values
MAX_SWEEPS = len(style.SERIES)  # each needs its own line style
MAX_TICKS = 12  # that can be read
HATCHES = ("//", "..", "\\\\")
STAGES = {"val": "validation", "test": "test"}


def draw_ablation(name: str, compared: Mapping[str, Paired], quantity: Quantity) -> Figure:
    """Draw the effect of each change to the model `name` on the test value, the largest on top."""
    order = sorted(compared.items(), key=lambda item: -item[1].mean)
    labels = [f"{change}  (n = {each.n})" for change, each in order]
    figure, (axes,) = style.rows_figure(labels, 9)
    for place, (_, each) in enumerate(order):
        if each.ci is not None:
            ends = [quantity.scale * end for end in each.ci]
            axes.plot(ends, [place, place], color=style.BLUE, linewidth=2)
        axes.plot(quantity.scale * each.mean, place, "D", color=style.BLUE, markersize=6)
    axes.axvline(0, color=style.GREY, linewidth=1)
    points = f" ({quantity.points.strip()})" if quantity.percent else ""
    axes.set_xlabel(f"{quantity.name} minus that of the whole{points}")
    figure.suptitle(f"{name}: one thing changed at a time, with 95 % CIs")
    return figure


def stages_of(sweeps: Sequence[Sweep], quantity: Quantity) -> list[str]:
    """Return those of the stages `val` and `test` in which all completed runs have a value."""
    keys = {stage: f"{stage}/{quantity.metric.name}" for stage in STAGES}
    runs = [run for sweep in sweeps for each in sweep.variants for run in each.runs]
    return [stage for stage, key in keys.items() if all(key in run.metrics for run in runs)]


def draw_sweeps(key: str, sweeps: Sequence[Sweep], quantity: Quantity) -> Figure:
    """Draw mean and 95 % CI by the value of `key`, in one panel for validation and one for test.

    Of more than `MAX_SWEEPS` sweeps, those with the most variants are drawn.
    """
    left_out = max(0, len(sweeps) - MAX_SWEEPS)
    sweeps = sorted(sweeps, key=lambda sweep: -len(sweep.variants))[:MAX_SWEEPS]
    values = list({shown(v): v for sweep in sweeps for v in sweep.values}.values())
    values.sort(key=sortable)
    stages = stages_of(sweeps, quantity)
    figure = Figure((4.8 * len(stages), 4.2 + 0.2 * len(sweeps)))
    panels = figure.subplots(1, len(stages), sharey=True, squeeze=False)[0]
    reached: list[float] = []
    for axes, stage in zip(panels, stages, strict=True):
        for number, sweep in enumerate(sweeps):
            # Side by side, so that no bar hides another.
            shift = APART * (number - (len(sweeps) - 1) / 2)
            places = [values.index(value) + shift for value in sweep.values]
            reached += _draw_sweep(axes, sweep, places, stage, quantity, number)
        step = -(-len(values) // MAX_TICKS)
        axes.set_xticks(range(0, len(values), step), [shown(value) for value in values[::step]])
        axes.set_title(f"{STAGES[stage]} {quantity.plain_name}")
        axes.set_xlabel(f"{KEY_NAMES.get(key, key)}, evenly spaced")
    style.value_scale(panels[0], "y", reached, quantity, quantity.plain_name)
    some = f"; {len(sweeps)} of {len(sweeps) + left_out} sweeps" if left_out else ""
    title = f"{quantity.plain_name.capitalize()} by {KEY_NAMES.get(key, key)}"
    figure.suptitle(f"{title}: mean and 95 % CI{some}")
    style.legend_below(figure, len(panels))
    return figure


def _draw_sweep(
    axes: Axes, sweep: Sweep, places: list[float], stage: str, quantity: Quantity, number: int
) -> list[float]:
    """Draw the means and CIs of one sweep, and return the values that they span."""
    drawn = [(x, each) for x, each in zip(places, sweep.variants, strict=True) if each.runs]
    key = f"{stage}/{quantity.metric.name}"
    bars = [style.bar(summarise(each.values(key) or []), quantity.scale) for _, each in drawn]
    color, marker, line = style.SERIES[number % len(style.SERIES)]
    count = sum(each.diverged for each in sweep.variants)
    diverged = f", {count} diverged" if count else ""
    axes.errorbar(
        [x for x, _ in drawn], [mean for mean, _ in bars],
        yerr=np.hstack([ends for _, ends in bars]),
        color=color, marker=marker, linestyle=line, capsize=3,
        label=f"{sweep.name} ({style.counts([len(each.runs) for _, each in drawn])}{diverged})",
    )  # fmt: skip
    return [end for each in bars for end in style.reach(*each)]


def draw_variance(study: VarianceStudy, quantity: Quantity) -> Figure:
    """Draw the std that each source of chance causes alone, and its share of the variance."""
    parts = study.decompose(quantity.metric)
    estimates = estimates_of(parts)
    labels = [f"{SOURCES.get(name, name)}  (n = {each.n})" for name, each in estimates.items()]
    figure, (left, right) = style.rows_figure(labels, 9.6, columns=2)
    for place, (name, each) in enumerate(estimates.items()):
        low, middle, high = quantity.scale * np.sqrt([each.ci[0], each.variance, each.ci[1]])
        color, marker, _ = (style.BLACK, "D", "") if name == TOGETHER else style.SERIES[place]
        ends = [[middle - low], [high - middle]]
        left.errorbar(middle, place, xerr=ends, color=color, marker=marker, capsize=4)
    for place, share in enumerate((parts.shares or {}).values()):
        color, hatch = style.SERIES[place][0], HATCHES[place]
        right.barh(place, 100 * share, 0.6, color="white", edgecolor=color, hatch=hatch)
        right.text(100 * share + 1.5, place, f"{100 * share:.0f} %", va="center")
    left.set_xlim(left=0)
    unit = "percentage points, " if quantity.percent else ""
    left.set_xlabel(f"std of the {quantity.name}\n({unit}with 95 % CI)")
    right.set_xlim(0, 100)
    right.set_xlabel("share of the summed variance (%)")
    figure.suptitle(f"{study.name}: what varies the result when it alone varies")
    return figure


def draw_search(history: History, quantity: Quantity) -> Figure:
    """Draw the objective of each trial of a search, in order, and the best one so far."""
    figure = Figure((9, 4.2))
    axes = figure.subplots()
    for state, marker, color in ((PRUNED, "x", style.GREY), (COMPLETE, "o", style.BLUE)):
        shown_ = [(n, each) for n, each in enumerate(history.trials, 1) if each.state == state]
        values = [quantity.scale * (each.value or 0.0) for _, each in shown_]
        label = f"{state} ({len(shown_)})"
        axes.plot([n for n, _ in shown_], values, marker, color=color, label=label)
    best = np.fmin if quantity.metric.direction == "min" else np.fmax  # both ignore NaN
    line = best.accumulate([
        float("nan") if each.state != COMPLETE or each.value is None
        else quantity.scale * each.value for each in history.trials
    ])  # fmt: skip
    look = {"color": style.VERMILLION, "label": "best so far"}
    axes.step(range(1, len(line) + 1), line, where="post", **look)
    values = [quantity.scale * each.value for each in history.trials if each.value is not None]
    if values and quantity.metric.direction == "min":
        values.sort()
        # Outliers would compress the other trials.
        axes.set_ylim(0, 1.15 * min(values[-1], 3 * values[len(values) // 2]) or 1)
    axes.set_xlabel("trial")
    axes.set_ylabel(f"mean {history.objective}" + " (%)" * quantity.percent)
    axes.legend()
    trials, seeds = len(history.trials), len(history.seeds)
    figure.suptitle(f"{history.study}: {trials} trials over {seeds} seeds")
    return figure
