"""What the standard figures show is what the runs say."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from project.report.figures.standard import (
    MAX_NETS,
    MAX_VARIANTS,
    by_net,
    draw_costs,
    draw_courses,
    draw_epochs,
    draw_seeds,
)
from project.report.figures.studies import MAX_SWEEPS, MAX_TICKS, draw_sweeps, draw_variance
from project.report.figures.style import styled
from project.report.studies import TOGETHER, find_sweeps, find_variance_studies
from project.results.statistics import summarise
from tests.report.figures.drawn import bars, legend, lines
from tests.report.made import PERCENT, floats
from tests.results.stored_runs import (
    change_record,
    variant,
    variants,
    write_run,
    write_table,
    write_variant,
)

GOOD, BAD = [0.02, 0.03, 0.025], [0.2, 0.25, 0.3]
TRAIN = {0: [0.4, 0.2], 1: [0.6, 0.1], 2: [0.5, 0.0]}
N = "(n\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}3)"
KEY = "optimizer.lr"


def in_percent(errors: Any) -> Any:
    return pytest.approx([100 * error for error in errors])


def test_every_seed_is_drawn_with_the_mean_the_ci_and_the_published_mean(tmp_path: Path) -> None:
    write_variant(tmp_path, BAD, "basic")
    write_variant(tmp_path, GOOD, "ws_al_bn")
    shown = [variant(tmp_path, "ws_al_bn"), variant(tmp_path, "basic")]
    figure = draw_seeds(shown, PERCENT, {"basic": 0.2241})
    (axes,) = figure.axes
    points = [floats(line.get_xdata()) for line in axes.lines if line.get_label() == "one seed"]
    assert points == [in_percent(GOOD), in_percent(BAD)]
    for (drawn, ends), errors, place in zip(bars(axes), (GOOD, BAD), (0, 1), strict=True):
        summary = summarise(errors)
        assert summary.ci is not None
        assert drawn == [pytest.approx([100 * summary.mean, place - 0.15])]
        assert [end[0] for end in ends[0]] == in_percent(summary.ci)
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == [f"ws_al_bn  {N}", f"basic  {N}"]
    assert axes.get_ylim()[0] > axes.get_ylim()[1]
    assert axes.get_xlabel() == "test error (%, log scale)"
    assert lines(axes)["mean in the published report"] == [pytest.approx([22.41, 0.85])]
    assert legend(figure) == ["one seed", "mean in the published report", "mean and 95 % CI"]


def test_of_too_many_variants_the_first_are_shown_and_long_labels_are_whole(tmp_path: Path) -> None:
    for number in range(MAX_VARIANTS + 2):
        write_run(tmp_path, error=0.01 * (number + 1), optimizer__lr=number + 1)
    figure = draw_seeds(variants(tmp_path), PERCENT)
    assert len(figure.axes[0].get_yticklabels()) == MAX_VARIANTS
    assert f"the first {MAX_VARIANTS} of {MAX_VARIANTS + 2} variants" in figure.get_suptitle()
    long: dict[str, Any] = {"model__dropout": [0.1, 0.25], "model__on": r"$\logits$" * 4}
    write_variant(tmp_path / "two", GOOD, **long)
    write_variant(tmp_path / "two", GOOD)
    with styled():
        figure = draw_seeds(variants(tmp_path / "two"), PERCENT)
        figure.savefig(io.BytesIO())  # lays it out
    labels = figure.axes[0].get_yticklabels()
    assert max(label.get_text().count("\n") for label in labels) >= 1
    assert all(label.get_window_extent().x0 >= 0 for label in labels)


def write_histories(outputs: Path, model: str, train: dict[int, list[float]] = TRAIN) -> None:
    for seed, values in train.items():
        directory = write_run(outputs, model, seed, 0.2 + seed / 10)
        columns = {"epoch": [1, 2], "train/error": values, "val/error": [x + 0.1 for x in values]}
        write_table(directory / "history.csv", columns)


def test_curves_go_as_far_as_all_runs_do() -> None:
    for histories in ([0.4, 0.2], [0.6]), ([0.6], [0.4, 0.2]):
        axes = Figure().subplots()
        draw_courses(axes, [{"epoch": [1, 2][: len(own)], "val/x": own} for own in histories], "x")
        assert lines(axes) == {"validation": [[1, 0.5]]}


def test_each_variant_has_a_panel_with_both_stages_and_the_final_test_value(tmp_path: Path) -> None:
    for model in ("a", "b", "c"):
        write_histories(tmp_path, model)
    figure = draw_epochs(variants(tmp_path), PERCENT)
    assert [axes.get_title() for axes in figure.axes] == ["a\nn = 3", "b\nn = 3", "c\nn = 3"]
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
    assert "one std" in figure.get_suptitle()
    assert legend(figure) == ["training", "validation", "test, measured once at the end"]


def test_a_band_never_falls_below_the_lowest_run_and_epochs_are_whole(tmp_path: Path) -> None:
    write_histories(tmp_path, "a", {0: [0.5, 0.01], 1: [0.5, 0.01], 2: [0.5, 0.4]})
    figure = draw_epochs(variants(tmp_path), PERCENT)
    figure.draw_without_rendering()
    axes = figure.axes[0]
    edges = np.asarray(axes.collections[0].get_paths()[0].vertices)
    assert edges[edges[:, 0] == 2, 1].min() == pytest.approx(1)
    assert all(float(tick).is_integer() for tick in axes.get_xticks())


def test_the_quickest_net_is_on_top_with_its_median_and_its_parameters(tmp_path: Path) -> None:
    """Variants of one net are one line, and another size is another."""
    for model, seconds, parameters in (("resnet", 300.0, 186978), ("ws_al", 10.0, 75908)):
        for seed, directory in enumerate(write_variant(tmp_path, [0.1] * 3, model)):
            change_record(directory, seconds={"training": seconds + seed}, parameters=parameters)
    small = write_run(tmp_path, "resnet", model__width=1)
    change_record(small, seconds={"training": 400.0}, parameters=12)
    write_run(tmp_path, optimizer__lr=2)
    found = variants(tmp_path)
    assert {name: len(runs) for name, runs in by_net(found).items()} == {
        "resnet of 12": 1, "resnet of 186,978": 3, "ws_al": 4,
    }  # fmt: skip
    figure = draw_costs(found)
    left, right = figure.axes
    assert [tick.get_text() for tick in left.get_yticklabels()] == [
        "ws_al  (n = 4)", "resnet of 186,978  (n = 3)", "resnet of 12  (n = 1)",
    ]  # fmt: skip
    assert sorted(floats(left.lines[0].get_xdata())) == [10, 11, 12, 14]
    medians = [floats(line.get_xdata()) for line in left.lines if line.get_marker() == "D"]
    assert medians == [[11.5], [301], [400]]
    assert [text.get_text() for text in right.texts] == ["75,908", "186,978", "12"]
    assert right.get_xlim()[1] > 186.978
    assert left.get_xlabel() == "training time (s, log scale)"
    assert right.get_xlabel() == "parameters (thousands)"


def test_of_very_many_nets_the_quickest_are_shown_and_it_is_said(tmp_path: Path) -> None:
    for number in range(MAX_NETS + 1):
        directory = write_run(tmp_path, f"net{number}")
        change_record(directory, seconds={"training": 10.0 + number})
    figure = draw_costs(variants(tmp_path))
    labels = [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
    assert labels == [f"net{number}  (n = 1)" for number in range(MAX_NETS)]
    assert f"the quickest {MAX_NETS} of {MAX_NETS + 1}" in figure.get_suptitle()


def test_means_and_cis_stand_at_their_values_for_validation_and_test(tmp_path: Path) -> None:
    errors = {0.1: [0.2, 0.22, 0.27], 1: [0.02, 0.03, 0.025]}
    for lr, own in errors.items():
        write_variant(tmp_path, own, optimizer__lr=lr)
    write_run(tmp_path, optimizer__lr=2, status="failed", diverged=True)
    figure = draw_sweeps(KEY, find_sweeps(variants(tmp_path), KEY), PERCENT)
    validation, test = figure.axes
    assert (validation.get_title(), test.get_title()) == ("validation error", "test error")
    for axes, more in ((validation, 0.01), (test, 0.0)):
        ((points, ends),) = bars(axes)
        assert [point[0] for point in points] == [0, 1]
        for own, point, end in zip(errors.values(), points, ends, strict=True):
            summary = summarise([error + more for error in own])
            assert summary.ci is not None
            assert point[1] == pytest.approx(100 * summary.mean)
            assert [e[1] for e in end] == in_percent(summary.ci)
        assert [tick.get_text() for tick in axes.get_xticklabels()] == ["0.1", "1", "2"]
        assert axes.get_xlabel() == "learning rate, evenly spaced"
    assert validation.get_ylabel() == "error (%, log scale)"
    assert legend(figure) == ["ws_al (n = 3, 1 diverged)"]


def test_numbers_and_lists_stand_on_one_axis_and_without_validation_test_stands_alone(
    tmp_path: Path,
) -> None:
    key = "model.dropout"
    for value in ([0.1, 0.2], 0.0, 0.3):
        write_run(tmp_path, model__dropout=value, metrics={"test/error": 0.2})
    figure = draw_sweeps(key, find_sweeps(variants(tmp_path), key), PERCENT)
    (axes,) = figure.axes
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["0", "[0.1,0.2]", "0.3"]
    assert axes.get_title() == "test error"


def test_of_many_sweeps_and_values_no_more_are_shown_than_can_be_told_apart(tmp_path: Path) -> None:
    for lr in range(1, 31):
        for dropout in range(10 if lr < 3 else 1):
            write_run(tmp_path, optimizer__lr=lr, model__dropout=dropout / 10)
    figure = draw_sweeps(KEY, find_sweeps(variants(tmp_path), KEY), PERCENT)
    assert len(legend(figure)) == MAX_SWEEPS
    assert f"{MAX_SWEEPS} of 10 sweeps" in figure.get_suptitle()
    assert legend(figure)[0] == "ws_al model.dropout=0 (n = 1)"
    assert len(bars(figure.axes[0])[0][0]) == 30
    assert len(figure.axes[0].get_xticks()) <= MAX_TICKS


def write_held(outputs: Path, errors: dict[str | None, list[float]]) -> None:
    """Runs of which only one source of chance follows the seed; all of them for None."""
    for source, own in errors.items():
        held = {n: None if source in (n, None) else 7 for n in ("data", "init", "order")}
        write_variant(outputs, own, seeds=held)


def test_stds_stand_with_their_cis_beside_the_shares_of_the_variance(tmp_path: Path) -> None:
    write_held(tmp_path, {
        "data": [0.01, 0.02, 0.03, 0.04], "init": [0.01, 0.01, 0.02, 0.02],
        "order": [0.01, 0.01, 0.01, 0.02], None: [0.01, 0.02, 0.03, 0.05],
    })  # fmt: skip
    (study,) = find_variance_studies(variants(tmp_path))
    left, right = draw_variance(study, PERCENT).axes
    stds = [points[0][0] for points, _ in bars(left)]
    assert stds == pytest.approx([1.2909944, 0.5773503, 0.5, 1.7078251])
    for points, (ends,) in bars(left):
        assert ends[0][0] < points[0][0] < ends[1][0]
    shares = [patch.get_width() for patch in right.patches if isinstance(patch, Rectangle)]
    assert shares == pytest.approx([100 * part / 9 for part in (20 / 3, 4 / 3, 1)])
    assert [text.get_text() for text in right.texts] == ["74 %", "15 %", "11 %"]
    assert len({patch.get_hatch() for patch in right.patches}) == 3
    assert [tick.get_text() for tick in left.get_yticklabels()] == [
        "the data drawn  (n = 4)", "the initial weights  (n = 4)",
        "the order and dropout's noise  (n = 4)", f"{TOGETHER}  (n = 4)",
    ]  # fmt: skip
    assert "percentage points" in left.get_xlabel()


def test_without_any_variance_there_are_no_shares_to_draw(tmp_path: Path) -> None:
    write_held(tmp_path, {"data": [0.01, 0.01], "init": [0.01, 0.01]})
    (study,) = find_variance_studies(variants(tmp_path))
    assert list(draw_variance(study, PERCENT).axes[1].patches) == []
