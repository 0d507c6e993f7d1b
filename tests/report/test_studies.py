"""Studies are found by what their variants differ in, and told with corrected comparisons."""

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from project.report.formatting import NONE
from project.report.standard import ablations, engines, searches, variance
from project.report.studies import (
    find_ablations,
    find_sweeps,
    find_variance_studies,
    swept_keys,
)
from project.results.comparisons import compare_variants
from project.results.metrics import Metric
from project.runs.trials import COMPLETE, FAILED, PRUNED, History, Trial
from tests.report.figures.drawn import lines
from tests.report.made import cells, figures_of, made, text_of
from tests.results.stored_runs import variants, write_disk_run, write_run, write_variant

ERRORS = [0.01 + 0.001 * seed for seed in range(8)]
KEY = "optimizer.lr"
CYCLE = {"_target_": "lab.Cycle", "start": 0.2}
WHOLE: dict[str, Any] = {"model__head": "posterior", "data__shuffle": True, "scheduler": CYCLE}
SEARCH = History(
    study="width",
    objective="val/error",
    seeds=[100, 101],
    words=["model=basic"],
    space={"optimizer.lr": "0.1 to 1"},
    sampler="a.Sampler",
    pruner="a.Pruner",
    versions={"optuna": "5"},
    trials=[
        Trial(0, COMPLETE, {"optimizer.lr": 0.5}, 0.02, {"100": 0.01, "101": 0.03}),
        Trial(1, PRUNED, {"optimizer.lr": 0.1}, 0.01, {"100": 0.01}),
        Trial(2, FAILED, {"optimizer.lr": 1.0}, None, {}),
        Trial(3, COMPLETE, {"optimizer.lr": 0.6}, 0.015, {"100": 0.01, "101": 0.02}),
    ],
)
HELD = {
    "data": [0.01, 0.02, 0.03, 0.04],
    "init": [0.01, 0.01, 0.02, 0.02],
    "order": [0.01, 0.01, 0.01, 0.02],
}


def write_ablation(outputs: Path, **more: Any) -> None:
    write_variant(outputs, ERRORS, "net", **WHOLE)
    worse = [error + 0.02 + 0.0001 * (seed % 2) for seed, error in enumerate(ERRORS)]
    write_variant(outputs, worse, "net", **WHOLE | {"model__head": "learned"} | more)
    write_variant(outputs, [e + 0.01 for e in ERRORS], "net", **WHOLE | {"data__shuffle": False})
    write_variant(outputs, [e - 0.001 for e in ERRORS], "net", **WHOLE | {"model__width": [1, 2]})


def test_an_ablation_is_found_by_the_variant_that_the_others_differ_from_in_one_thing(
    tmp_path: Path,
) -> None:
    write_ablation(tmp_path)
    write_variant(tmp_path, ERRORS, "net", **WHOLE | {"scheduler": None})
    (found,) = find_ablations(variants(tmp_path))
    assert found.whole.label == "net"
    changes = ["data.shuffle=false", "model.head=learned", "model.width=[1,2]", "scheduler=null"]
    assert list(found.changed) == changes
    error = Metric("error", "min")
    for change, mean in (("data.shuffle=false", 0.01), ("model.width=[1,2]", -0.001)):
        compared = compare_variants(found.changed[change], found.whole, error)
        assert compared.mean == pytest.approx(mean)


def test_a_sweep_over_one_setting_is_no_ablation(tmp_path: Path) -> None:
    for lr in (1, 2, 3, 4):
        write_variant(tmp_path, [0.1, 0.2], optimizer__lr=lr)
    assert find_ablations(variants(tmp_path)) == []


def test_each_change_has_its_line_with_ci_and_corrected_p(tmp_path: Path) -> None:
    write_ablation(tmp_path)
    section = made(tmp_path, ablations)["ablation-net"]
    header, *rows = cells(section)
    assert header == ["changed", "test error", "difference, points", "95 % CI", "p", "n"]
    by_name = {row[0]: row[1:] for row in rows}
    assert by_name["data.shuffle=false"][:2] == ["2.35 ± 0.24 %", "+1.00"]
    # Eight seeds that all agree: p = 2/256 before Holm's correction for three comparisons.
    assert {row[3] for row in by_name.values()} == {"0.023"}
    assert "net as it is: 1.35 ± 0.24 % (n = 8)" in text_of(section)
    (figure,) = figures_of(section)
    axes = figure.figure.axes[0]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == [
        "model.head=learned  (n = 8)", "data.shuffle=false  (n = 8)", "model.width=[1,2]  (n = 8)",
    ]  # fmt: skip


