"""Ingredients, time and searches: numbers beside the runs that they come from."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from project.report.ablations import find_ablations
from project.report.arms import group
from project.report.beyond_chapters import beyond_chapters
from project.report.figures.ablation import draw_ablation
from project.report.figures.tuning import draw_tuning
from project.report.numbers import MINUS
from project.report.runs import StoredRun
from project.report.sections import Section
from tests.report.figures.drawn import bars, lines
from tests.report.sections_of_runs import cells
from tests.report.stored_runs import pair_runs
from tests.runs.test_trials import STUDY

ERRORS = [0.01 + 0.001 * seed for seed in range(8)]


def frontier_runs(errors: list[float], **changes: Any) -> list[StoredRun]:
    settings: dict[str, Any] = {
        "model__head": "posterior",
        "data__re_pair": True,
        "schedule__warm_up": 0.25,
    }
    wanted = {key: value for key, value in (settings | changes).items() if value is not None}
    return pair_runs(errors, model="frontier", **wanted)


def ablation_runs() -> list[StoredRun]:
    return [
        *frontier_runs(ERRORS),
        *frontier_runs(
            [error + 0.02 + 0.0001 * (seed % 2) for seed, error in enumerate(ERRORS)],
            model__head="learned",
        ),
        *frontier_runs([error + 0.01 for error in ERRORS], data__re_pair=False),
        *frontier_runs([error - 0.001 for error in ERRORS], model__channels=[1, 2]),
    ]


def sections(runs: list[StoredRun], histories: Any = ()) -> dict[str, Section]:
    return {each.anchor: each for each in beyond_chapters(group(runs), histories)}


def test_an_ablation_is_found_by_the_arm_that_the_others_differ_from_in_one_thing() -> None:
    (found,) = find_ablations(group(ablation_runs()))
    assert found.whole.settings["model.head"] == "posterior"
    changes = ["data.re_pair=false", "model.channels=[1,2]", "model.head=learned"]
    assert list(found.changed) == changes
    compared = found.compared()
    assert compared[changes[0]].mean_difference == pytest.approx(0.01)
    assert compared[changes[1]].mean_difference == pytest.approx(-0.001)


def test_a_sweep_over_one_setting_is_no_ablation() -> None:
    runs = [run for lr in (1, 2, 3, 4) for run in pair_runs([0.1, 0.2], optimizer__lr=lr)]
    assert find_ablations(group(runs)) == []


def test_a_section_that_is_off_is_one_ingredient() -> None:
    runs = ablation_runs() + frontier_runs([0.1] * 8, schedule__warm_up=None)
    (found,) = find_ablations(group(runs))
    assert "schedule=null" in found.changed
    labels = {arm.label for arm in group(runs)}
    assert "frontier" in labels
    assert {"frontier model.head=learned", "frontier schedule=null"} < labels


def test_each_ingredient_has_its_line_with_interval_and_corrected_p() -> None:
    section = sections(ablation_runs())["ablation-frontier"]
    header, *rows = cells(section)
    assert header == ["changed", "test error", "difference, points", "95 % interval", "p", "n"]
    by_name = {row[0]: row[1:] for row in rows}
    assert by_name["data.re_pair=false"][0] == "2.35 ± 0.24 %"
    assert by_name["data.re_pair=false"][1] == "+1.00"
    assert by_name["model.channels=[1,2]"][1] == f"{MINUS}0.10"
    # Eight seeds that all agree: p = 2/256 before Holm's correction for three comparisons.
    assert {row[3] for row in by_name.values()} == {"0.023"}
    assert "1.35 ± 0.24 % (n = 8)" in section.html
    (illustration,) = section.illustrations
    assert illustration.name == "ablation_frontier"


def test_what_a_net_is_given_is_called_by_its_name_and_not_what_it_lacks() -> None:
    runs = pair_runs([error + 0.01 for error in ERRORS])
    runs += pair_runs(ERRORS, augmentation__shift=1)
    runs += pair_runs(ERRORS, schedule__warm_up=0.25)
    runs += pair_runs(ERRORS, averaging__decay=0.5)
    _, *rows = cells(sections(runs)["ablation-ws_al"])
    better = f"{MINUS}1.00"
    assert [(row[0], row[2]) for row in rows] == [
        ("+augmentation", better), ("+averaging", better), ("+schedule", better),
    ]  # fmt: skip


def test_a_change_with_which_runs_diverge_has_a_line_that_says_so() -> None:
    stable = [run for run in ablation_runs() if run.config["model"]["head"] != "learned"]
    runs = stable + frontier_runs(ERRORS, model__head="learned", diverged=1)
    _, *rows = cells(sections(runs)["ablation-frontier"])
    by_name = {row[0]: row[1:] for row in rows}
    assert by_name["model.head=learned"][1].startswith("1 of 9 runs diverged")
    assert by_name["data.re_pair=false"][1] == "+1.00"


def test_the_figure_shows_differences_in_points_the_largest_on_top() -> None:
    (found,) = find_ablations(group(ablation_runs()))
    axes = draw_ablation("frontier", found.compared()).axes[0]
    names = [tick.get_text() for tick in axes.get_yticklabels()]
    assert names == [
        "model.head=learned  (n = 8)",
        "data.re_pair=false  (n = 8)",
        "model.channels=[1,2]  (n = 8)",
    ]
    diamonds = [
        np.asarray(line.get_xydata()).tolist()[0] for line in axes.lines if line.get_marker() == "D"
    ]
    assert [x for x, _ in diamonds] == [pytest.approx(d) for d in (2.005, 1.0, -0.1)]
    assert axes.get_ylim()[0] > axes.get_ylim()[1]


def test_error_stands_over_time_for_every_arm() -> None:
    runs = pair_runs([0.2, 0.2], model="slow", seconds=100)
    runs += pair_runs([0.01, 0.03], model="quick", seconds=1)
    section = sections(runs)["error-by-time"]
    (illustration,) = section.illustrations
    axes = illustration.figure.axes[0]
    points = [np.asarray(found).tolist()[0] for found, _ in bars(axes)]
    assert points == [[pytest.approx(1.5), pytest.approx(2)], [pytest.approx(100.5), 20]]
    assert axes.get_xscale() == axes.get_yscale() == "log"
    assert [text.get_text() for text in axes.texts] == ["quick (n = 2)", "slow (n = 2)"]


def test_of_each_model_the_arm_with_the_lowest_validation_error_is_shown() -> None:
    runs = pair_runs([0.2, 0.2], model="a") + pair_runs([0.1, 0.1], model="b")
    runs += pair_runs([0.05, 0.05], model="a", optimizer__lr=2)
    (illustration,) = sections(runs)["error-by-time"].illustrations
    points = [found[0][1] for found, _ in bars(illustration.figure.axes[0])]
    assert points == [pytest.approx(5), pytest.approx(10)]
    assert "error-by-time" not in sections(runs[:2] + runs[-2:])  # one model


def test_a_search_is_told_with_its_budget_and_its_best_trials() -> None:
    section = sections([], [STUDY])["tuning-width"]
    assert "4 trials (2 complete" in section.html
    assert "5 runs in all" in section.html
    assert "val/error over the seeds 100, 101; no run of the table has one of them" in section.html
    assert cells(section) == [
        ["trial", "val/error, %", "optimizer.lr"], ["3", "1.50", "0.6"], ["0", "2.00", "0.5"],
    ]  # fmt: skip


def test_a_search_over_seeds_of_the_table_is_said_to_flatter_it() -> None:
    section = sections(pair_runs({100: 0.1, 5: 0.2}), [STUDY])["tuning-width"]
    assert "runs at 100 stand in the table too" in section.html


def test_a_searched_loss_is_no_percentage() -> None:
    losses = replace(STUDY, objective="val/loss", trials=[replace(STUDY.trials[0], value=1.3)])
    section = sections([], [losses])["tuning-width"]
    assert cells(section) == [["trial", "val/loss", "optimizer.lr"], ["0", "1.30", "0.5"]]
    assert "1 trial (1 complete), " in section.html
    axes = draw_tuning(losses).axes[0]
    assert axes.get_ylabel() == "mean val/loss"
    assert lines(axes)["complete (1)"] == [[1, 1.3]]


def test_a_searchs_figure_shows_every_trial_and_the_best_so_far() -> None:
    drawn = lines(draw_tuning(STUDY).axes[0])
    assert drawn["complete (2)"] == [[1, 2.0], [4, 1.5]]
    assert drawn["pruned (1)"] == [[2, 1.0]]
    assert [y for _, y in drawn["best so far"]] == [2.0, 2.0, 2.0, 1.5]


def test_without_validation_errors_no_arm_is_chosen_for_its_time() -> None:
    runs = [*pair_runs(ERRORS, model="basic"), *frontier_runs(ERRORS)]
    assert "error-by-time" in sections(runs)
    for run in runs:
        del run.metrics["val/error"]
    assert "error-by-time" not in sections(runs)
