"""Every form of the table holds the same numbers, and every run is in results.csv."""

import csv
import io
import re
from pathlib import Path
from typing import Any

import pytest

from project.report import numbers, tables
from project.report.arms import group
from project.report.comparisons import Table, make_table
from project.report.numbers import MINUS, NONE
from project.report.runs import read_runs
from tests.report.runs_on_disk import DIVERGED, write_disk_run, write_run

GOOD = [0.020, 0.022, 0.019, 0.025, 0.021, 0.023]
BAD = [0.050, 0.049, 0.054, 0.051, 0.055, 0.048]


def write_arms(outputs: Path) -> None:
    for seed in range(6):
        write_run(outputs, model="good_1", seed=seed, error=GOOD[seed])
        write_run(outputs, model="bad|50%", seed=seed, error=BAD[seed])


def table_of(outputs: Path) -> Table:
    arms = group(read_runs(outputs, None)[0])
    return make_table(arms, None)


def cells(table: Table) -> list[list[str]]:
    return [[form(row) for form in tables.COLUMNS.values()] for row in table.rows]


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_a_row_says_what_the_runs_say(tmp_path: Path) -> None:
    # Intervals, d_z and the detectable difference as scipy.stats.t.interval and statsmodels'
    # TTestPower give them for these errors.
    write_arms(tmp_path)
    good, bad = cells(table_of(tmp_path))
    assert good == [
        "good_1", "6", "2.17 ± 0.22", "1.94 to 2.39", "2.15", "1.90", "2.50", "baseline",
        NONE, NONE, NONE, NONE, NONE, "75,908", "14.0",
    ]  # fmt: skip
    assert bad == [
        "bad|50%", "6", "5.12 ± 0.28", "4.82 to 5.41", "5.05", "4.80", "5.50", "+2.95",
        "+2.51 to +3.39", "0.031", "6.97", "0.00", "0.61", "75,908", "14.0",
    ]  # fmt: skip


def test_markdown_keeps_its_columns_whatever_the_labels_hold(tmp_path: Path) -> None:
    write_arms(tmp_path)
    text = tables.markdown([table_of(tmp_path)], [["A notice."]])
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {len(tables.COLUMNS) + 1}
    assert r"| bad\|50% | 6 | 5.12 ± 0.28 |" in text
    assert r"| good\_1 |" in text
    assert "- A notice." in text
    assert "Baseline: good\\_1, the arm of the lowest mean validation error" in text


def test_latex_is_a_booktabs_table_with_every_special_character_escaped(tmp_path: Path) -> None:
    write_arms(tmp_path)
    text = tables.latex([table_of(tmp_path)])
    assert r"good\_1 & 6 & 2.17 $\pm$ 0.22 & 1.94 to 2.39 &" in text
    assert r"bad\textbar{}50\% & 6 &" in text
    assert re.findall(r"\\(?:top|mid|bottom)rule", text) == [
        r"\toprule",
        r"\midrule",
        r"\bottomrule",
    ]
    body = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert {len(re.findall(r"(?<!\\)&", line)) for line in body} == {len(tables.COLUMNS) - 1}
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == 1
    assert text.isascii()


def test_the_table_as_csv_has_every_number_at_full_precision(tmp_path: Path) -> None:
    write_arms(tmp_path)
    table = table_of(tmp_path)
    good, bad = rows_of(tables.table_csv([table]))
    assert (good["arm"], good["not_compared"], good["difference_mean"]) == (
        "good_1",
        "baseline",
        "",
    )
    row = table.rows[1]
    assert row.summary is not None
    assert row.comparison is not None
    assert row.summary.interval is not None
    shown = {
        "test_error_mean": row.summary.mean,
        "test_error_deviation": row.summary.deviation,
        "test_error_interval_low": row.summary.interval[0],
        "test_error_interval_high": row.summary.interval[1],
        "difference_mean": row.comparison.mean_difference,
        "difference_sign_flip_p_value": row.comparison.sign_flip_p_value,
        "difference_paired_t_p_value": row.comparison.paired_t_p_value,
        "difference_holm_p_value": row.adjusted_p_value,
        "difference_d_z": row.comparison.d_z,
        "difference_n": 6.0,
        "n": 6.0,
        "parameters": 75908.0,
    }
    assert {key: float(bad[key]) for key in shown} == shown
    assert bad["directory"] == f"runs/{row.arm.name}"


