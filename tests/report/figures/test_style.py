"""Files are the same for the same figure; scales and marks stay readable."""

import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

from project.report.figures.style import (
    SERIES,
    bar,
    counts,
    plain_ticks,
    save,
    spread,
    styled,
    value_scale,
)
from project.report.formatting import quantity_of
from project.results.metrics import Metric
from project.results.statistics import summarise
from tests.report.made import PERCENT

ACCURACY = quantity_of(Metric("accuracy", "max"), [0.5])
LOSS = quantity_of(Metric("loss", "min"), [2.0])
DRAW = """
import sys
from pathlib import Path
from matplotlib.figure import Figure
from project.report.figures.style import save, styled
for name in sys.argv[1:]:
    with styled():
        figure = Figure((4, 3))
        figure.subplots().errorbar([1, 2], [3, 4], yerr=1, marker="o", label="a")
        figure.legend(loc="outside lower center")
    save(figure, Path(name))
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


def test_the_users_own_style_neither_changes_a_figure_nor_is_changed() -> None:
    with matplotlib.rc_context({"font.size": 31, "lines.linewidth": 9}):
        with styled():
            assert matplotlib.rcParams["font.size"] == 10
            assert matplotlib.rcParams["lines.linewidth"] == 1.5
        assert matplotlib.rcParams["font.size"] == 31


def test_series_differ_in_colour_marker_and_line() -> None:
    for looks in zip(*SERIES, strict=True):
        assert len(set(looks)) == len(SERIES)


@pytest.mark.parametrize(
    ("values", "quantity", "scale", "limits", "label"),
    [
        ([2.0, 20.0], PERCENT, "log", (2 / 1.15, 20 * 1.15), "x (%, log scale)"),
        ([2.0, 3.0], PERCENT, "linear", (0, 3 * 1.08), "x (%)"),
        ([0.0, 50.0], PERCENT, "linear", (0, 50 * 1.08), "x (%)"),
        ([0.0], PERCENT, "linear", (0, 1), "x (%)"),
        ([2.0, 20.0], LOSS, "log", (2 / 1.15, 20 * 1.15), "x (log scale)"),
        ([-2.0, 2.0], LOSS, "linear", (-2.32, 2.32), "x"),
        ([80.0, 90.0], ACCURACY, "linear", (79.2, 90.8), "x (%)"),
        ([50.0, 100.0], ACCURACY, "linear", (46, 100.5), "x (%)"),
    ],
)
def test_low_values_that_span_much_stand_on_a_logarithmic_scale(
    values: list[float], quantity: object, scale: str, limits: tuple[float, float], label: str
) -> None:
    axes = Figure().subplots()
    value_scale(axes, "y", values, quantity, "x")  # type: ignore[arg-type]
    assert (axes.get_yscale(), axes.get_ylabel()) == (scale, label)
    assert axes.get_ylim() == pytest.approx(limits)


def test_logarithmic_ticks_are_plain_numbers_however_near_they_are() -> None:
    for limits, wanted in (((1.5, 20), {"2", "5", "10", "20"}), ((11, 17), {"12", "15"})):
        figure = Figure()
        axes = figure.subplots()
        axes.set(xscale="log", xlim=limits)
        plain_ticks(axes.xaxis)
        figure.draw_without_rendering()
        assert wanted <= {tick.get_text() for tick in axes.get_xticklabels()}


def test_a_bar_reaches_from_end_to_end_of_the_ci() -> None:
    summary = summarise([0.01, 0.02, 0.03])
    assert summary.ci is not None
    mean, ((below,), (above,)) = bar(summary, 100)
    assert mean == pytest.approx(2)
    assert [mean - below, mean + above] == pytest.approx([100 * end for end in summary.ci])
    assert bar(summarise([0.04]), 1)[1].tolist() == [[0], [0]]


def test_points_are_spread_within_the_width_and_apart() -> None:
    offsets = spread(50, 0.4)
    assert np.abs(offsets).max() <= 0.2
    assert np.diff(np.sort(offsets)).min() > 0.4 / 50 / 3
    assert spread(1, 0.4).tolist() == pytest.approx([0])


def test_counts_name_a_range_where_groups_differ() -> None:
    assert counts([20, 20]) == "n = 20"
    assert counts([20, 6]) == "n = 6 to 20"
