"""Time and parameters per net: every run a dot, the median a diamond."""

import numpy as np
import pytest

from project.report.arms import group
from project.report.figures.costs import MOST_NETS, by_net, draw_costs
from tests.report.stored_runs import pair_runs


def test_arms_of_one_net_are_one_line_and_another_size_is_another() -> None:
    runs = pair_runs([0.2, 0.3]) + pair_runs([0.2], optimizer__lr=2)
    runs += pair_runs([0.1], model="resnet", parameters=186978)
    runs += pair_runs([0.1], model="resnet", parameters=12, model__channels=1)
    nets = by_net(group(runs))
    assert {name: len(own) for name, own in nets.items()} == {
        "ws_al": 3,
        "resnet of 12": 1,
        "resnet of 186,978": 1,
    }


def test_the_quickest_net_is_on_top_with_its_median_and_its_parameters() -> None:
    runs = pair_runs([0.1, 0.1, 0.1], model="resnet", seconds=300, parameters=186978)
    runs += pair_runs([0.2, 0.2, 0.2], seconds=10)
    figure = draw_costs(group(runs))
    left, right = figure.axes
    assert [tick.get_text() for tick in left.get_yticklabels()] == [
        "ws_al  (n = 3)",
        "resnet  (n = 3)",
    ]
    assert np.asarray(left.lines[0].get_xdata()).tolist() == [10, 11, 12]
    medians = [
        np.asarray(line.get_xydata()).tolist() for line in left.lines if line.get_marker() == "D"
    ]
    assert medians == [[[11, 0]], [[301, 1]]]
    marks = [
        np.asarray(line.get_xydata()).tolist() for line in right.lines if line.get_marker() == "s"
    ]
    assert marks == [[pytest.approx([75.908, 0])], [pytest.approx([186.978, 1])]]
    assert [text.get_text() for text in right.texts] == ["75,908", "186,978"]
    assert right.get_xlim()[1] > 186.978
    assert left.get_xlabel() == "training time (s, log scale)"
    assert right.get_xlabel() == "parameters (thousands)"


def test_of_very_many_nets_the_quickest_are_shown_and_it_is_said() -> None:
    runs = [
        run
        for number in range(MOST_NETS + 1)
        for run in pair_runs([0.2], model=f"net{number}", seconds=10 + number)
    ]
    figure = draw_costs(group(runs))
    labels = [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
    assert labels == [f"net{number}  (n = 1)" for number in range(MOST_NETS)]
    assert f"the quickest {MOST_NETS} of {MOST_NETS + 1}" in figure.get_suptitle()
