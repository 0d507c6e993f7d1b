"""Error against one setting, wherever arms of one model differ in it, and in what goes with it."""

import json
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from project.report.arms import Arm, differing_keys, shown
from project.report.figures.style import SERIES, bar, counts, error_label, error_scale
from project.report.statistics import summarise

# How far lines are drawn apart, in steps between two values.
APART = 0.09
# No more lines than looks, and no more ticks than can be read.
MOST_SWEEPS = len(SERIES)
MOST_TICKS = 12
NAMES = {
    "optimizer.lr": "learning rate",
    "data.train_pairs": "training pairs",
    "model.dropout_conv": "dropout after the convolutions (p)",
    "model.dropout_linear": "dropout of the joined outputs (p)",
}
# What may change with a setting: where there are fewer pairs, each is seen more often.
ALONGSIDE = {"data.train_pairs": "trainer.max_epochs"}
METRICS = {"val/error": "validation error", "test/error": "test error"}


@dataclass(frozen=True)
class Sweep:
    """Arms of one model that differ in one setting (and what is `ALONGSIDE` it), by its value.

    name: the model, and whatever tells this sweep from others of the model.
    """

    name: str
    values: tuple[Any, ...]
    arms: tuple[Arm, ...]

    @property
    def diverged(self) -> int:
        """Runs that ended in a loss that is no number."""
        return sum(run.diverged for arm in self.arms for run in arm.unfinished)


def find_sweeps(arms: Sequence[Arm], key: str) -> list[Sweep]:
    """Arms that differ in `key` alone, where two or more of them have completed runs.

    What stands `ALONGSIDE` it may differ too, as long as there is one arm for each value of `key`.
    """
    families: list[list[Arm]] = []
    for family in _alike([arm for arm in arms if key in arm.settings], {key, ALONGSIDE.get(key)}):
        values = {json.dumps(arm.settings[key]) for arm in family}
        families += [family] if len(values) == len(family) else _alike(family, {key})
    found = [family for family in families if sum(bool(arm.runs) for arm in family) > 1]
    differing = {
        model: differing_keys([arm.settings for own in found for arm in own if arm.model == model])
        for model in {own[0].model for own in found}
    }
    sweeps = []
    for family in found:
        family.sort(key=lambda arm: _sortable(arm.settings[key]))
        model = family[0].model
        words = [model] + [
            f"{name}={_from_to([shown(arm.settings.get(name)) for arm in family])}"
            for name in differing[model]
            if name != key
        ]
        values = tuple(arm.settings[key] for arm in family)
        sweeps.append(Sweep(" ".join(words), values, tuple(family)))
    return sorted(sweeps, key=lambda sweep: sweep.name)


def _alike(arms: Sequence[Arm], ignored: Collection[str | None]) -> list[list[Arm]]:
    """Arms of one model that are the same but for the ignored settings stand together."""
    families: dict[str, list[Arm]] = defaultdict(list)
    for arm in arms:
        others = {name: value for name, value in arm.settings.items() if name not in ignored}
        families[json.dumps([arm.model, others], sort_keys=True)].append(arm)
    return list(families.values())


def _from_to(values: Sequence[str]) -> str:
    first, last = values[0], values[-1]
    return first if first == last else f"{first} to {last}"


def _sortable(value: Any) -> tuple[list[float], str]:
    """A place for 0.1, for [0.1, 0.2] and for words alike."""
    numbers = value if isinstance(value, list) else [value]
    return [float(each) for each in numbers if isinstance(each, int | float)], str(value)


def metrics_of(sweeps: Sequence[Sweep]) -> list[str]:
    """Those of `METRICS` that all runs have."""
    runs = [run for sweep in sweeps for arm in sweep.arms for run in arm.runs]
    return [metric for metric in METRICS if all(metric in run.metrics for run in runs)]


def draw_sweeps(key: str, sweeps: Sequence[Sweep]) -> Figure:
    """Mean error and 95 % interval by the value of `key`: validation beside test.

    Settings are chosen by validation error; test errors are there to see what was missed. Of more
    than `MOST_SWEEPS` sweeps those of the most arms.
    """
    left_out = max(0, len(sweeps) - MOST_SWEEPS)
    sweeps = sorted(sweeps, key=lambda sweep: -len(sweep.arms))[:MOST_SWEEPS]
    values = list({shown(v): v for sweep in sweeps for v in sweep.values}.values())
    values.sort(key=_sortable)
    metrics = metrics_of(sweeps)
    figure = Figure((4.8 * len(metrics), 4.2 + 0.2 * len(sweeps)))
    panels = figure.subplots(1, len(metrics), sharey=True, squeeze=False)[0]
    reached: list[float] = []
    for axes, metric in zip(panels, metrics, strict=True):
        for number, sweep in enumerate(sweeps):
            # Side by side, so that no bar hides another.
            shift = APART * (number - (len(sweeps) - 1) / 2)
            reached += _draw_line(axes, sweep, metric, values, number, shift)
        step = -(-len(values) // MOST_TICKS)
        axes.set_xticks(range(0, len(values), step), [shown(value) for value in values[::step]])
        axes.set_title(METRICS[metric])
        axes.set_xlabel(f"{NAMES.get(key, key)}, evenly spaced")
    error_scale(panels[0], "y", reached)
    error_label(panels[0], "y", "error")
    some = f"; {len(sweeps)} of {len(sweeps) + left_out} sweeps" if left_out else ""
    figure.suptitle(f"Error by {NAMES.get(key, key)}: mean and 95 % t-interval{some}")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(panels))
    return figure


def _draw_line(
    axes: Axes, sweep: Sweep, metric: str, values: Sequence[Any], number: int, shift: float
) -> list[float]:
    """One sweep's means and intervals; returns where they reach, in percent."""
    drawn = [(v, arm) for v, arm in zip(sweep.values, sweep.arms, strict=True) if arm.runs]
    bars = [bar(summarise(arm.values(metric))) for _, arm in drawn]
    means = [mean for mean, _ in bars]
    color, marker, line = SERIES[number % len(SERIES)]
    diverged = f", {sweep.diverged} diverged" if sweep.diverged else ""
    axes.errorbar(
        [values.index(value) + shift for value, _ in drawn],
        means,
        yerr=np.hstack([reach for _, reach in bars]),
        color=color,
        marker=marker,
        linestyle=line,
        capsize=3,
        label=f"{sweep.name} ({counts([len(arm.runs) for _, arm in drawn])}{diverged})",
    )
    # A low end may be far below the others, or below 0: the bar is then cut.
    return [
        end for mean, ((down,), (up,)) in bars for end in (max(mean - down, mean / 2), mean + up)
    ]