def test_every_run_is_a_row_of_results_with_its_settings_metrics_and_origin(tmp_path: Path) -> None:
    write_run(tmp_path, seed=3, error=0.25, optimizer__lr=0.1)
    write_run(tmp_path, seed=4, error=0.5, optimizer__lr=0.2)
    write_run(tmp_path, seed=5, status="failed", optimizer__lr=0.2)
    arms = group(read_runs(tmp_path, None)[0])
    first, second, failed = rows_of(tables.results_csv(arms))
    assert first == {
        "experiment": "pairs",
        "arm": "ws_al optimizer.lr=0.1",
        "model": "ws_al",
        "seed": "3",
        "status": "completed",
        "optimizer.lr": "0.1",
        "test/error": "0.25",
        "train/error": "0.0",
        "val/error": "0.26",
        "parameters": "75908",
        "seconds.training": "14.0",
        "seconds.session": "15.0",
        "commit": "c0ffee00" * 5,
        "uncommitted_changes": "False",
        "dataset": "mnist",
        "data_sha256": "5a" * 32,
        "threads": "1",
        "processor": "a processor",
        "directory": f"runs/ws_al-{arms[0].arm_hash}/seed=3",
    }
    assert (second["seed"], second["optimizer.lr"], second["test/error"]) == ("4", "0.2", "0.5")
    assert (failed["status"], failed["test/error"], failed["parameters"]) == ("failed", "", "")


def test_both_experiments_share_the_files_and_no_table(tmp_path: Path) -> None:
    write_run(tmp_path)
    write_disk_run(tmp_path)
    arms = group(read_runs(tmp_path, None)[0])
    both = [make_table([arm], None) for arm in arms]
    assert [row["experiment"] for row in rows_of(tables.table_csv(both))] == ["disk", "pairs"]
    assert tables.latex(both).count(r"\begin{tabular}") == 2
    assert tables.markdown(both, [[], []]).count("## Part") == 2


def test_one_seed_has_no_deviation_and_few_seeds_no_p_value(tmp_path: Path) -> None:
    write_run(tmp_path, model="a", seed=0, error=0.1)
    for seed in range(2):
        write_run(tmp_path, model="b", seed=seed, error=0.2 + seed / 100)
    arms = group(read_runs(tmp_path, None)[0])
    single = next(row for row in make_table(arms, arms[1]).rows if row.arm.model == "a")
    shown = dict(zip(tables.COLUMNS, cells(make_table(arms, arms[1]))[0], strict=True))
    assert single.comparison is not None
    assert shown["test error (%)"] == "10.00"
    assert (shown["95 % interval"], shown["p (Holm)"]) == (NONE, "exploratory")
    other = dict(zip(tables.COLUMNS, cells(make_table(arms, arms[0]))[1], strict=True))
    assert other["difference"] == "+10.00 (n = 1)"


def test_diverged_runs_are_counted_beside_n(tmp_path: Path) -> None:
    write_run(tmp_path, seed=0)
    write_run(tmp_path, seed=1, status="failed", failure=DIVERGED)
    assert cells(table_of(tmp_path))[0][1] == "1 + 1 diverged"


def test_the_answer_counts_what_the_p_values_tell_apart(tmp_path: Path) -> None:
    for seed in range(8):
        for model, shift in (("best", 0.0), ("same", 0.001 * (-1) ** seed), ("bad", 0.03)):
            error = round(0.02 + 0.001 * seed + shift, 4)
            write_run(tmp_path, model=model, seed=seed, error=error, val_error=0.1 + shift**2)
    assert tables.answer(table_of(tmp_path)) == (
        "Baseline: best, the arm of the lowest mean validation error of those with the most "
        "completed runs (the test errors had no say). Of 2 arms compared with it, 1 errs more and "
        "none errs less (Holm's p < 0.05 over all 3 pairs of arms); 1 cannot be told from it by "
        "these seeds."
    )


def test_the_terminal_shows_every_arm_and_every_notice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_arms(tmp_path)
    tables.terminal([table_of(tmp_path)], [["A notice."]])
    shown = capsys.readouterr().out
    assert "2.17 ± 0.22" in shown
    assert "bad|50%" in shown
    assert "! A notice." in shown


@pytest.mark.parametrize(
    ("form", "value", "text"),
    [
        (numbers.percent, 0.0238, "2.38"),
        (numbers.percent, 0.0, "0.00"),
        (numbers.percent, None, NONE),
        (numbers.percent, -0.00004, "0.00"),
        (numbers.interval, (-0.00004, 0.001), "0.00 to 0.10"),
        (numbers.p_value, 0.0498, "0.0498"),
        (numbers.p_value, 0.04999, "0.0499"),
        (numbers.p_value, 0.0494, "0.049"),
        (numbers.p_value, 0.05, "0.050"),
        (numbers.points, -0.0022, f"{MINUS}0.22"),
        (numbers.points, 0.0022, "+0.22"),
        (numbers.points, -0.000001, "0.00"),
        (numbers.point_interval, (-0.0031, 0.0075), f"{MINUS}0.31 to +0.75"),
        (numbers.interval, (-0.001, 0.02), f"{MINUS}0.10 to 2.00"),
        (numbers.p_value, 0.5, "0.50"),
        (numbers.p_value, 0.0312, "0.031"),
        (numbers.p_value, 0.00195, "0.0019"),
        (numbers.p_value, 1e-9, "< 0.0001"),
        (numbers.p_value, None, NONE),
        (numbers.plain, -0.351, f"{MINUS}0.35"),
        (numbers.seconds, 14.04, "14.0"),
        (numbers.seconds, 1234.5, "1,234"),
    ],
)
def test_numbers_are_written_so(form: Any, value: Any, text: str) -> None:
    assert form(value) == text
