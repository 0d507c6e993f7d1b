"""The page's sections on part 2."""

from pathlib import Path

from tests.report.sections_of_runs import cells, sections_of, with_files
from tests.report.stored_runs import disk_runs, pair_runs


def test_part_2_has_its_figures_its_table_and_its_findings(tmp_path: Path) -> None:
    runs = disk_runs([0.02, 0.03], folder=tmp_path, diverged=1)
    runs += disk_runs([0.03, 0.04], "relu", folder=tmp_path)
    runs += disk_runs([0.5], "relu", folder=tmp_path, max_epochs=7)
    found = sections_of(with_files(runs))
    assert list(found) == ["disk-rates", "disk-findings", "disk-predictions", "disk-epochs"]
    names = [each.name for section in found.values() for each in section.illustrations]
    assert names == ["disk_learning_rates", "disk_predictions", "disk_epochs"]
    assert cells(found["disk-rates"])[1] == [
        "0.1",
        "97.50 ± 0.71 % (2), 1 diverged",
        "96.50 ± 0.71 % (2)",
    ]
    assert "1 runs of another setup" in found["disk-rates"].html
    assert "<strong>exploratory</strong>: tanh at 0.1 reaches" in found["disk-findings"].html


def test_part_2_without_tanh_at_the_published_rate_shows_the_best_there_is(tmp_path: Path) -> None:
    runs = disk_runs([0.2], "relu", lr=0.3, folder=tmp_path)
    runs += disk_runs([0.1], "relu", lr=0.5, folder=tmp_path)
    caption = sections_of(with_files(runs))["disk-epochs"].illustrations[0].caption
    assert caption.startswith("disk_relu lr=0.5:")


def test_every_figure_of_a_page_has_a_name_of_its_own_and_a_caption(tmp_path: Path) -> None:
    runs = pair_runs([0.2, 0.3], folder=tmp_path) + disk_runs([0.02, 0.03], folder=tmp_path)
    found = sections_of(with_files(runs)).values()
    figures = [each for section in found for each in section.illustrations]
    assert len({each.name for each in figures}) == len(figures)
    assert all(each.caption.endswith(".") for each in figures)
