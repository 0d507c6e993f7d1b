"""A run is trained once, under its lock, and found again afterwards."""

import errno
import os
import sys
from pathlib import Path

import pytest

from project.runs.directory import COMPLETED, INTERRUPTED, RefusedError, RunDirectory
from project.runs.identity import identify
from project.runs.life import ExitedError, find_or_train, refuse_others, summary
from tests.runs.test_directory import PROVENANCE
from tests.runs.test_identity import CONFIG

METRICS = {"test/error": 0.0226}
FACTS = {"parameters": 76846, "metrics": METRICS, "seconds": {"training": 11.12}}


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return RunDirectory(identify(CONFIG, "mnist"), tmp_path, identify)


def leave(run: RunDirectory, status: str) -> None:
    with run.locked():
        run.begin(CONFIG, PROVENANCE, rerun=False)
        run.write(status, PROVENANCE, **FACTS)


def never() -> dict[str, float]:
    raise AssertionError("trained again")


def test_a_completed_run_is_found_and_not_trained(
    run: RunDirectory, capsys: pytest.CaptureFixture[str]
) -> None:
    leave(run, COMPLETED)
    assert find_or_train(run, "ab", rerun=False, train=never) == METRICS
    assert capsys.readouterr().out == (
        f"{run.run.name}: already completed, test error 2.26 %, 76,846 parameters, "
        f"trained in 11.1 s, {run.path}\n"
    )


def test_an_unfinished_run_is_trained_under_its_lock(run: RunDirectory) -> None:
    leave(run, INTERRUPTED)

    def train() -> dict[str, float]:
        with pytest.raises(RefusedError), run.locked():
            pass
        return {"test/error": 0.5}

    assert find_or_train(run, "ab", rerun=False, train=train) == {"test/error": 0.5}


def test_rerun_trains_a_completed_run_again(run: RunDirectory) -> None:
    leave(run, COMPLETED)
    assert find_or_train(run, "ab", rerun=True, train=lambda: {"test/error": 0.5}) == {
        "test/error": 0.5
    }


def test_a_completed_run_on_other_data_is_refused(run: RunDirectory) -> None:
    leave(run, COMPLETED)
    with pytest.raises(RefusedError, match="holds another run"):
        find_or_train(run, "cd", rerun=False, train=never)


def test_a_run_that_exits_has_failed(run: RunDirectory) -> None:
    with pytest.raises(ExitedError, match=r"the run's own code called sys.exit\(0\)") as error:
        find_or_train(run, "ab", rerun=False, train=lambda: sys.exit(0))
    assert error.value.exit_code == 1


def test_another_run_in_a_directory_is_refused_before_a_sweep_begins(run: RunDirectory) -> None:
    refuse_others(run, "cd", rerun=False)  # there is none
    leave(run, COMPLETED)
    refuse_others(run, "ab", rerun=False)
    refuse_others(run, "cd", rerun=True)
    with pytest.raises(RefusedError, match="holds another run"):
        refuse_others(run, "cd", rerun=False)
    (run.path / "run.json").write_text("damaged")
    refuse_others(run, "cd", rerun=False)  # its own job will say so


def test_the_summary_says_error_parameters_time_and_place() -> None:
    assert summary(FACTS, Path("runs/x")) == (
        "test error 2.26 %, 76,846 parameters, trained in 11.1 s, runs/x"
    )


def test_a_completed_run_of_another_version_of_the_code_is_said_to_be_one(
    run: RunDirectory, capsys: pytest.CaptureFixture[str]
) -> None:
    git = {"commit": "b712488" + 33 * "0", "dirty": False}
    with run.locked():
        run.begin(CONFIG, PROVENANCE, rerun=False)
        run.write(COMPLETED, PROVENANCE | {"git": git}, **FACTS)
    assert find_or_train(run, "ab", rerun=False, train=never) == METRICS
    assert capsys.readouterr().err == (
        "1 run was made by another version of the code (b712488); it is kept and counted\n"
    )


def test_a_completed_run_is_found_while_another_process_holds_its_lock(run: RunDirectory) -> None:
    leave(run, COMPLETED)
    with run.locked():
        assert find_or_train(run, "ab", rerun=False, train=never) == METRICS


def test_an_error_of_the_disk_names_a_path(run: RunDirectory) -> None:
    def fail(*place: str) -> dict[str, float]:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), *place)

    with pytest.raises(OSError, match="No space") as error:
        find_or_train(run, "ab", rerun=False, train=fail)
    assert error.value.filename == str(run.path)
    with pytest.raises(OSError, match="No space") as error:
        find_or_train(run, "ab", rerun=False, train=lambda: fail("a/file"))
    assert error.value.filename == "a/file"
