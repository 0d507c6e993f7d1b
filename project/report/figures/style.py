"""The common look of all figures, and writing them to files."""

import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from project.report.formatting import Quantity
from project.results.statistics import Summary
from project.runs.atomic import write_bytes

Direction = Literal["x", "y"]

# Okabe and Ito's colours, which colour-blind readers can tell apart; without yellow, which is too
# pale on white.
BLACK, BLUE, VERMILLION = "#000000", "#0072B2", "#D55E00"
GREEN, ORANGE, PURPLE, SKY = "#009E73", "#E69F00", "#CC79A7", "#56B4E9"
GREY = "#767676"
# One look per series: colour, marker and line differ at once.
SERIES = (
    (BLUE, "o", "-"),
    (VERMILLION, "s", "--"),
    (GREEN, "^", "-."),
    (BLACK, "D", ":"),
    (PURPLE, "v", (0, (5, 1, 1, 1, 1, 1))),
    (ORANGE, "P", (0, (3, 1))),
    (SKY, "X", (0, (1, 1))),
)
# The possible ticks of a logarithmic axis.
TICKS = tuple(digit * 10.0**power for power in range(-6, 7) for digit in (1, 2, 5))
STYLE = {
    "text.parse_math": False,  # labels are text, whatever `$` a setting holds
    "svg.hashsalt": "report",  # element names by content, not by chance
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same on every machine
    "font.size": 10,
    "axes.titlesize": 11,
    "figure.titlesize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.alpha": 0.3,
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
}


@contextmanager
def styled() -> Iterator[None]:
    """Give figures made in the block the report's look, whatever the user's settings."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        yield


def save(figure: Figure, path: Path) -> list[Path]:
    """Write the figure to `path`.png and `path`.svg, and return the two paths.

    Equal figures give identical bytes, because no date and no version is written. The layout is
    computed once for both files, and then switched off in `figure`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    metadata = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}}
    files = []
    for suffix, without in metadata.items():
        content = io.BytesIO()
        with styled():
            figure.savefig(content, format=suffix, dpi=150, metadata=without)
        with matplotlib.rc_context({"figure.constrained_layout.use": False}):
            figure.set_layout_engine(None)  # with "none" it would be drawn once more, for nothing
        files.append(path.with_name(f"{path.name}.{suffix}"))
        write_bytes(files[-1], content.getvalue())
    return files


def bar(summary: Summary, scale: float) -> tuple[float, np.ndarray]:
    """Return the scaled mean, and how far its CI reaches (2, 1) down and up; 0 for a single run."""
    low, high = summary.ci or (summary.mean, summary.mean)
    return scale * summary.mean, scale * np.array([[summary.mean - low], [high - summary.mean]])


def reach(mean: float, below_and_above: np.ndarray) -> tuple[float, float]:
    """Return the lowest and the highest value that an axis must show for an error bar.

    The lower end is at least half of a positive mean, so that a long bar does not stretch the axis.
    """
    (down,), (up,) = below_and_above
    return max(mean - down, mean / 2) if mean > 0 else mean - down, mean + up


def counts(numbers: Sequence[int]) -> str:
    """Return the number of runs of several groups: `n = 20`, or `n = 8 to 20` if they differ."""
    low, high = min(numbers), max(numbers)
    return f"n = {low}" if low == high else f"n = {low} to {high}"


def value_scale(
    axes: Axes, direction: Direction, values: Iterable[float], quantity: Quantity, name: str
) -> None:
    """Set the scale, limits and label of an axis that shows `values`, scaled as they are drawn.

    The scale is logarithmic if lower values are better and they span more than a factor of 4.
    """
    seen = list(values) or [0.0]
    low, high = min(seen), max(seen)
    falling = quantity.metric.direction == "min"
    log = falling and low > 0 and high / low > 4
    if log:
        axes.set(**{f"{direction}scale": "log", f"{direction}lim": (low / 1.15, high * 1.15)})
        plain_ticks(getattr(axes, f"{direction}axis"))
    elif falling and low >= 0:
        axes.set(**{f"{direction}lim": (0, high * 1.08 or 1)})
    else:
        margin = 0.08 * (high - low) or 1
        top = min(high + margin, 100.5) if quantity.percent else high + margin
        axes.set(**{f"{direction}lim": (low - margin, top)})
    said = (("%", quantity.percent), ("log scale", log))
    units = ", ".join(unit for unit, holds in said if holds)
    axes.set(**{f"{direction}label": f"{name} ({units})" if units else name})


def plain_ticks(axis: Axis) -> None:
    """Write ticks as plain numbers, at those of `TICKS` in view; below two, matplotlib chooses."""
    low, high = sorted(axis.get_view_interval())
    seen = [each for each in TICKS if low <= each <= high]
    axis.set_major_locator(FixedLocator(seen) if len(seen) > 1 else MaxNLocator(4))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def spread(count: int, width: float) -> np.ndarray:
    """Return fixed offsets (count,) within +-width/2 that keep neighbouring points apart."""
    # Steps of the golden ratio put neighbours in the list far from each other.
    return width * ((np.arange(count) * 0.6180339887498949 + 0.5) % 1 - 0.5)


def rows_figure(labels: Sequence[str], width: float, columns: int = 1) -> tuple[Figure, list[Axes]]:
    """Return a figure with a horizontal line for each label, the first on top, and its panels."""
    lines = max((label.count("\n") for label in labels), default=0)
    figure = Figure((width, 1.6 + (0.42 + 0.17 * lines) * len(labels)))
    panels = list(figure.subplots(1, columns, sharey=True, squeeze=False)[0])
    panels[0].set_yticks(range(len(labels)), labels)
    panels[0].set_ylim(len(labels) - 0.4, -0.6)
    panels[0].grid(axis="y", visible=False)
    return figure, panels


def legend_below(figure: Figure, columns: int) -> None:
    """Put one legend for all panels below the figure, with each label once."""
    found = {}
    for axes in figure.axes:
        handles, labels = axes.get_legend_handles_labels()
        found |= dict(zip(labels, handles, strict=True))
    figure.legend(list(found.values()), list(found), loc="outside lower center", ncols=columns)
