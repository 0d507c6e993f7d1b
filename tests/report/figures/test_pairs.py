"""A line joins the two errors of a seed; only seeds of both arms count."""

import numpy as np
import pytest

from project.report.arms import group
from project.report.figures.pairs import MOST_PANELS, double_softmax, draw_pairs
from project.report.statistics import summarise
from tests.report.figures.drawn import bars
from tests.report.stored_runs import pair_runs

TWICE = {0: 0.2, 1: 0.25, 2: 0.3, 3: 0.9}
ONCE = {1: 0.1, 2: 0.12, 0: 0.08, 7: 0.9}


def runs() -> list:
    return pair_runs(TWICE, model__auxiliary_on="probabilities") + pair_runs(
        ONCE, model__auxiliary_on="logits"
    )


def test_the_pair_is_compared_at_the_seeds_of_both() -> None:
    (pair,) = double_softmax(group(runs()))
    assert pair.name == "ws_al"
    assert pair.seeds == [0, 1, 2]
    assert pair.errors(pair.first) == [0.2, 0.25, 0.3]
    assert pair.errors(pair.second) == [0.08, 0.1, 0.12]


def test_without_a_common_seed_nothing_is_compared_nor_without_the_other_form() -> None:
    apart = pair_runs({0: 0.2}) + pair_runs({1: 0.2}, model__auxiliary_on="logits")
    (pair,) = double_softmax(group(apart))
    assert pair.why_not_compared == "no seed in common"
    assert double_softmax(group(pair_runs([0.2, 0.3]))) == []


def test_each_seed_is_a_line_and_the_means_stand_beside_with_their_intervals() -> None:
    figure = draw_pairs(double_softmax(group(runs())))
    (axes,) = figure.axes
    joined = [
        np.asarray(line.get_xydata()).tolist()
        for line in axes.lines
        if len(np.asarray(line.get_xydata())) == 2
    ]
    assert joined == [
        [[0, pytest.approx(20)], [1, pytest.approx(8)]],
        [[0, pytest.approx(25)], [1, pytest.approx(10)]],
        [[0, pytest.approx(30)], [1, pytest.approx(12)]],
    ]
    for (points, (ends,)), errors in zip(
        bars(axes), ([0.2, 0.25, 0.3], [0.08, 0.1, 0.12]), strict=True
    ):
        summary = summarise(errors)
        assert summary.interval is not None
        assert points[0][1] == pytest.approx(100 * summary.mean)
        assert [end[1] for end in ends] == pytest.approx([100 * e for e in summary.interval])
    assert axes.get_title() == "ws_al\nn = 3 seeds"
    assert [tick.get_text() for tick in axes.get_xticklabels()] == [
        "softmax twice\n(as the report)",
        "softmax once\n(correct)",
    ]
    assert "95 % t-interval" in figure.get_suptitle()


def test_of_many_pairs_some_are_shown_and_it_is_said() -> None:
    many = [
        run
        for number in range(MOST_PANELS + 1)
        for on in ("probabilities", "logits")
        for run in pair_runs([0.2, 0.3], model=f"net{number}", model__auxiliary_on=on)
    ]
    figure = draw_pairs(double_softmax(group(many)))
    assert len(figure.axes) == MOST_PANELS
    assert f"{MOST_PANELS} of {MOST_PANELS + 1} pairs" in figure.get_suptitle()
