"""`python -m project.report`, from run directories to outputs/report, and what it refuses."""

import os
import re
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from project.report import making
from project.report.__main__ import main
from project.report.folder import new_report
from tests.report.runs_on_disk import DIVERGED, write_composed_arm, write_disk_run, write_run
from tests.test_imports import heavy_modules_after

ERRORS = [0.020, 0.022, 0.019, 0.025, 0.021, 0.023]
Report = Callable[..., tuple[int, str, str]]


@pytest.fixture
def report(drawn_report: Report, monkeypatch: pytest.MonkeyPatch) -> Report:
    """The same without figures, which take longer than all the rest."""
    monkeypatch.setattr(making, "chapters", lambda arms, request: {name: [] for name in arms})
    return drawn_report


@pytest.fixture
def drawn_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Report:
    """Types the command in this process; returns exit code, standard output and error."""

    def run(*words: str, outputs: Path = tmp_path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["report", *words, f"paths.outputs={outputs}"])
        monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code
        assert isinstance(code, int)
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def write_two_arms(outputs: Path) -> None:
    for seed, error in enumerate(ERRORS):
        write_run(outputs, model="good", seed=seed, error=error)
        write_run(outputs, model="bad", seed=seed, error=error + 0.03)


def files_of(outputs: Path) -> dict[str, bytes]:
    root = outputs / "report"
    return {
        str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }


def test_a_report_is_written_whole_and_its_table_printed(
    tmp_path: Path, drawn_report: Report
) -> None:
    write_two_arms(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    code, out, err = drawn_report()
    assert (code, err) == (0, "")
    assert "2.17 ± 0.22" in out
    assert out.rstrip().endswith(f"{tmp_path}/report/index.html")
    names = set(files_of(tmp_path))
    assert {"index.html", "results.csv", "table.csv", "table.md", "table.tex"} <= names
    assert {"figures/seeds.png", "figures/seeds.svg"} <= names
    assert any(name.startswith("tensorboard/good/") for name in names)
    # Runs are read and never written.
    assert {path: path.read_bytes() for path in before} == before


def test_the_same_runs_give_the_same_bytes_wherever_they_are(
    tmp_path: Path, drawn_report: Report
) -> None:
    first, second = tmp_path / "first", tmp_path / "second/elsewhere"
    write_two_arms(first)
    for seed in range(2):
        write_disk_run(first, seed=seed, error=ERRORS[seed])
    shutil.copytree(first, second)
    assert drawn_report(outputs=first)[0] == 0
    # Longer than the grain of a file system's clock.
    time.sleep(0.1)
    assert drawn_report(outputs=second)[0] == 0
    assert len(files_of(first)) > 20
    assert files_of(second) == files_of(first)


def test_a_report_imports_no_torch(tmp_path: Path) -> None:
    write_two_arms(tmp_path / "outputs")
    code = (
        "import runpy, sys\nsys.argv = ['report', 'paths.outputs=outputs']\n"
        "runpy.run_module('project.report', run_name='__main__', alter_sys=True)\n"
    )
    heavy, output = heavy_modules_after(code, tmp_path)
    assert "outputs/report/index.html" in output
    assert heavy == set()


def test_damaged_runs_are_refused_by_name_and_left_out_only_if_asked_for(
    tmp_path: Path, report: Report
) -> None:
    write_two_arms(tmp_path)
    (directory,) = tmp_path.glob("runs/bad-*/seed=3")
    (directory / "history.csv").write_text("epoch,lr,train/err")
    code, out, err = report()
    assert (code, out) == (3, "")
    assert f"{directory}: history.csv is torn" in err
    assert not (tmp_path / "report").exists()
    code, out, _ = report("allow_missing=true")
    assert code == 0
    assert f"! Left out, because it cannot be read: {directory.parent.name}/seed=3" in out
    row = next(line for line in out.splitlines() if line.startswith(" bad"))
    assert row.split()[1] == "5"


def test_missing_and_failed_runs_are_refused_with_the_command_that_completes_them(
    tmp_path: Path, report: Report
) -> None:
    for seed in range(6):
        write_run(tmp_path, model="basic", seed=seed)
    write_run(tmp_path, model="ws_al", seed=0)
    write_run(tmp_path, model="ws_al", seed=1, status="failed")
    code, out, err = report()
    assert (code, out) == (4, "")
    assert "ws_al: seed 1 failed; seeds 2 to 5 missing" in err
    assert "allow_missing=true" in err
    code, out, _ = report("allow_missing=true")
    assert code == 0
    assert "Incomplete, and shown with what there is. ws_al: seed 1 failed; seeds 2 to 5" in out


def test_runs_that_still_run_are_said_to(tmp_path: Path, report: Report) -> None:
    write_two_arms(tmp_path)
    write_run(tmp_path, model="bad", seed=6, status="running")
    write_run(tmp_path, model="good", seed=6)
    code, _, err = report()
    assert code == 4
    assert "bad: seed 6 running or killed" in err


def test_diverged_runs_are_results_and_need_no_permission(tmp_path: Path, report: Report) -> None:
    write_two_arms(tmp_path)
    write_run(tmp_path, model="bad", seed=6, status="failed", failure=DIVERGED)
    write_run(tmp_path, model="good", seed=6, error=0.02)
    code, out, _ = report()
    assert code == 0
    assert "6 + 1 diverged" in out
    assert "! bad: 1 of 7 runs diverged" in out


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["baseline=god"], 2, "there is no such arm; did you mean 'good'"),
        (["baselin=good"], 2, "unknown key 'baselin'; did you mean 'baseline'?"),
        (["+extra=1"], 2, "unknown key 'extra'"),
        (["allow_missing=perhaps"], 2, "allow_missing=perhaps: should be a valid boolean"),
        (["study=epfl_tabel"], 2, "there is no such study; did you mean 'epfl_table'?"),
        (["study=epfl_table"], 2, "no completed runs of study epfl_table"),
        (["runs=nothing*"], 2, "no completed runs that match runs=nothing*"),
        (["-m"], 2, "a report is no sweep"),
    ],
)  # fmt: skip
def test_what_is_asked_for_and_is_not_there_is_refused_by_name(
    tmp_path: Path, report: Report, words: list[str], code: int, message: str
) -> None:
    write_two_arms(tmp_path)
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
    code, _, err = report("allow_missing=true")
    assert code == 2
    assert "(1 were begun)" in err
    assert not (tmp_path / "report").exists()


