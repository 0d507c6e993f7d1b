"""Rows stand by validation, are compared with one baseline, and a sentence says what was found."""

from pathlib import Path
from typing import Any

import pytest

from project.report.results_table import answer, headline
from project.results.metrics import Metric
from tests.report.made import table_of
from tests.results.stored_runs import write_run, write_variant

GOOD = [0.020, 0.022, 0.019, 0.025, 0.021, 0.023, 0.020]
BAD = [0.050, 0.049, 0.054, 0.051, 0.055, 0.048, 0.052]


def test_rows_and_baseline_go_by_validation_and_not_by_test(tmp_path: Path) -> None:
    for model, test, validation in (("a", 0.1, 0.3), ("b", 0.3, 0.1), ("c", 0.2, 0.2)):
        write_variant(tmp_path, [test] * 2, model, val_error=validation)
    write_variant(tmp_path, [0.0], "blind", metrics={"test/error": 0.0})
    write_run(tmp_path, "none", status="failed")
    table = table_of(tmp_path)
    assert [row.variant.prefix for row in table.rows] == ["b", "c", "a", "blind", "none"]
    assert [row.reason for row in table.rows] == ["baseline", "", "", "", "no completed run"]
    assert table.baseline is table.rows[0].variant
    highest = table_of(tmp_path, metric=Metric("error", "max"))
    assert [row.variant.prefix for row in highest.rows][:3] == ["a", "c", "b"]


@pytest.mark.parametrize(("baseline", "family"), [("good", 3), (None, 6)])
def test_p_values_are_corrected_over_what_could_have_been_compared(
    tmp_path: Path, baseline: str | None, family: int
) -> None:
    """The comparisons with a baseline that was named; all pairs where the runs chose it."""
    write_variant(tmp_path, GOOD, "good")
    for model in ("bad", "also_bad", "bad_as_well"):
        write_variant(tmp_path, BAD, model)
    table = table_of(tmp_path, baseline)
    rows = [row for row in table.rows if row.paired]
    assert [row.paired.p_value for row in rows if row.paired] == [2 / 2**7] * 3
    assert [row.p_value for row in rows] == [pytest.approx(family * 2 / 2**7)] * 3
    assert (table.family, table.baseline_named) == (family, baseline is not None)


def test_a_row_holds_what_its_runs_say(tmp_path: Path) -> None:
    write_variant(tmp_path, GOOD, "good")
    write_variant(tmp_path, BAD[:5], "bad")
    write_run(tmp_path, "bad", 9, metrics={"test/error": 0.5, "val/error": 0.5, "test/auc": 1.0})
    row = table_of(tmp_path, "good", others=[Metric("auc", "max")]).rows[1]
    assert row.test is not None
    assert row.paired is not None
    assert (row.test.n, row.paired.n) == (6, 5)
    assert [own.seed for own, _ in row.pairs] == [0, 1, 2, 3, 4]
    assert (row.p_value, row.others) == (None, {})
    assert row.seconds is not None
    assert row.seconds.mean == 14.0


def test_what_lacks_the_metric_is_shown_without_numbers(tmp_path: Path) -> None:
    write_variant(tmp_path, GOOD, "good")
    write_variant(tmp_path, BAD, "other", metrics={"test/auc": 0.5})
    rows = {row.variant.prefix: row for row in table_of(tmp_path).rows}
    assert (rows["other"].test, rows["other"].reason) == (None, "not all runs have test/error")


def sentence(tmp_path: Path, baseline: str | None = None, **more: Any) -> str:
    return headline(table_of(tmp_path, baseline, **more))


def test_one_sentence_says_who_is_better_by_how_much_and_whether_the_seeds_can_tell(
    tmp_path: Path,
) -> None:
    write_variant(tmp_path, GOOD, "good")
    assert sentence(tmp_path) == (
        "good has a test error of 2.14 ± 0.21 % over 7 seeds; there is nothing to compare it with."
    )
    write_variant(tmp_path, BAD, "bad")
    assert sentence(tmp_path) == (
        "By validation good is the best and bad the next: the test error of good is 2.99 points "
        "lower than that of bad (95 % CI 2.62 to 3.35); 7 seeds can tell it from chance "
        "(Holm-corrected p = 0.016)."
    )
    assert sentence(tmp_path, "bad").startswith(
        "good is compared with bad: the test error of good is 2.99 points lower than that of bad"
    )
    noise = [0.02, 0.025, 0.018, 0.022, 0.026, 0.021, 0.022]
    write_variant(tmp_path, noise, "same", val_error=0.03)
    end = "7 seeds cannot tell it from chance (Holm-corrected p = 1.00)."
    assert sentence(tmp_path).endswith(end)


def test_the_sentence_says_what_few_seeds_and_equal_values_mean(tmp_path: Path) -> None:
    for model in ("a", "b"):
        write_variant(tmp_path, [0.2, 0.2], model)
    assert sentence(tmp_path) == (
        "By validation a is the best and b the next: both have the same mean test error (95 % CI "
        "0.00 to 0.00); 2 seeds cannot tell whether that is more than chance: 6 are the least."
    )


def test_the_sentence_says_that_the_best_has_fewer_runs(tmp_path: Path) -> None:
    write_variant(tmp_path, [0.2, 0.21], "whole")
    write_variant(tmp_path, [0.1], "short")
    assert sentence(tmp_path).startswith(
        "By validation short is the best, and whole of those with the most runs: the test error of "
        "short is 10.00 points lower than that of whole; 1 seed cannot tell"
    )


def test_the_sentence_says_why_nothing_is_compared(tmp_path: Path) -> None:
    write_run(tmp_path, "a", seed=0)
    write_run(tmp_path, "b", seed=1)
    assert sentence(tmp_path).endswith("the next; they do not compare: no seed in common.")
    write_run(tmp_path / "two", "a", metrics={"test/error": 0.1})
    assert sentence(tmp_path / "two").startswith("Nothing is compared: no completed run has")


def test_where_higher_is_better_the_sentence_says_higher(tmp_path: Path) -> None:
    for model, value in (("a", 0.9), ("b", 0.8)):
        for seed in range(6):
            both = {"val/auc": value, "test/auc": value + seed / 1000}
            write_run(tmp_path, model, seed, metrics=both)
    assert sentence(tmp_path, metric=Metric("auc", "max")).startswith(
        "By validation a is the best and b the next: the test auc of a is 0.1000 higher than that"
    )


def test_the_answer_counts_what_the_p_values_tell_apart(tmp_path: Path) -> None:
    for seed in range(8):
        for model, shift in (("best", 0.0), ("same", 0.001 * (-1) ** seed), ("bad", 0.03)):
            error = round(0.02 + 0.001 * seed + shift, 4)
            write_run(tmp_path, model, seed, error, val_error=0.1 + shift**2)
    assert answer(table_of(tmp_path)) == (
        "Baseline: best, the best mean validation value of those with the most completed runs "
        "(test values had no say). Of 2 variants compared with it, 1 is worse and none is better "
        "(Holm's p < 0.05 over all 3 pairs of variants); 1 cannot be told from it by these seeds."
    )
    assert answer(table_of(tmp_path, "bad")).startswith("Baseline: bad, as asked for. Of 2 ")