def test_what_a_net_is_given_is_called_by_its_name_and_not_what_it_lacks(tmp_path: Path) -> None:
    write_variant(tmp_path, [error + 0.01 for error in ERRORS])
    changes: tuple[dict[str, Any], ...] = (
        {"augmentation": {"_target_": "lab.Shift"}},
        {"scheduler": CYCLE},
        {"callbacks": {"ema": {"_target_": "lab.EMA"}}},
    )
    for change in changes:
        write_variant(tmp_path, ERRORS, **change)
    _, *rows = cells(made(tmp_path, ablations)["ablation-ws_al"])
    assert [(row[0], row[2]) for row in rows] == [
        ("+augmentation", "\N{MINUS SIGN}1.00"), ("+callbacks.ema", "\N{MINUS SIGN}1.00"),
        ("+scheduler", "\N{MINUS SIGN}1.00"),
    ]  # fmt: skip


def test_a_change_with_which_runs_diverge_has_a_line_that_says_so(tmp_path: Path) -> None:
    write_ablation(tmp_path)
    changed = WHOLE | {"data__shuffle": False}
    write_run(tmp_path, "net", 8, status="failed", diverged=True, **changed)
    _, *rows = cells(made(tmp_path, ablations)["ablation-net"])
    by_name = {row[0]: row[1:] for row in rows}
    assert by_name["data.shuffle=false"][1].startswith("1 of 9 runs diverged")
    assert by_name["model.head=learned"][1] == "+2.01"


def test_variants_that_differ_in_the_setting_alone_are_a_sweep_in_the_order_of_its_values(
    tmp_path: Path,
) -> None:
    for lr in (1, 0.1, 0.5):
        write_run(tmp_path, optimizer__lr=lr)
    write_run(tmp_path, optimizer__lr=0.1, model__dropout=0.5)
    write_run(tmp_path, "basic", optimizer__lr=2)
    write_run(tmp_path, "basic", optimizer__lr=3, status="failed", diverged=True)
    (sweep,) = find_sweeps(variants(tmp_path), KEY)
    assert (sweep.name, sweep.values) == ("ws_al", (0.1, 0.5, 1))
    assert find_sweeps(variants(tmp_path), "model.nonexistent") == []
    assert swept_keys(variants(tmp_path)) == [KEY]


def test_two_sweeps_of_one_model_are_told_apart_by_what_else_they_differ_in(tmp_path: Path) -> None:
    for lr, on in itertools.product((0.1, 1), ("logits", "probabilities")):
        write_run(tmp_path, optimizer__lr=lr, model__auxiliary_input=on)
    names = [sweep.name for sweep in find_sweeps(variants(tmp_path), KEY)]
    assert names == [f"ws_al model.auxiliary_input={on}" for on in ("logits", "probabilities")]


def test_epochs_may_go_with_a_setting(tmp_path: Path) -> None:
    key = "data.train_pairs"

    def sweeps(pairs: int, epochs: int) -> list[tuple[str, tuple[Any, ...]]]:
        write_run(tmp_path, data__train_pairs=pairs, trainer__max_epochs=epochs)
        return [(each.name, each.values) for each in find_sweeps(variants(tmp_path), key)]

    assert sweeps(100, 160) == []
    assert sweeps(1000, 40) == [("ws_al trainer.max_epochs=160 to 40", (100, 1000))]
    # Two variants of 1,000 pairs cannot stand at one place of a line.
    assert sweeps(1000, 160) == [("ws_al", (100, 1000))]
    assert [name for name, _ in sweeps(100, 40)] == [
        "ws_al trainer.max_epochs=160", "ws_al trainer.max_epochs=40",
    ]  # fmt: skip


def test_a_value_that_is_its_classs_default_has_its_place(tmp_path: Path) -> None:
    """Such a value is no part of a variant's identity, and is read from its configuration."""
    for dropout in (0.0, 0.5):
        target = "tests.results.nets.Net"
        write_run(tmp_path, "n", model___target_=target, model__dropout=dropout)
    first, _ = found = variants(tmp_path)
    assert "model.dropout" not in first.identity
    assert [each.label for each in found] == ["n model.dropout=0", "n model.dropout=0.5"]
    assert [sweep.values for sweep in find_sweeps(found, "model.dropout")] == [(0, 0.5)]


def test_part_2s_rates_are_a_sweep_too(tmp_path: Path) -> None:
    for lr in (0.1, 0.5):
        write_disk_run(tmp_path, lr=lr)
    write_disk_run(tmp_path, seed=1, lr=0.5, status="failed", diverged=True)
    (sweep,) = find_sweeps(variants(tmp_path), "lr")
    assert (sweep.name, sweep.values) == ("disk_tanh", (0.1, 0.5))
    assert sum(each.diverged for each in sweep.variants) == 1


def write_held(outputs: Path, source: str | None, errors: list[float], held: int = 1000) -> None:
    """Runs of which only `source` follows the seed; all sources where it is None."""
    seeds = {name: None if source in (name, None) else held for name in HELD}
    write_variant(outputs, errors, seeds=seeds)


