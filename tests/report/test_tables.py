"""Every form of the table holds the same numbers, and every run is in results.csv."""

import csv
import io
import re
from dataclasses import replace
from pathlib import Path

import pytest

from project.config.errors import ConfigurationError
from project.report import tables
from project.report.formatting import NONE
from project.report.results_table import Table
from project.results.metrics import Metric
from tests.report.made import table_of
from tests.results.stored_runs import read, variants, write_run, write_variant

GOOD = [0.020, 0.022, 0.019, 0.025, 0.021, 0.023]
BAD = [0.050, 0.049, 0.054, 0.051, 0.055, 0.048]
EVIL = r"=cmd|' \input{x} 50%_&#$~^<b>"


def write_two(outputs: Path) -> None:
    write_variant(outputs, GOOD, "good_1")
    write_variant(outputs, BAD, "bad")


def evil_table(outputs: Path) -> Table:
    """The table of two variants, of which one has a label that settings could make."""
    write_two(outputs)
    table = table_of(outputs)
    good, bad, *others = table.rows
    bad = replace(bad, variant=replace(bad.variant, label="bad|50%"))
    return replace(table, rows=(good, bad, *others))


def cells(table: Table, *keys: str) -> list[list[str]]:
    return tables.texts_of(table, keys)[1:]


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_a_row_says_what_the_runs_say(tmp_path: Path) -> None:
    # CIs, d_z and the detectable difference as scipy.stats.t.interval and statsmodels' TTestPower
    # give them for these errors.
    table = evil_table(tmp_path)
    good, bad = cells(table)
    assert dict(zip(tables.columns_of(table), good, strict=True)) == {
        "variant": "good_1", "n": "6", "validation": "3.17 ± 0.22", "test": "2.17 ± 0.22",
        "test_ci": "1.94 to 2.39", "median": "2.15", "best": "1.90", "worst": "2.50",
        "difference": "baseline", "difference_ci": NONE, "p": NONE, "d_z": NONE, "p_better": NONE,
        "detectable": NONE, "parameters": "75,908", "epochs": "2", "seconds": "14.0",
    }  # fmt: skip
    assert bad == [
        "bad|50%", "6", "6.12 ± 0.28", "5.12 ± 0.28", "4.82 to 5.41", "5.05", "4.80", "5.50",
        "+2.95", "+2.51 to +3.39", "0.031", "6.97", "0.00", "0.61", "75,908", "2", "14.0",
    ]  # fmt: skip
    assert cells(table, "p", "variant")[1] == ["0.031", "bad|50%"]


def test_where_higher_is_better_the_highest_is_the_best(tmp_path: Path) -> None:
    for seed in range(2):
        metrics = {"val/auc": 0.9, "test/auc": 0.9 + seed / 100, "test/error": 0.25}
        write_run(tmp_path, seed=seed, metrics=metrics)
    error = Metric("error", "min")
    table = table_of(tmp_path, metric=Metric("auc", "max"), others=[error])
    assert cells(table, "test", "best", "worst", "error") == [
        ["0.9050 ± 0.0071", "0.9100", "0.9000", "25.00 ± 0.00"]
    ]


def test_a_metrics_name_may_hold_a_dot(tmp_path: Path) -> None:
    write_run(tmp_path, metrics={"val/error": 0.2, "test/error": 0.25, "test/f1.macro": 0.5})
    table = table_of(tmp_path, others=[Metric("f1.macro", "max")])
    assert cells(table, "f1.macro") == [["0.5000"]]


def test_an_unknown_column_is_refused_with_the_nearest(tmp_path: Path) -> None:
    write_two(tmp_path)
    with pytest.raises(ConfigurationError, match="there is no 'tset'; did you mean 'test'"):
        tables.choose_columns(table_of(tmp_path), ["tset"])


def test_few_seeds_and_diverged_runs_show_in_their_cells(tmp_path: Path) -> None:
    write_run(tmp_path, "a", 0, 0.1)
    write_variant(tmp_path, [0.2, 0.21], "b")
    write_run(tmp_path, "b", 5, status="failed", diverged=True)
    write_variant(tmp_path, [0.3, 0.3], "c")
    keys = ("variant", "n", "test", "test_ci", "difference", "p")
    assert cells(table_of(tmp_path, "a"), *keys) == [
        ["a", "1", "10.00", NONE, "baseline", NONE],
        ["b", "2 + 1 diverged", "20.50 ± 0.71", "14.15 to 26.85", NONE, NONE],
        ["c", "2", "30.00 ± 0.00", "30.00 to 30.00", "+20.00 (n = 1)", "exploratory"],
    ]


