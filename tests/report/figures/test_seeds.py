"""Every seed is a point; the mean and its interval stand on the arm's line."""

import io

import numpy as np
import pytest

from project.report.arms import group
from project.report.figures.seeds import MOST_ARMS, draw_seeds
from project.report.figures.style import styled
from project.report.statistics import summarise
from tests.report.figures.drawn import bars, legend, lines
from tests.report.stored_runs import pair_runs

GOOD, BAD = [0.02, 0.03, 0.025], [0.2, 0.25, 0.3]


def test_every_seed_is_drawn_with_the_mean_and_the_interval_best_arm_on_top() -> None:
    arms = group(pair_runs(BAD, model="basic") + pair_runs(GOOD, model="ws_al_bn"))
    figure = draw_seeds(arms, {})
    (axes,) = figure.axes
    points = [np.asarray(line.get_xdata()) for line in axes.lines if line.get_label() == "one seed"]
    assert [each.tolist() for each in points] == [
        pytest.approx([100 * error for error in GOOD]),
        pytest.approx([100 * error for error in BAD]),
    ]
    for (points_drawn, ends), errors, place in zip(bars(axes), (GOOD, BAD), (0, 1), strict=True):
        summary = summarise(errors)
        assert summary.interval is not None
        assert points_drawn == [pytest.approx([100 * summary.mean, place - 0.15])]
        assert [end[0] for end in ends[0]] == pytest.approx([100 * e for e in summary.interval])
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "ws_al_bn  (n\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}3)",
        "basic  (n\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}3)",
    ]
    assert axes.get_ylim()[0] > axes.get_ylim()[1]
    assert axes.get_xlabel() == "test error (%, log scale)"
    assert "95 % t-interval" in figure.get_suptitle()
    assert legend(figure) == ["one seed", "mean and 95 % interval"]


def test_the_published_mean_stands_beside_its_arm_alone() -> None:
    arms = group(pair_runs(BAD, model="basic") + pair_runs(GOOD, model="ws_al_bn"))
    (axes,) = draw_seeds(arms, {"basic": 0.2241}).axes
    assert lines(axes)["mean in the published report"] == [pytest.approx([22.41, 0.85])]


def test_of_too_many_arms_the_best_are_shown_and_it_is_said() -> None:
    runs = [
        run
        for number in range(MOST_ARMS + 2)
        for run in pair_runs([0.01 * (number + 1)], optimizer__lr=number + 1)
    ]
    figure = draw_seeds(group(runs), {})
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert len(labels) == MOST_ARMS
    assert labels[0] == "ws_al optimizer.lr=1  (n\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}1)"
    assert f"the best {MOST_ARMS} of {MOST_ARMS + 2} arms" in figure.get_suptitle()


def test_a_long_label_is_not_cut_off() -> None:
    long = pair_runs(
        GOOD, model__dropout_conv=[0.1, 0.25], model__auxiliary_on="logits", optimizer__lr=0.05
    )
    with styled():
        figure = draw_seeds(group(long + pair_runs(BAD)), {})
        figure.savefig(io.BytesIO())  # lays it out
    labels = figure.axes[0].get_yticklabels()
    assert max(label.get_text().count("\n") for label in labels) >= 1
    assert all(label.get_window_extent().x0 >= 0 for label in labels)
