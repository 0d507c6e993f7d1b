"""The page's standard sections: numbers beside the runs that they come from."""

import itertools
from pathlib import Path
from typing import Any

import pytest

from project.config.errors import ConfigurationError
from project.report import standard
from project.report.sections import Cell, PageTable, load_sections
from project.results.metrics import Metric
from tests.report.figures.drawn import bars
from tests.report.made import cells, figures_of, made, text_of
from tests.results.stored_runs import (
    change_record,
    write_disk_run,
    write_predictions,
    write_run,
    write_table,
    write_variant,
)

ALL = [getattr(standard, name) for name in standard.__all__]


def test_sections_are_loaded_by_their_names_and_an_unknown_one_is_refused() -> None:
    assert load_sections(["seeds", "tests.report.made.made"])[0] is standard.seeds
    with pytest.raises(ConfigurationError, match="there is no sees; did you mean 'seeds'"):
        load_sections(["sees"])
    with pytest.raises(ConfigurationError, match=r"nowhere\.seeds cannot be imported \(No module"):
        load_sections(["nowhere.seeds"])


def test_without_completed_runs_only_failures_are_shown(tmp_path: Path) -> None:
    write_run(tmp_path, seed=3, status="failed", failure="OSError: the disk is full")
    write_run(tmp_path, seed=4, status="failed", diverged=True)
    found = made(tmp_path, *ALL)
    assert list(found) == ["epochs", "failed"]
    assert text_of(found["epochs"]) == "Not drawn (no completed run): ws_al."
    assert cells(found["failed"])[1:] == [
        ["ws_al", "3", "failed", "OSError: the disk is full"],
        ["ws_al", "4", "diverged", "NonFiniteLossError: the loss became inf in epoch 3, step 24; a "
         "smaller lr usually helps"],
    ]  # fmt: skip


def test_a_plain_experiment_has_seeds_epochs_and_costs(tmp_path: Path) -> None:
    write_variant(tmp_path, [0.2, 0.3], "mine")
    found = made(tmp_path, *ALL)
    assert list(found) == ["costs", "epochs", "seeds"]
    figures = [each.name for section in found.values() for each in figures_of(section)]
    assert figures == ["costs", "epochs", "seeds"]
    # The second table of a page has anchors and figures of its own.
    again = made(tmp_path, *ALL, number=1)
    assert list(again) == ["costs-2", "epochs-2", "seeds-2"]
    assert [each.name for each in figures_of(again["seeds-2"])] == ["seeds-2"]


def test_every_variant_is_in_the_curves_or_why_it_is_not(tmp_path: Path) -> None:
    write_variant(tmp_path, [0.1, 0.2], "a")
    for directory in write_variant(tmp_path, [0.1, 0.2], "other"):
        write_table(directory / "history.csv", {"epoch": [1, 2], "train/loss": [1.0, 0.5]})
    write_run(tmp_path, "none", status="interrupted")
    section = made(tmp_path, standard.epochs)["epochs"]
    assert text_of(section) == (
        "Not drawn (error was not measured during training): other.\n"
        "Not drawn (no completed run): none."
    )
    (figure,) = figures_of(section)
    assert [axes.get_title() for axes in figure.figure.axes] == ["a\nn = 2"]
    for number in range(standard.MAX_PANELS):
        write_run(tmp_path, f"b{number:02}", error=0.005 * number)
    text = text_of(made(tmp_path, standard.epochs)["epochs"])
    assert "Not drawn (only the first 12 of the table are drawn): a." in text


def test_each_setting_that_variants_differ_in_alone_has_its_section(tmp_path: Path) -> None:
    for lr, dropout in itertools.product((0.1, 1), (0.0, 0.5)):
        write_variant(tmp_path, [0.2, 0.3], optimizer__lr=lr, model__dropout=dropout)
    found = made(tmp_path, standard.sweeps)
    assert found["sweep_optimizer_lr"].title == "Error by learning rate"
    assert list(found) == ["sweep_model_dropout", "sweep_optimizer_lr"]
    (figure,) = figures_of(found["sweep_optimizer_lr"])
    assert "Choose by validation (left)" in figure.caption


