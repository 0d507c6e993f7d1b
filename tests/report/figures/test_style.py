"""Files are the same for the same figure; scales and marks stay readable."""

import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

from project.report.figures.style import SERIES, bar, counts, error_scale, save, spread, styled
from project.report.statistics import summarise

DRAW = """
import sys
from pathlib import Path
from matplotlib.figure import Figure
from project.report.figures.style import save, styled
with styled():
    figure = Figure((4, 3))
    figure.subplots().errorbar([1, 2], [3, 4], yerr=1, marker="o", label="a")
    figure.legend(loc="outside lower center")
save(figure, Path(sys.argv[1]))
"""


def test_equal_figures_give_equal_bytes_in_every_process(tmp_path: Path) -> None:
    for name in ("one", "two"):
        words = [sys.executable, "-c", DRAW, str(tmp_path / name / "figure")]
        subprocess.run(words, check=True, timeout=240)
    for suffix in ("png", "svg"):
        one, two = (tmp_path / name / f"figure.{suffix}" for name in ("one", "two"))
        assert one.read_bytes() == two.read_bytes()
        assert len(one.read_bytes()) > 1000
    assert b"<dc:date>" not in (tmp_path / "one/figure.svg").read_bytes()


def test_a_figure_becomes_a_png_and_an_svg(tmp_path: Path) -> None:
    files = save(Figure((2, 2)), tmp_path / "folder" / "name")
    assert files == [tmp_path / "folder" / "name.png", tmp_path / "folder" / "name.svg"]
    assert files[0].read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in files[1].read_bytes()


def test_the_users_own_style_neither_changes_a_figure_nor_is_changed(tmp_path: Path) -> None:
    with matplotlib.rc_context({"font.size": 31, "lines.linewidth": 9}):
        with styled():
            assert matplotlib.rcParams["font.size"] == 10
            assert matplotlib.rcParams["lines.linewidth"] == 1.5
        assert matplotlib.rcParams["font.size"] == 31


def test_series_differ_in_colour_marker_and_line() -> None:
    for looks in zip(*SERIES, strict=True):
        assert len(set(looks)) == len(SERIES)


@pytest.mark.parametrize(
    ("percentages", "scale", "limits"),
    [
        ([2.0, 20.0], "log", (2 / 1.15, 20 * 1.15)),
        ([2.0, 3.0], "linear", (0, 3 * 1.08)),
        ([0.0, 50.0], "linear", (0, 50 * 1.08)),
        ([0.0], "linear", (0, 1)),
    ],
)
def test_errors_that_span_much_stand_on_a_logarithmic_scale(
    percentages: list[float], scale: str, limits: tuple[float, float]
) -> None:
    axes = Figure().subplots()
    error_scale(axes, "y", percentages)
    assert axes.get_yscale() == scale
    assert axes.get_ylim() == pytest.approx(limits)


def test_logarithmic_ticks_are_plain_numbers() -> None:
    figure = Figure()
    axes = figure.subplots()
    error_scale(axes, "x", [1.5, 20])
    figure.draw_without_rendering()
    shown = [tick.get_text() for tick in axes.get_xticklabels()]
    assert {"2", "3", "5", "10", "20"} <= set(shown)


def test_a_bar_reaches_from_end_to_end_of_the_interval_in_percent() -> None:
    summary = summarise([0.01, 0.02, 0.03])
    assert summary.interval is not None
    mean, ((below,), (above,)) = bar(summary)
    assert mean == pytest.approx(2)
    assert [mean - below, mean + above] == pytest.approx([100 * end for end in summary.interval])
    assert bar(summarise([0.04])) == (4, [[0], [0]])


def test_points_are_spread_within_the_width_and_apart() -> None:
    offsets = spread(50, 0.4)
    assert np.abs(offsets).max() <= 0.2
    assert np.diff(np.sort(offsets)).min() > 0.4 / 50 / 3
    assert spread(1, 0.4).tolist() == pytest.approx([0])


def test_counts_name_a_range_where_groups_differ() -> None:
    assert counts([20, 20]) == "n = 20"
    assert counts([20, 6]) == "n = 6 to 20"
