"""What a notebook gets: runs and histories as DataFrames, comparisons with all statistics."""

import subprocess
import sys
from pathlib import Path

import pytest

from project.config.errors import ConfigurationError
from project.results import compare, history, runs
from project.results.metrics import Metric
from project.results.statistics import compare_paired
from tests.results.stored_runs import read, write_predictions, write_run, write_variant

GOOD = [0.020, 0.022, 0.019, 0.025, 0.021, 0.023]
BAD = [0.050, 0.049, 0.054, 0.051, 0.055, 0.048]


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models at six seeds and a failed run."""
    folder = tmp_path_factory.mktemp("outputs")
    write_variant(folder, GOOD, "good", optimizer__lr=0.5)
    for directory in write_variant(folder, BAD, "bad"):
        write_predictions(directory, [0, 1], [0, 0])
    for directory in sorted(folder.glob("runs/good-*/seed_[01]")):
        write_predictions(directory, [1, 0], [0, 0])
    write_run(folder, "good", 6, status="failed", optimizer__lr=0.5, record={"tags": ["a"]})
    return folder


def test_a_row_holds_what_one_may_ask_of_a_run(outputs: Path) -> None:
    table = runs(outputs)
    assert len(table) == 13
    row = table[(table.model == "good") & (table.seed == 3)].iloc[0]
    wanted = {
        "label": "good", "status": "completed", "test/error": 0.025, "val/error": 0.035,
        "optimizer.lr": 0.5, "seconds": 14.0, "parameters": 75908, "task": "digit_pairs",
        "commit": "c0ffee00" * 5, "test_data": "test 3, 1000 pairs", "processor": "a processor",
    }  # fmt: skip
    assert {key: row[key] for key in wanted} == wanted
    assert Path(row["directory"]).is_dir()
    failed = table[table.status == "failed"].iloc[0]
    assert (failed.seed, failed.tags, failed.error) == (6, ["a"], "RuntimeError: out of luck")


def test_conditions_choose_rows_and_no_runs_are_an_empty_table(
    outputs: Path, tmp_path: Path
) -> None:
    assert sorted(runs(outputs, where="model=bad and seed<3").seed) == [0, 1, 2]
    assert runs(tmp_path).empty


def test_a_history_is_a_row_for_each_epoch(outputs: Path) -> None:
    row = runs(outputs).iloc[0]
    for which in (row, row.directory, Path(row.directory), read(outputs)[0]):
        table = history(which)
        assert table["epoch"].tolist() == [1, 2]
        assert table["val/error"].tolist() == [0.5, 0.25]


def test_two_variants_are_compared_by_rows_or_folders(outputs: Path) -> None:
    table = runs(outputs)
    good, bad = table[table.model == "good"], table[table.model == "bad"]
    compared = compare(good, bad)
    assert (compared.a, compared.b, compared.metric) == ("good", "bad", Metric("error", "min"))
    assert compared.paired == compare_paired(GOOD, BAD)
    assert compared.seeds == tuple(range(6))
    assert [(each.seed, each.only_a, each.only_b) for each in compared.examples] == [
        (0, 1, 1), (1, 1, 1),
    ]  # fmt: skip
    folders = [Path(each.directory.iloc[0]).parent for each in (good, bad)]
    assert compare(str(folders[0]), folders[1]) == compared
    lines = str(compared).splitlines()
    assert lines[0] == "good minus bad: test/error, seeds 0 to 5"
    assert "  p_value     0.03125" in lines
    assert "only a right 1, only b 1 of 2 examples (McNemar p = 1)" in lines[-1]
    train = compare(good, bad, metric="error:max")
    assert train.paired.p_better == 0.0


def test_what_does_not_compare_is_refused_in_one_line(outputs: Path, tmp_path: Path) -> None:
    table = runs(outputs)
    good = table[table.model == "good"]
    with pytest.raises(
        ConfigurationError, match="each side must be runs of one variant, got bad, g"
    ):
        compare(good, table)
    with pytest.raises(ConfigurationError, match="a variant has no completed run"):
        compare(good, good[good.status == "failed"])
    write_run(tmp_path, "other", data__test_pairs=5)
    with pytest.raises(ConfigurationError, match="good and other do not compare: not the same"):
        compare(good, next(tmp_path.glob("runs/other-*")))


def test_runs_are_listed_without_pandas_scipy_or_torch(outputs: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\n"
        "import project.results\n"
        "from project.results.reading import read_runs\n"
        "from project.results.variants import group\n"
        "from project.results.where import where\n"
        "runs, _ = read_runs(Path(sys.argv[1]))\n"
        "assert len(group(where('model=good', runs))) == 1\n"
        "heavy = {'pandas', 'scipy', 'numpy', 'torch', 'pytorch_lightning'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(outputs)], capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "[]\n", done.stderr