def test_without_validation_values_no_figure_says_to_choose_by_them(tmp_path: Path) -> None:
    for lr in (0.1, 1):
        write_variant(tmp_path, [0.2, 0.3], optimizer__lr=lr, metrics={"test/error": 0.2})
    (figure,) = figures_of(made(tmp_path, standard.sweeps)["sweep_optimizer_lr"])
    assert "There are no validation values to choose by" in figure.caption
    write_run(tmp_path, "b", metrics={"test/error": 0.2})
    assert made(tmp_path, standard.error_by_time) == {}


def test_costs_lead_to_all_variants_behind_a_line(tmp_path: Path) -> None:
    write_variant(tmp_path, [0.2, 0.3])
    origin = {"threads": 4, "machine": {"processor": "b"}}
    slow = write_run(tmp_path, optimizer__lr=2, origin=origin)
    change_record(slow, seconds={"training": 100.0})
    section = made(tmp_path, standard.costs)["costs"]
    assert cells(section)[1] == ["ws_al", "75,908", "14.0", "14.0 to 100", "1 + 2"]
    (table,) = (part for part in section.parts if isinstance(part, PageTable))
    behind = table.rows[0][-1]
    assert isinstance(behind, Cell)
    assert len(behind.links) == 2
    assert "on a processor, b; threads of a run: 1, 4." in text_of(section)


def test_of_each_model_the_best_by_validation_stands_over_its_time(tmp_path: Path) -> None:
    for model, error, seconds in (("slow", 0.2, 100.0), ("quick", 0.1, 1.0)):
        for directory in write_variant(tmp_path, [error, error + 0.02], model):
            change_record(directory, seconds={"training": seconds})
    write_variant(tmp_path, [0.01, 0.01], "slow", optimizer__lr=2, val_error=0.9)
    (figure,) = figures_of(made(tmp_path, standard.error_by_time)["error-by-time"])
    axes = figure.figure.axes[0]
    points = [found[0] for found, _ in bars(axes)]
    assert points == [[1, pytest.approx(11)], [100, pytest.approx(21)]]
    assert axes.get_xscale() == "log"
    assert [text.get_text() for text in axes.texts] == ["quick (n = 2)", "slow (n = 2)"]


def test_two_nets_are_shown_example_by_example(tmp_path: Path) -> None:
    target = [0] * 20
    for model, predicted in (("a", [0] * 20), ("b", [1] * 12 + [0] * 8)):
        for seed in range(2):
            write_predictions(write_run(tmp_path, model, seed), predicted, target)
    write_run(tmp_path, "c")
    found = made(tmp_path, standard.examples, baseline="a")["examples"]
    assert cells(found)[1:] == [["b", "0.00", "60.00", "0.00", "0 of 2", "2 of 2", "40"]]
    assert made(tmp_path, standard.examples, baseline="c") == {}


def test_any_metric_and_direction_has_its_sections(tmp_path: Path) -> None:
    for model, value in (("a", 0.9), ("b", 0.8)):
        for seed in range(3):
            metrics = {"val/auc": value, "test/auc": value + seed / 100}
            directory = write_run(tmp_path, model, seed, metrics=metrics)
            columns = {"epoch": [1, 2], "train/auc": [0.5, 0.9], "val/auc": [0.5, 0.8]}
            write_table(directory / "history.csv", columns)
    found = made(tmp_path, *ALL, metric=Metric("auc", "max"))
    assert set(found) == {"costs", "epochs", "error-by-time", "seeds"}
    (figure,) = figures_of(found["epochs"])
    axes = figure.figure.axes[0]
    assert (axes.get_ylabel(), axes.get_yscale()) == ("auc", "linear")
    assert axes.get_ylim()[1] > axes.get_ylim()[0] > 0


def test_every_figure_of_a_page_has_a_name_of_its_own_and_a_caption(tmp_path: Path) -> None:
    changes: tuple[dict[str, Any], ...] = (
        {}, {"data__shuffle": True}, {"optimizer__lr": 2}, {"model__width": 3},
        {"seeds": {"data": 1, "init": 1, "order": None}},
        {"seeds": {"data": 1, "init": None, "order": 1}},
    )  # fmt: skip
    for model, change in itertools.product(("a", "b"), changes):
        write_variant(tmp_path, [0.2, 0.3, 0.25], model, **change)
    write_disk_run(tmp_path / "disk")
    found = [*made(tmp_path, *ALL).values(), *made(tmp_path / "disk", *ALL, number=1).values()]
    figures = [each for section in found for each in figures_of(section)]
    assert len(figures) > 10
    assert len({each.name for each in figures}) == len(figures)
    assert all(each.caption.endswith(".") for each in figures)