def test_a_variance_study_is_found_by_the_seeds_that_are_held(tmp_path: Path) -> None:
    write_held(tmp_path, None, [0.01, 0.02, 0.03, 0.05])
    write_held(tmp_path, "data", HELD["data"])
    assert find_variance_studies(variants(tmp_path)) == []  # a lone source is none
    write_held(tmp_path, "init", HELD["init"])
    write_held(tmp_path, "data", HELD["order"], held=2000)
    (study,) = find_variance_studies(variants(tmp_path))
    assert study.missing == ["order"]
    assert study.varied["data"].values("test/error") == HELD["data"]
    assert study.together is not None
    assert study.together.values("test/error") == [0.01, 0.02, 0.03, 0.05]
    write_held(tmp_path, "init", HELD["init"], held=2000)
    assert [each.name for each in find_variance_studies(variants(tmp_path))] == [
        "ws_al (the others held at 1000)", "ws_al (the others held at 2000)",
    ]  # fmt: skip


def test_the_shares_of_the_variance_are_a_table_and_a_figure(tmp_path: Path) -> None:
    write_held(tmp_path, "data", [0.01, 0.03])
    write_held(tmp_path, "init", [0.01, 0.02])
    section = made(tmp_path, variance)["variance"]
    _, data, init = cells(section)
    assert (data[0], data[2:]) == ("the data drawn", ["80 %", "2"])
    assert (init[0], init[2:]) == ("the initial weights", ["20 %", "2"])
    assert data[1].startswith("1.41 (")
    assert [each.name for each in figures_of(section)] == ["variance"]


def test_a_search_is_told_with_its_budget_and_its_best_trials(tmp_path: Path) -> None:
    write_run(tmp_path, seed=5)
    folder = tmp_path / "tuning/width"
    folder.mkdir(parents=True)
    SEARCH.write(folder)
    section = made(tmp_path, searches)["tuning-width"]
    text = text_of(section)
    assert "4 trials (2 complete, 2 given up or failed), 5 runs in all" in text
    assert "val/error over the seeds 100, 101; no run of the table has one of them" in text
    assert cells(section) == [
        ["trial", "val/error, %", "optimizer.lr"], ["3", "1.50", "0.6"], ["0", "2.00", "0.5"],
    ]  # fmt: skip
    (figure,) = figures_of(section)
    drawn = lines(figure.figure.axes[0])
    assert drawn["complete (2)"] == [[1, 2.0], [4, 1.5]]
    assert drawn["pruned (1)"] == [[2, 1.0]]
    assert [y for _, y in drawn["best so far"]] == [2.0, 2.0, 2.0, 1.5]
    assert made(tmp_path, searches, number=1) == {}  # told once
    write_run(tmp_path, seed=100)
    assert "runs at 100 stand in the table too" in text_of(made(tmp_path, searches)["tuning-width"])
    trial = replace(SEARCH.trials[0], value=1.3)
    replace(SEARCH, objective="val/loss", trials=[trial]).write(folder)
    section = made(tmp_path, searches)["tuning-width"]
    assert cells(section) == [["trial", "val/loss", "optimizer.lr"], ["0", "1.300", "0.5"]]


def test_a_search_for_the_largest_value_ranks_and_draws_it_so(tmp_path: Path) -> None:
    folder = tmp_path / "tuning/width"
    folder.mkdir(parents=True)
    write_run(tmp_path, seed=5)
    replace(SEARCH, objective="val/accuracy", direction="max").write(folder)
    section = made(tmp_path, searches)["tuning-width"]
    assert [row[0] for row in cells(section)] == ["trial", "0", "3"]
    (figure,) = figures_of(section)
    assert [y for _, y in lines(figure.figure.axes[0])["best so far"]] == [2.0, 2.0, 2.0, 2.0]


def test_nets_of_both_engines_are_compared_by_seed(tmp_path: Path) -> None:
    write_variant(tmp_path, ERRORS[:6], "net")
    slower = [error + 0.001 * (seed % 3) for seed, error in enumerate(ERRORS[:6])]
    write_variant(tmp_path, slower, "net", engine="framework")
    write_run(tmp_path, "other", 0, 0.02)
    write_run(tmp_path, "other", 7, 0.025, engine="framework")
    header, net, other, seeds, by_seed, _ = cells(made(tmp_path, engines)["engines"])
    assert header[3:] == ["difference, points", "95 % CI", "p", "times as long", "n"]
    assert net[3:] == ["+0.10", "+0.01 to +0.19", "0.12", "1.00", "6"]
    assert other[3:] == ["no seed in common", NONE, NONE, NONE, NONE]
    assert seeds == ["net", *(f"seed {seed}" for seed in range(6))]
    assert by_seed == ["net", "0.00", "+0.10", "+0.20", "0.00", "+0.10", "+0.20"]
    assert made(tmp_path, engines, metric=Metric("loss", "min")) == {}
