"""What a figure shows, read back from its axes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure


def lines(axes: Axes) -> dict[str, list[list[float]]]:
    """The points [[x, y], ...] of every line that has a label of its own."""
    return {
        str(line.get_label()): np.asarray(line.get_xydata()).tolist()
        for line in axes.lines
        if not str(line.get_label()).startswith("_")
    }


def bars(axes: Axes) -> list[tuple[list[list[float]], list[list[list[float]]]]]:
    """For every set of error bars: its points [[x, y], ...], and the two ends of each bar."""
    found = []
    for container in axes.containers:
        assert isinstance(container, ErrorbarContainer)
        points, _, (ends,) = container.lines
        segments: Sequence[Any] = ends.get_segments()
        found.append(
            (np.asarray(points.get_xydata()).tolist(), [each.tolist() for each in segments])
        )
    return found


def legend(figure: Figure) -> list[str]:
    """The figure's legend."""
    (found,) = figure.legends
    return [each.get_text() for each in found.get_texts()]
