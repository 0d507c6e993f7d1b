"""`python -m project.report`, from run directories to outputs/report, and what it refuses."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from project.config.compose import compose, study_variants
from project.report.__main__ import main
from project.report.folder import new_report
from tests.results.stored_runs import (
    change_record,
    write_composed,
    write_disk_run,
    write_run,
    write_variant,
)

ROOT = Path(__file__).parents[2]
ERRORS = [0.020, 0.022, 0.019, 0.025, 0.021, 0.023]
Report = Callable[..., tuple[int, str, str]]


@pytest.fixture
def report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Report:
    """Types the command in this process, without sections unless they are typed.

    Returns exit code, standard output and error.
    """

    def run(*words: str, outputs: Path = tmp_path) -> tuple[int, str, str]:
        quick = [] if any("sections" in word for word in words) else ["sections=[]", "~reference"]
        argv = ["report", *words, *quick, f"paths.outputs={outputs}"]
        monkeypatch.setattr(sys, "argv", argv)
        monkeypatch.setattr(sys, "path", [*sys.path])
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code
        said = capsys.readouterr()
        assert isinstance(code, int)
        return code, said.out, said.err

    return run


def write_two(outputs: Path) -> None:
    write_variant(outputs, ERRORS, "good")
    write_variant(outputs, [error + 0.03 for error in ERRORS], "bad")


def files_of(outputs: Path) -> dict[str, bytes]:
    root = outputs / "report"
    return {
        str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }


def test_a_report_is_written_whole_and_the_same_runs_give_the_same_bytes_wherever_they_are(
    tmp_path: Path, report: Report
) -> None:
    first, second = tmp_path / "first", tmp_path / "second/elsewhere"
    write_two(first)
    for seed in range(2):
        write_disk_run(first, seed, ERRORS[seed])
    shutil.copytree(first, second)
    before = {path: path.read_bytes() for path in first.rglob("*") if path.is_file()}
    sections = "sections=[seeds]"
    code, out, err = report(sections, outputs=first)
    assert (code, err) == (0, "")
    assert "2.17 ± 0.22" in out
    assert "By validation good is the best and bad the next: the test error of good is 3.00" in out
    assert out.rstrip().endswith(f"{first}/report/index.html")
    names = set(files_of(first))
    assert {"index.html", "results.csv", "table.csv", "table.md", "table.tex"} <= names
    assert {"figures/seeds.png", "figures/seeds.svg", "figures/seeds-2.svg"} <= names
    assert any(name.startswith("tensorboard/good/") for name in names)
    # Runs are read and never written.
    assert {path: path.read_bytes() for path in before} == before
    # Longer than the grain of a file system's clock.
    time.sleep(0.1)
    assert report(sections, outputs=second)[0] == 0
    assert files_of(second) == files_of(first)


def test_a_report_imports_no_torch(tmp_path: Path) -> None:
    write_two(tmp_path)
    code = (
        "import runpy, sys\n"
        f"sys.argv = ['report', 'paths.outputs={tmp_path}', 'sections=[seeds]']\n"
        "try:\n    runpy.run_module('project.report', run_name='__main__', alter_sys=True)\n"
        "finally:\n    print([each for each in ('torch', 'pytorch_lightning', 'tensorflow', "
        "'matplotlib.pyplot') if each in sys.modules])\n"
    )
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, cwd=ROOT)
    assert done.stdout.endswith("report/index.html\n[]\n"), done.stderr


def test_damaged_and_missing_runs_are_named_and_refused_only_if_all_are_asked_for(
    tmp_path: Path, report: Report
) -> None:
    write_two(tmp_path)
    (damaged,) = tmp_path.glob("runs/bad-*/seed_3")
    (damaged / "history.csv").write_text("epoch,lr,train/err")
    write_run(tmp_path, "good", 6)
    write_run(tmp_path, "bad", 7, status="running")
    code, out, _ = report()
    assert code == 0
    assert f"! Left out, because it cannot be read: {damaged.parent.name}/seed_3, history" in out
    assert "bad: seeds 3, 6 missing; seed 7 running or killed. good: seed 7 missing." in out
    row = next(line for line in out.splitlines() if line.startswith(" bad"))
    assert row.split()[1] == "5"
    shutil.rmtree(tmp_path / "report")
    code, out, err = report("strict=true")
    assert (code, out) == (3, "")
    assert f"{damaged}: history.csv is incomplete" in err
    assert "bad: seeds 3, 6 missing; seed 7 running or killed" in err
    assert not (tmp_path / "report").exists()
    shutil.rmtree(damaged)
    assert report("strict=true")[0] == 4


def test_diverged_runs_are_results_and_need_no_permission(tmp_path: Path, report: Report) -> None:
    write_two(tmp_path)
    write_run(tmp_path, "bad", 6, status="failed", diverged=True)
    write_run(tmp_path, "good", 6, 0.02)
    code, out, _ = report("strict=true")
    assert code == 0
    assert "6 + 1 diverged" in out
    assert "! bad: 1 of 7 runs diverged" in out


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["baseline=god"], 2, "there is no such variant; did you mean 'good'"),
        (["baselin=good"], 2, "baselin"),
        (["strict=perhaps"], 2, "strict=perhaps: should be a valid boolean"),
        (["code=refuse"], 2, "code=refuse: should be 'accept'"),
        (["study=epfl_tabel"], 2, "there is no such study; did you mean 'epfl_table'?"),
        (["+study=epfl_table"], 2, "no completed runs of study epfl_table"),
        (["runs=nothing*"], 2, "no completed runs that match runs=nothing*"),
        (["where=seed>99"], 2, "no completed runs where seed>99"),
        (["where=sed>1"], 2, "no run has a column 'sed'; did you mean 'seed'?"),
        (["where=seed>"], 2, "a value is expected here\n  seed>\n       ^"),
        (["metric=acuracy"], 2, "metric=acuracy: no completed run has it; known: error"),
        (["metrics=[x]"], 2, "metric=x: no completed run has it"),
        (["columns=[tests]"], 2, "columns: there is no 'tests'; did you mean 'test'?"),
        (["sections=[sees]"], 2, "sections: there is no sees; did you mean 'seeds'?"),
        (["last=true"], 2, "last=true: no sweep has been made in"),
        (["-m"], 2, "a report cannot be swept"),
    ],
)  # fmt: skip
def test_what_is_asked_for_and_is_not_there_is_refused_by_name(
    tmp_path: Path, report: Report, words: list[str], code: int, message: str
) -> None:
    write_two(tmp_path)
    found, out, err = report(*words)
    assert (found, out) == (code, "")
    assert message in err
    assert "Traceback" not in err
    assert not (tmp_path / "report").exists()


def test_no_runs_is_refused_with_a_way_to_make_some(tmp_path: Path, report: Report) -> None:
    code, _, err = report()
    assert code == 2
    assert f"no completed runs under {tmp_path}/runs; make some with" in err
    write_run(tmp_path, status="interrupted")
    assert "(1 were begun)" in report()[2]
    (write_run(tmp_path, "b") / "run.json").write_text("{")
    code, _, err = report()
    assert code == 3
    assert "1 run cannot be read" in err


def test_errors_without_spread_and_one_run_make_a_report(tmp_path: Path, report: Report) -> None:
    write_variant(tmp_path, [0.0] * 6, "a", val_error=0.0)
    write_run(tmp_path, "b", val_error=0.0, error=0.0)
    code, out, _ = report()
    assert code == 0
    assert "All seeds gave the same test error" in out
    assert "One seed only, so no std and no CI: b." in out
    assert "nan" not in out


@pytest.mark.parametrize(
    ("words", "rows"),
    [
        (["runs=good-*"], ["good"]),
        (["runs={outputs}/runs/good-*/"], ["good"]),
        (["runs=['good-*','bad*/seed_[0-2]']"], ["good", "bad"]),
        (["where=model=b* and (seed<3 or seed=5)"], ["bad"]),
        (["where=test/error<0.025", "runs=*"], ["good"]),
        (["last=true"], ["bad"]),
    ],
)
def test_runs_are_chosen_by_globs_conditions_or_the_last_sweep(
    tmp_path: Path, report: Report, words: list[str], rows: list[str]
) -> None:
    write_two(tmp_path)
    names = [f"{path.parent.name}/{path.name}" for path in tmp_path.glob("runs/bad*/*")]
    sweep = {"runs": [*names, "bad-00000000/seed_9"], "typed": "x"}
    (tmp_path / "last_sweep.json").write_text(json.dumps(sweep))
    code, out, _ = report(*(word.format(outputs=tmp_path) for word in words))
    assert code == 0
    found = [line.split()[0] for line in out.splitlines() if line.startswith((" good", " bad"))]
    assert found == rows
    assert ("! Missing of the last sweep: bad-00000000/seed_9." in out) is (words == ["last=true"])


def test_a_study_is_its_variants_at_their_common_seeds_and_no_other_run(
    tmp_path: Path, report: Report
) -> None:
    folders = [
        write_composed(tmp_path, each.config, range(10))
        for each in study_variants("train", "auxiliary_position")
    ]
    # Of other studies:
    write_composed(tmp_path, compose("train", ["model=ws_al"]), [10, 11])
    write_composed(tmp_path, compose("train", ["model=ws_al", "optimizer.lr=0.7"]), [0])
    write_composed(tmp_path, compose("train", ["model=basic"]), [0])
    code, out, _ = report("study=auxiliary_position", "strict=true")
    assert code == 0
    assert "basic" not in out
    assert "0.7" not in out
    assert len(re.findall(r"^ *ws_al.* 10 ", out, re.MULTILINE)) == 8
    # The runs chose the baseline: 8 variants are 28 pairs, which need more seeds than 10.
    assert "10 seeds are too few for 28 comparisons." in out
    assert "! Left out: seeds 10, 11, which study auxiliary_position does not plan" in out
    assert (
        "<h1>Report: study auxiliary_<wbr>position</h1>"
        in (tmp_path / "report/index.html").read_text()
    )
    shutil.rmtree(folders[-1])
    code, _, err = report("study=auxiliary_position", "strict=true")
    assert code == 4
    assert re.search(
        r"ws_al_bn_do model.auxiliary=\w+: seeds 0 to 9 missing\n"
        rf"    python -m project.train study=auxiliary_position paths.outputs={tmp_path}\n",
        err,
    ), err


def test_any_metric_is_judged_by_and_others_are_columns(tmp_path: Path, report: Report) -> None:
    for model, auc in (("a", 0.8), ("b", 0.9)):
        for seed in range(6):
            metrics = {"val/auc": auc, "test/auc": auc + seed / 100, "test/error": 0.25}
            write_run(tmp_path, model, seed, metrics=metrics)
    code, out, _ = report("metric=auc", "metrics=[error]", "columns=[variant,test,error]")
    assert code == 0
    assert "By validation b is the best and a the next: the test auc of b is 0.1000 higher" in out
    assert " variant         test auc  test error, % \n" in out
    tex = (tmp_path / "report/table.tex").read_text()
    assert r"b & 0.9250 $\pm$ 0.0187 & 25.00 $\pm$ 0.00 \\" in tex


def test_without_rights_the_folder_is_named(tmp_path: Path, report: Report) -> None:
    write_two(tmp_path / "other")
    assert report(outputs=tmp_path / "other")[0] == 0  # everything is imported now
    outputs = tmp_path / "outputs"
    write_two(outputs)
    outputs.chmod(0o555)
    for folder in [tmp_path, *tmp_path.parents][:3]:
        folder.chmod(folder.stat().st_mode | 0o055)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)  # root may write everywhere
    try:
        code, out, err = report(outputs=outputs)
    finally:
        os.seteuid(user)
        outputs.chmod(0o755)
    assert (code, out) == (3, "")
    assert f"({outputs}/" in err
    assert "check the folder's rights" in err


def test_a_second_report_at_the_same_time_is_refused(tmp_path: Path, report: Report) -> None:
    write_two(tmp_path)
    with new_report(tmp_path):
        code, _, err = report()
    assert code == 4
    assert "another process is writing" in err


def test_runs_of_two_metrics_in_one_table_are_refused(tmp_path: Path, report: Report) -> None:
    write_two(tmp_path)
    directory = write_run(tmp_path, "other")
    change_record(directory, metric={"name": "loss", "direction": "min"})
    code, _, err = report()
    assert code == 2
    assert "these runs are judged by error (min) and loss (min); choose one: metric=NAME" in err
    assert report("metric=error")[0] == 0