def test_markdown_keeps_its_columns_whatever_the_labels_hold(tmp_path: Path) -> None:
    text = tables.markdown([evil_table(tmp_path)], [["A *notice*."]])
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {18}
    assert r"| bad\|50% | 6 | 6.12 ± 0.28 | 5.12 ± 0.28 |" in text
    assert r"- A \*notice\*." in text
    assert r"Baseline: good\_1, the best mean validation value" in text


def test_latex_is_a_booktabs_table_of_chosen_columns_with_everything_escaped(
    tmp_path: Path,
) -> None:
    write_variant(tmp_path, BAD, "evil", model__text=EVIL)
    write_variant(tmp_path, BAD, "evil", model__text="x")
    text = tables.latex([evil_table(tmp_path)], ["variant", "test", "difference_ci"])
    assert r"good\_1 & 2.17 $\pm$ 0.22 & -- \\" in text
    assert r"bad\textbar{}50\% & 5.12 $\pm$ 0.28 & +2.51 to +3.39 \\" in text
    body = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert {len(re.findall(r"(?<!\\)&", line)) for line in body} == {2}
    assert r"\input" not in text
    assert not re.search(r"(?<!\\)[#%&_](?! needs| a title)", "\n".join(body).replace(" & ", ""))
    assert text.count(r"\toprule") == text.count(r"\end{tabular}") == 1


def test_the_table_as_csv_has_every_number_at_full_precision(tmp_path: Path) -> None:
    write_two(tmp_path)
    table = table_of(tmp_path)
    good, bad = rows_of(tables.table_csv([table]))
    first = (good["variant"], good["not_compared"], good["difference_mean"])
    assert first == ("good_1", "baseline", "")
    row = table.rows[1]
    assert row.test is not None
    assert row.test.ci is not None
    assert row.paired is not None
    shown = {
        "test_mean": row.test.mean, "test_std": row.test.std, "test_ci_low": row.test.ci[0],
        "test_ci_high": row.test.ci[1], "difference_mean": row.paired.mean,
        "difference_p_value": row.paired.p_value, "difference_t_p_value": row.paired.t_p_value,
        "holm_p_value": row.p_value, "difference_d_z": row.paired.d_z, "difference_n": 6.0,
        "n": 6.0, "parameters": 75908.0,
    }  # fmt: skip
    assert {key: float(bad[key]) for key in shown} == shown
    assert bad["directory"] == f"runs/{row.variant.name}"


def test_every_run_is_a_row_of_results_and_no_cell_is_a_formula(tmp_path: Path) -> None:
    write_run(tmp_path, seed=3, error=0.25, optimizer__lr=0.1, record={"notes": EVIL})
    write_run(tmp_path, seed=4, error=0.5, optimizer__lr=0.2, record={"tags": ["@a", "b, c"]})
    write_run(tmp_path, seed=5, status="failed", failure="-1", optimizer__lr=0.2)
    (name,) = (run.name for run in read(tmp_path) if run.seed == 3)
    first, second, failed = rows_of(tables.results_csv(variants(tmp_path)))
    wanted = {
        "label": "ws_al optimizer.lr=0.1", "model": "ws_al", "seed": "3", "optimizer.lr": "0.1",
        "test/error": "0.25", "parameters": "75908", "commit": "c0ffee00" * 5,
        "notes": f"'{EVIL}", "directory": f"runs/{name}",
    }  # fmt: skip
    assert {key: first[key] for key in wanted} == wanted
    assert (second["seed"], second["test/error"], second["tags"]) == ("4", "0.5", "'@a; b, c")
    assert (failed["status"], failed["test/error"], failed["error"]) == ("failed", "", "'-1")
    assert str(tmp_path) not in tables.results_csv(variants(tmp_path))


def test_the_terminal_shows_every_variant_and_every_notice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_variant(tmp_path, BAD, "evil", model__text="\x1b[31m")
    write_variant(tmp_path, BAD, "evil", model__text="[red]")
    tables.terminal([evil_table(tmp_path)], [["A notice."]])
    shown = capsys.readouterr().out
    assert "2.17 ± 0.22" in shown
    assert "bad|50%" in shown
    assert "model.text=[red]" in shown
    assert "! A notice." in shown
    assert "\x1b" not in shown
