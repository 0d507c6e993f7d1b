"""The page's sections on part 1: what the arms allow, with links to the runs behind each number."""

from pathlib import Path
from typing import Any

from project.report.numbers import MINUS
from tests.report.sections_of_runs import cells, sections_of, with_files
from tests.report.stored_runs import disk_runs, pair_runs


def test_without_runs_there_are_no_sections() -> None:
    assert sections_of([]) == {}
    assert sections_of(pair_runs([], diverged=2) + disk_runs([], diverged=2)) == {}


def test_the_publications_rows_stand_beside_ours_and_the_missing_have_their_command(
    tmp_path: Path,
) -> None:
    runs = with_files(pair_runs([0.2, 0.24], model="basic", folder=tmp_path))
    section = sections_of(runs)["published"]
    header, basic, ws_al, *others = cells(section)
    assert header[0] == "network"
    # 22 % is 0.41 points, or 0.29 reported deviations of 1.3972 points, below 22.41 %.
    assert basic == ["basic", "22.41 ± 1.40 %", "22.00 ± 2.83 % (2)", f"{MINUS}0.29", "75,908"]
    assert ws_al[2] == "not run: python -m project.train -m model=ws_al seed=0,1"
    assert len(others) == 4
    assert f'<a href="#{runs[0].directory.parent.name}">22.00' in section.html


def test_findings_stand_with_their_verdicts_and_evidence(tmp_path: Path) -> None:
    low, high = [0.1 + 0.001 * k for k in range(7)], [0.2 + 0.001 * k for k in range(7)]
    runs = pair_runs(low, folder=tmp_path) + pair_runs(high, model="basic", folder=tmp_path)
    html = sections_of(with_files(runs))["findings"].html
    assert "<strong>holds</strong>: Weight sharing with an auxiliary loss helps" in html
    assert "<strong>not run</strong>: Dropout helps" in html
    assert f"{MINUS}10.00 points" in html


def test_arms_that_are_no_rows_have_figures_all_the_same(tmp_path: Path) -> None:
    runs = pair_runs([0.2, 0.3], model="mine", optimizer__lr=0.5, folder=tmp_path)
    found = sections_of(with_files(runs))
    assert list(found) == ["seeds", "epochs", "costs"]
    assert [each.name for section in found.values() for each in section.illustrations] == [
        "seeds",
        "epochs",
        "costs",
    ]
    titles = [axes.get_title() for axes in found["epochs"].illustrations[0].figure.axes]
    assert titles == ["mine\nn = 2 seeds"]


def test_without_the_publications_two_networks_the_worst_and_the_best_are_shown(
    tmp_path: Path,
) -> None:
    runs = [
        run
        for model, error in (("a", 0.3), ("b", 0.1), ("c", 0.2))
        for run in pair_runs([error, error + 0.01], model=model, optimizer__lr=3, folder=tmp_path)
    ]
    figure = sections_of(with_files(runs))["epochs"].illustrations[0].figure
    assert [axes.get_title() for axes in figure.axes] == ["a\nn = 2 seeds", "b\nn = 2 seeds"]


def test_each_setting_that_arms_differ_in_alone_has_its_section(tmp_path: Path) -> None:
    runs = [
        run
        for lr in (0.1, 1)
        for dropout in (0.0, 0.5)
        for run in pair_runs(
            [0.2, 0.3], folder=tmp_path, optimizer__lr=lr, model__dropout_conv=dropout
        )
    ]
    found = sections_of(with_files(runs))
    assert found["sweep_lr"].title == "Error by learning rate"
    assert found["sweep_dropout_conv"].illustrations[0].name == "sweep_dropout_conv"


def test_without_validation_errors_no_figure_says_to_choose_by_them(tmp_path: Path) -> None:
    runs = pair_runs([0.2, 0.3], folder=tmp_path)
    runs += pair_runs([0.2, 0.3], folder=tmp_path, optimizer__lr=2)
    (figure,) = sections_of(with_files(runs))["sweep_lr"].illustrations
    assert "Choose by the validation error (left)" in figure.caption
    for run in runs:
        del run.metrics["val/error"]
    (figure,) = sections_of(with_files(runs))["sweep_lr"].illustrations
    assert "no validation errors to choose by" in figure.caption


def test_softmax_twice_and_once_are_compared_at_the_seeds_of_both(tmp_path: Path) -> None:
    runs = pair_runs([0.2, 0.3, 0.25], folder=tmp_path)
    runs += pair_runs([0.1, 0.2], folder=tmp_path, model__auxiliary_on="logits")
    section = sections_of(with_files(runs))["double-softmax"]
    assert cells(section)[1] == [
        "ws_al",
        "25.00 ± 7.07 %",
        "15.00 ± 7.07 %",
        f"{MINUS}10.00 points ({MINUS}10.00 to {MINUS}10.00)",
        "2",
    ]
    assert section.html.count("<a href=") == 3


def test_softmax_twice_and_once_are_compared_only_where_they_pair(tmp_path: Path) -> None:
    runs = pair_runs([0.2, 0.3, 0.25], folder=tmp_path)
    runs += pair_runs([0.1, 0.2], folder=tmp_path, model__auxiliary_on="logits", diverged=1)
    section = sections_of(with_files(runs))["double-softmax"]
    _, line = cells(section)
    reason = "1 of 3 runs diverged, and the others are no fair sample"
    assert line == ["ws_al", "25.00 ± 5.00 %", "15.00 ± 7.07 %", reason, "\N{EN DASH}"]
    assert section.illustrations == ()


def test_costs_lead_to_all_arms_behind_a_line(tmp_path: Path) -> None:
    runs = pair_runs([0.2, 0.3], folder=tmp_path)
    runs += pair_runs([0.2], folder=tmp_path, optimizer__lr=2, seconds=100)
    section = sections_of(with_files(runs))["costs"]
    assert cells(section)[1] == ["ws_al", "75,908", "11.0", "10.0 to 100", "2 + 1"]
    assert section.html.count("<a href=") == 2
    assert "a processor; threads of a run: unknown." in section.html
    runs[1].provenance.update({"threads": 4, "machine": {"processor": "another"}})
    section = sections_of(with_files(runs))["costs"]
    assert "a processor, another; threads of a run: 4, unknown." in section.html
    assert "The published report took 11.1 s for ws_al_bn_do." in section.html


def test_the_shares_of_the_variance_are_a_table_and_a_figure(tmp_path: Path) -> None:
    runs = []
    for source, errors in (("data", [0.01, 0.03]), ("init", [0.01, 0.02])):
        for seed, error in enumerate(errors):
            names = ("data", "init", "order")
            seeds: dict[str, Any] = {
                f"seeds__{name}": seed if name == source else 1000 for name in names
            }
            runs += pair_runs({seed: error}, folder=tmp_path, **seeds)
    section = sections_of(with_files(runs))["variance"]
    _, data, init = cells(section)
    assert (data[0], data[2:]) == ("the pairs drawn", ["80 %", "2"])
    assert (init[0], init[2:]) == ("the initial weights", ["20 %", "2"])
    assert data[1].startswith("1.41 (")
    assert section.illustrations[0].name == "variance"
