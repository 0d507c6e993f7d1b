"""Part 2's figures show the runs' numbers, and tell by shape as well as by colour."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.collections import PathCollection

from project.report.arms import group
from project.report.figures.disk import (
    CENTRE,
    RADIUS,
    draw_epochs,
    draw_learning_rates,
    draw_predictions,
)
from tests.report.figures.drawn import bars, legend, lines
from tests.report.stored_runs import arm_of, disk_runs, write_table


def test_each_activation_has_a_panel_with_every_run_mean_and_deviation_of_every_rate() -> None:
    runs = disk_runs([0.01, 0.02, 0.03], lr=0.1) + disk_runs([0.1, 0.2, 0.3], lr=0.01)
    runs += disk_runs([0.04, 0.04], "relu", lr=0.1)
    figure = draw_learning_rates(group(runs))
    tanh, relu = figure.axes
    assert (tanh.get_title(), relu.get_title()) == ("tanh, n = 3", "ReLU, n = 2")
    ((points, ends),) = bars(tanh)
    assert np.array(points) == pytest.approx(np.array([[0, 20], [1, 2]]))
    assert [[end[1] for end in bar] for bar in ends] == [
        pytest.approx([10, 30]),
        pytest.approx([1, 3]),
    ]
    dots = [
        np.asarray(line.get_ydata()).tolist() for line in tanh.lines if line.get_marker() == "."
    ]
    assert dots == [pytest.approx([10, 20, 30]), pytest.approx([1, 2, 3])]
    ((points, _),) = bars(relu)
    assert points == [pytest.approx([1, 4])]
    assert [tick.get_text() for tick in relu.get_xticklabels()] == ["0.01", "0.1"]


def test_the_axis_says_accuracy_on_the_scale_of_the_error() -> None:
    figure = draw_learning_rates(group(disk_runs([0.01, 0.02, 0.5])))
    axes = figure.axes[0]
    figure.draw_without_rendering()
    assert axes.get_yscale() == "log"
    assert axes.get_ylim()[0] > axes.get_ylim()[1]
    places = {text.get_text(): text.get_position()[1] for text in axes.get_yticklabels()}
    assert places["98"] == 2
    assert places["50"] == 50
    assert axes.get_ylabel() == "test accuracy (%, log scale of the error)"
    assert "standard deviation" in figure.get_suptitle()


def test_it_says_how_many_runs_diverged() -> None:
    runs = disk_runs([0.02, 0.03], diverged=1) + disk_runs([], lr=1.0, diverged=2)
    axes = draw_learning_rates(group(runs)).axes[0]
    assert [text.get_text() for text in axes.texts] == ["1 of 3\ndiverged", "2 of 2\ndiverged"]


def test_the_prediction_figure_tells_classes_and_mistakes_by_shape_and_shows_the_circle(
    tmp_path: Path,
) -> None:
    arm = arm_of(disk_runs([0.02], folder=tmp_path))
    columns = {
        "x": [0.5, 0.1, 0.5, 0.1],
        "y": [0.5, 0.1, 0.89, 0.9],
        "label": [1, 0, 1, 0],
        "prediction": [1, 0, 0, 1],
    }
    write_table(arm.runs[0], "predictions.csv", columns)
    figure = draw_predictions(arm)
    (axes,) = figure.axes
    marks = [each for each in axes.collections if isinstance(each, PathCollection)]
    drawn = {str(each.get_label()): np.asarray(each.get_offsets()).tolist() for each in marks}
    assert drawn == {
        "predicted inside": [[0.5, 0.5], [0.1, 0.9]],
        "predicted outside": [[0.1, 0.1], [0.5, 0.89]],
        "wrong (2 of 4)": [[0.5, 0.89], [0.1, 0.9]],
    }
    assert len({np.asarray(each.get_paths()[0].vertices).tobytes() for each in marks}) == 3
    circle = np.asarray(axes.lines[0].get_xydata())
    assert np.hypot(*(circle - CENTRE).T) == pytest.approx(RADIUS)
    assert legend(figure) == [*drawn, "true circle"]
    assert "disk_tanh, seed 0" in axes.get_title()


def test_the_circle_is_that_of_the_points() -> None:
    from project.points import data

    assert (CENTRE, RADIUS) == (data.CENTRE, data.RADIUS)


def test_the_epoch_figure_shows_accuracy_and_loss_of_training_and_validation(
    tmp_path: Path,
) -> None:
    arm = arm_of(disk_runs([0.02, 0.03], folder=tmp_path))
    for run in arm.runs:
        columns = {
            "epoch": [1, 2],
            "train/accuracy": [0.5, 0.8],
            "train/loss": [0.3, 0.1],
            "val/accuracy": [0.5, 0.7],
            "val/loss": [0.4, 0.2],
        }
        write_table(run, "history.csv", columns)
    figure = draw_epochs(arm)
    accuracy, loss = figure.axes
    assert lines(accuracy) == {"training": [[1, 50], [2, 80]], "validation": [[1, 50], [2, 70]]}
    assert lines(loss) == {"training": [[1, 0.3], [2, 0.1]], "validation": [[1, 0.4], [2, 0.2]]}
    assert accuracy.get_ylabel() == "accuracy (%)"
    assert loss.get_ylabel() == "loss (mean squared error, log scale)"
    assert len({line.get_linestyle() for line in accuracy.lines}) == 2
    assert "one standard deviation over 2 seeds" in figure.get_suptitle()