def test_one_run_makes_a_report_without_comparisons(tmp_path: Path, report: Report) -> None:
    write_run(tmp_path)
    code, out, _ = report()
    assert code == 0
    assert "One seed only, so no deviation and no interval: ws_al." in out


def test_errors_without_spread_make_a_report(tmp_path: Path, report: Report) -> None:
    for seed in range(6):
        write_run(tmp_path, model="a", seed=seed, error=0.0, val_error=0.0)
        write_run(tmp_path, model="b", seed=seed, error=0.0, val_error=0.0)
    code, out, _ = report()
    assert code == 0
    assert "All seeds gave the same error" in out
    assert "nan" not in out


def test_a_glob_may_be_a_path(tmp_path: Path, report: Report) -> None:
    write_two_arms(tmp_path)
    for pattern in ("good-*", f"{tmp_path}/runs/good-*/", "runs/good-*"):
        code, out, _ = report(f"runs={pattern}")
        assert code == 0
        assert " bad " not in out


def test_without_rights_the_folder_is_named(tmp_path: Path, report: Report) -> None:
    write_two_arms(tmp_path / "other")
    assert report(outputs=tmp_path / "other")[0] == 0  # everything is imported now
    outputs = tmp_path / "outputs"
    write_two_arms(outputs)
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
    write_two_arms(tmp_path)
    with new_report(tmp_path):
        code, _, err = report()
    assert code == 4
    assert "another process is writing" in err


def test_a_study_is_its_arms_at_their_common_seeds_and_no_other_run(
    tmp_path: Path, report: Report
) -> None:
    for model in ("ws_al", "ws_al_bn_do"):
        for position in ("early", "late", "both", "none"):
            words = [f"model={model}", f"model.auxiliary={position}"]
            write_composed_arm(tmp_path, range(10), *words)
    # Of other studies:
    write_composed_arm(tmp_path, [10, 11], "model=ws_al")
    write_composed_arm(tmp_path, [0], "model=basic")
    write_composed_arm(tmp_path, [0], "model=ws_al", "optimizer.lr=0.7")
    code, out, _ = report("study=auxiliary_position")
    assert code == 0
    assert "basic" not in out
    assert "0.7" not in out
    assert len(re.findall(r"^ *ws_al.* 10 ", out, re.MULTILINE)) == 8
    # The runs chose the baseline: 8 arms are 28 pairs, which need more seeds than 10.
    assert "10 seeds are too few for 28 comparisons." in out
    assert "! Too few seeds for so many comparisons: with 10 common seeds Holm's corr" in out
    assert "! Left out: seeds 10, 11, which study auxiliary_position does not plan" in out
    shutil.rmtree(next(tmp_path.glob("runs/ws_al_bn_do-*")))
    code, _, err = report("study=auxiliary_position")
    assert code == 4
    assert re.search(
        r"ws_al_bn_do model.auxiliary=\w+: seeds 0 to 9 missing\n"
        r"    python -m project.train -m model=ws_al_bn_do model.auxiliary=\w+ "
        rf"paths.outputs={tmp_path} 'seed=range\(0,10\)'",
        err,
    ), err
