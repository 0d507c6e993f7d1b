"""A sweep is what differs in one setting alone; values stand side by side, validation first."""

import pytest

from project.report.arms import group
from project.report.figures.sweeps import MOST_SWEEPS, MOST_TICKS, draw_sweeps, find_sweeps
from project.report.statistics import summarise
from tests.report.figures.drawn import bars, legend
from tests.report.stored_runs import disk_runs, pair_runs

KEY = "optimizer.lr"


def test_arms_that_differ_in_the_setting_alone_are_a_sweep_in_the_order_of_its_values() -> None:
    runs = [run for lr in (1, 0.1, 0.5) for run in pair_runs([0.2], optimizer__lr=lr)]
    runs += pair_runs([0.2], optimizer__lr=0.1, model__dropout_conv=0.5)
    runs += pair_runs([0.2], model="basic", optimizer__lr=2)
    (sweep,) = find_sweeps(group(runs), KEY)
    assert (sweep.name, sweep.values) == ("ws_al", (0.1, 0.5, 1))
    assert [arm.settings[KEY] for arm in sweep.arms] == [0.1, 0.5, 1]


def test_two_sweeps_of_one_model_are_told_apart_by_what_else_they_differ_in() -> None:
    runs = [
        run
        for lr in (0.1, 1)
        for on in ("logits", "probabilities")
        for run in pair_runs([0.2], optimizer__lr=lr, model__auxiliary_on=on)
    ]
    names = [sweep.name for sweep in find_sweeps(group(runs), KEY)]
    assert names == ["ws_al model.auxiliary_on=logits", "ws_al model.auxiliary_on=probabilities"]


def test_epochs_may_go_with_the_number_of_training_pairs() -> None:
    key = "data.train_pairs"
    runs = [
        run
        for pairs, epochs in ((100, 160), (1000, 40))
        for run in pair_runs([0.2], data__train_pairs=pairs, trainer__max_epochs=epochs)
    ]
    (sweep,) = find_sweeps(group(runs), key)
    assert (sweep.name, sweep.values) == ("ws_al trainer.max_epochs=160 to 40", (100, 1000))
    # Two arms of 1,000 pairs cannot stand at one place of a line.
    runs += pair_runs([0.2], data__train_pairs=1000, trainer__max_epochs=160)
    (sweep,) = find_sweeps(group(runs), key)
    assert (sweep.name, sweep.values) == ("ws_al", (100, 1000))
    assert [arm.settings["trainer.max_epochs"] for arm in sweep.arms] == [160, 160]
    runs += pair_runs([0.2], data__train_pairs=100, trainer__max_epochs=40)
    names = [sweep.name for sweep in find_sweeps(group(runs), key)]
    assert names == ["ws_al trainer.max_epochs=160", "ws_al trainer.max_epochs=40"]
    assert find_sweeps(group(runs[:2]), "trainer.max_epochs") == []


def test_a_single_arm_with_completed_runs_is_no_sweep() -> None:
    runs = pair_runs([0.2], optimizer__lr=1) + pair_runs([], diverged=2, optimizer__lr=2)
    assert find_sweeps(group(runs), KEY) == []
    assert find_sweeps(group(runs), "model.nonexistent") == []


def test_means_and_intervals_stand_at_their_values_for_validation_and_test() -> None:
    errors = {0.1: [0.2, 0.22, 0.27], 1: [0.02, 0.03, 0.025]}
    runs = [run for lr, own in errors.items() for run in pair_runs(own, optimizer__lr=lr)]
    runs += pair_runs([], optimizer__lr=2, diverged=3)
    figure = draw_sweeps(KEY, find_sweeps(group(runs), KEY))
    validation, test = figure.axes
    assert (validation.get_title(), test.get_title()) == ("validation error", "test error")
    for axes, more in ((validation, 0.01), (test, 0.0)):
        ((points, ends),) = bars(axes)
        assert [point[0] for point in points] == [0, 1]
        for own, point, end in zip(errors.values(), points, ends, strict=True):
            summary = summarise([error + more for error in own])
            assert summary.interval is not None
            assert point[1] == pytest.approx(100 * summary.mean)
            assert [e[1] for e in end] == pytest.approx([100 * e for e in summary.interval])
        assert [tick.get_text() for tick in axes.get_xticklabels()] == ["0.1", "1", "2"]
        assert axes.get_xlabel() == "learning rate, evenly spaced"
    assert validation.get_ylabel() == "error (%, log scale)"
    assert "95 % t-interval" in figure.get_suptitle()
    assert legend(figure) == ["ws_al (n = 3, 3 diverged)"]


def test_dropout_of_one_number_and_of_one_each_stand_on_one_axis() -> None:
    runs = [
        run
        for value in ([0.1, 0.2], 0.0, 0.3)
        for run in pair_runs([0.2, 0.3], model__dropout_conv=value)
    ]
    key = "model.dropout_conv"
    figure = draw_sweeps(key, find_sweeps(group(runs), key))
    ticks = [tick.get_text() for tick in figure.axes[0].get_xticklabels()]
    assert ticks == ["0", "[0.1,0.2]", "0.3"]


def test_without_validation_errors_the_test_error_is_shown_alone() -> None:
    runs = [run for lr in (0.1, 1) for run in pair_runs([0.2], optimizer__lr=lr)]
    for run in runs:
        del run.metrics["val/error"]
    titles = [axes.get_title() for axes in draw_sweeps(KEY, find_sweeps(group(runs), KEY)).axes]
    assert titles == ["test error"]


def test_part_2s_rates_are_a_sweep_too() -> None:
    runs = [run for lr in (0.1, 0.5) for run in disk_runs([0.02, 0.03], lr=lr)]
    (sweep,) = find_sweeps(group(runs), "lr")
    assert (sweep.name, sweep.values, sweep.diverged) == ("disk_tanh", (0.1, 0.5), 0)


def test_of_many_sweeps_and_values_no_more_are_shown_than_can_be_told_apart() -> None:
    runs = [
        run
        for lr in range(1, 31)
        for dropout in range(10 if lr < 3 else 1)
        for run in pair_runs([0.2, 0.3], optimizer__lr=lr, model__dropout_conv=dropout / 10)
    ]
    figure = draw_sweeps(KEY, find_sweeps(group(runs), KEY))
    assert len(legend(figure)) == MOST_SWEEPS
    assert f"{MOST_SWEEPS} of 10 sweeps" in figure.get_suptitle()
    assert legend(figure)[0] == "ws_al model.dropout_conv=0 (n = 2)"
    assert len(bars(figure.axes[0])[0][0]) == 30
    assert len(figure.axes[0].get_xticks()) <= MOST_TICKS
