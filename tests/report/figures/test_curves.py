"""Curves are means over seeds, bands one standard deviation; the test error is measured once."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.collections import PolyCollection

from project.report.arms import Arm
from project.report.figures.curves import course, draw_epochs
from tests.report.figures.drawn import bars, legend, lines
from tests.report.stored_runs import arm_of, pair_runs, write_table

TRAIN = {0: [0.4, 0.2], 1: [0.6, 0.1], 2: [0.5, 0.0]}


def arm_with_histories(folder: Path, model: str) -> Arm:
    arm = arm_of(pair_runs([0.2, 0.3, 0.4], model=model, folder=folder))
    for run in arm.runs:
        train = TRAIN[run.seed]
        columns = {"epoch": [1, 2], "train/error": train, "val/error": [x + 0.1 for x in train]}
        write_table(run, "history.csv", columns)
    return arm


def test_a_course_is_mean_and_deviation_over_the_runs() -> None:
    rows = [[{"epoch": e, "loss": v} for e, v in ((1, a), (2, b))] for a, b in TRAIN.values()]
    drawn = course(rows, "loss")
    assert drawn.epochs.tolist() == [1, 2]
    assert drawn.mean.tolist() == pytest.approx([0.5, 0.1])
    assert drawn.deviation.tolist() == pytest.approx([0.1, 0.1])
    assert drawn.lowest.tolist() == [0.4, 0]
    assert course(rows[:1], "loss").deviation.tolist() == [0, 0]
    assert course([rows[0], rows[1][:1]], "loss").epochs.tolist() == [1]


def test_each_arm_has_a_panel_with_both_stages_and_the_final_test_error(tmp_path: Path) -> None:
    arms = [arm_with_histories(tmp_path, model) for model in ("basic", "ws_al_bn_do")]
    figure = draw_epochs(arms)
    assert [axes.get_title() for axes in figure.axes] == [
        "basic\nn = 3 seeds",
        "ws_al_bn_do\nn = 3 seeds",
    ]
    for axes in figure.axes:
        drawn = lines(axes)
        assert np.array(drawn["training"]) == pytest.approx(np.array([[1, 50], [2, 10]]))
        assert np.array(drawn["validation"]) == pytest.approx(np.array([[1, 60], [2, 20]]))
        bands = [each for each in axes.collections if isinstance(each, PolyCollection)]
        edges = np.asarray(bands[0].get_paths()[0].vertices)
        at_end = edges[edges[:, 0] == 2, 1]
        assert [at_end.min(), at_end.max()] == pytest.approx([0, 20])
        ((point, (ends,)),) = bars(axes)
        assert point[0][0] > 2
        assert point[0][1] == pytest.approx(30)
        assert [end[1] for end in ends] == pytest.approx([20, 40])
        assert axes.get_xlabel() == "epoch"
    assert figure.axes[0].get_ylabel() == "error (%, log scale)"
    assert "one standard deviation" in figure.get_suptitle()
    assert legend(figure) == ["training", "validation", "test, measured once at the end"]


def test_a_band_never_falls_below_the_lowest_run(tmp_path: Path) -> None:
    arm = arm_of(pair_runs([0.2] * 3, folder=tmp_path))
    for run, last in zip(arm.runs, (0.01, 0.01, 0.4), strict=True):
        columns = {"epoch": [1, 2], "train/error": [0.5, last], "val/error": [0.5, 0.5]}
        write_table(run, "history.csv", columns)
    axes = draw_epochs([arm]).axes[0]
    edges = np.asarray(axes.collections[0].get_paths()[0].vertices)
    assert edges[edges[:, 0] == 2, 1].min() == pytest.approx(1)


def test_without_validation_pairs_training_stands_alone_and_epochs_are_whole(
    tmp_path: Path,
) -> None:
    arm = arm_of(pair_runs([0.2], folder=tmp_path))
    write_table(arm.runs[0], "history.csv", {"epoch": [1, 2], "train/error": [0.5, 0.0]})
    figure = draw_epochs([arm])
    figure.draw_without_rendering()
    axes = figure.axes[0]
    assert legend(figure) == ["training", "test, measured once at the end"]
    assert all(float(tick).is_integer() for tick in axes.get_xticks())
