"""How all figures look, and the one place where they become files."""

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from project.report.statistics import Summary

Direction = Literal["x", "y"]

# Okabe and Ito's colours, safe for all eyes; yellow is left out, it is too pale on white.
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
PERCENT_TICKS = (0.1, 0.2, 0.5, 1, 2, 3, 5, 10, 20, 30, 50, 100)
STYLE = {
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
    """Figures that are made inside look like the report's, whatever the user's own settings."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        yield


def save(figure: Figure, path: Path) -> list[Path]:
    """As `path`.png and `path`.svg; equal figures give equal bytes (no date, no version).

    The layout is computed once, for both.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    metadata = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}}
    files = []
    for suffix, without in metadata.items():
        files.append(path.with_name(f"{path.name}.{suffix}"))
        with styled():
            figure.savefig(files[-1], format=suffix, dpi=150, metadata=without)
        figure.set_layout_engine("none")
    return files


def wrapped(label: str, width: int) -> str:
    """On several lines of at most `width` letters: what is too long would be cut off."""
    return textwrap.fill(label, width, break_on_hyphens=False)


def percent(shares: Iterable[float]) -> list[float]:
    """Shares (0 to 1) in percent."""
    return [100 * share for share in shares]


def bar(summary: Summary) -> tuple[float, list[list[float]]]:
    """The mean in percent, and how far its 95 % interval reaches below and above; 0 for one run."""
    mean = 100 * summary.mean
    low, high = summary.interval or (summary.mean, summary.mean)
    return mean, [[mean - 100 * low], [100 * high - mean]]


def counts(numbers: Sequence[int]) -> str:
    """`n = 20`, or `n = 8 to 20` where groups differ in size."""
    low, high = min(numbers), max(numbers)
    return f"n = {low}" if low == high else f"n = {low} to {high}"


def error_scale(axes: Axes, direction: Direction, percentages: Sequence[float]) -> None:
    """Error rates in percent: logarithmic where they span more than a factor of four.

    A rate of 0 has no place on a logarithmic axis; then it is linear, from 0.
    """
    low, high = min(percentages), max(percentages)
    if low > 0 and high / low > 4:
        axes.set(**{f"{direction}scale": "log", f"{direction}lim": (low / 1.15, high * 1.15)})
        plain_ticks(getattr(axes, f"{direction}axis"), PERCENT_TICKS)
    else:
        axes.set(**{f"{direction}lim": (0, high * 1.08 or 1)})


def error_label(axes: Axes, direction: Direction, name: str) -> None:
    """The quantity, its unit, and whether the scale is logarithmic."""
    log = getattr(axes, f"get_{direction}scale")() == "log"
    axes.set(**{f"{direction}label": f"{name} (%, log scale)" if log else f"{name} (%)"})


def plain_ticks(axis: Axis, values: Sequence[float]) -> None:
    """Ticks at `values` alone, written as plain numbers."""
    axis.set_major_locator(FixedLocator(list(values)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def spread(count: int, width: float) -> np.ndarray:
    """Offsets (count,) within +-width/2 that keep `count` points apart; the same every time."""
    # Steps of the golden ratio: neighbours in the list land far from each other.
    return width * ((np.arange(count) * 0.6180339887498949 + 0.5) % 1 - 0.5)
