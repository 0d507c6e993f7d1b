"""A run is executed once, under its lock, and found again afterwards."""

import errno
import json
import os
import re
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from project.config.errors import ConflictError
from project.runs import lifecycle
from project.runs.code import fingerprint
from project.runs.interruption import Interrupted, StopFlag
from project.runs.lifecycle import (
    DivergedError,
    ExitedError,
    load_or_run,
    metric_text,
    summary,
)
from project.runs.record import CorruptRunError, RunLockedError, read_record
from project.runs.spec import Result, RunSpec
from tests.runs.specs import CODE, DATA, RESULT, execute, make_spec, never


def stored(spec: RunSpec) -> dict[str, Any]:
    record = read_record(spec.directory.path)
    assert record is not None
    return record


def test_a_run_leaves_a_record_with_everything_that_it_comes_from(tmp_path: Path) -> None:
    spec = make_spec(tmp_path, ("tags", ["a"]), ("notes", "b"))
    record = load_or_run(spec, execute)
    assert record == stored(spec) == json.loads((spec.directory.path / "run.json").read_text())
    assert record | {"provenance": {}, "seconds": {}, "started": "", "ended": ""} == {
        "schema": 2, "status": "completed", "command": "train", "model": "ws_al",
        "data": "epfl_pairs", "task": "digit_pairs", "variant": spec.run.hash,
        "name": spec.run.name, "seed": 3, "metric": {"name": "error", "direction": "min"},
        "config": spec.config, "tags": ["a"], "notes": "b",
        "process": {"pid": os.getpid(), "host": socket.gethostname()},
        "typed": "python -m project.train seed=3", "overrides": ["seed=3"],
        "parameters": 76_846, "metrics": RESULT.metrics, "epochs": 25, "stopped_early": False,
        "provenance": {}, "seconds": {}, "started": "", "ended": "",
    }  # fmt: skip
    assert record["seconds"]["training"] == 11.12
    assert record["seconds"]["session"] >= 0
    assert datetime.fromisoformat(record["started"]) <= datetime.fromisoformat(record["ended"])
    sources = record["provenance"]
    assert sources["code"] == CODE
    assert sources["data"] == DATA | {"test": "7e" * 32}
    assert (sources["device"], sources["machine"]["cpu_capability"]) == ("cpu", "AVX2")
    assert sources["threads"] == 1
    assert "code_accepted" not in sources


def test_the_configuration_is_stored_as_it_was_resolved(tmp_path: Path) -> None:
    spec = make_spec(tmp_path, ("notes", "größer \udcff"))
    load_or_run(spec, execute)
    text = (spec.directory.path / "config.yaml").read_text()
    assert yaml.safe_load(text) == spec.config
    assert list(yaml.safe_load(text)) == list(spec.config)


def test_a_completed_run_is_found_and_not_executed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = make_spec(tmp_path)
    first = load_or_run(spec, execute)
    line = (
        f"{spec.run.name}: test error 2.26 %, 76,846 parameters, trained in 11.1 s, "
        f"{spec.directory.path}\n"
    )
    assert capsys.readouterr().out == line
    assert load_or_run(spec, never) == first
    assert capsys.readouterr().out == line.replace(": test", ": already completed, test")


def test_an_unfinished_run_is_executed_under_its_lock(tmp_path: Path) -> None:
    spec = make_spec(tmp_path)

    def interrupted(spec: RunSpec, stop: StopFlag) -> Result:
        execute(spec, stop)
        raise Interrupted(signal.SIGINT)

    with pytest.raises(Interrupted):
        load_or_run(spec, interrupted)
    assert stored(spec)["status"] == "interrupted"

    def resumed(spec: RunSpec, stop: StopFlag) -> Result:
        assert stored(spec)["status"] == "running"
        assert (spec.directory.path / "last.ckpt").read_bytes() == b"weights"
        with pytest.raises(RunLockedError), spec.directory.locked():
            pass
        return RESULT

    assert load_or_run(spec, resumed)["status"] == "completed"


def test_a_signal_is_handed_to_what_is_executed_and_a_second_one_is_not_held_back(
    tmp_path: Path,
) -> None:
    def signalled(spec: RunSpec, stop: StopFlag) -> Result:
        os.kill(os.getpid(), signal.SIGTERM)
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        stop.check()
        raise AssertionError("not stopped")

    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Interrupted, match="interrupted by SIGTERM") as error:
        load_or_run(make_spec(tmp_path), signalled)
    assert error.value.exit_code == 143
    assert signal.getsignal(signal.SIGTERM) is before


def test_rerun_makes_a_completed_run_again_and_keeps_the_old_one(tmp_path: Path) -> None:
    spec = make_spec(tmp_path)
    first = load_or_run(spec, execute)

    def better(spec: RunSpec, stop: StopFlag) -> Result:
        assert not (spec.directory.path / "last.ckpt").exists()
        return replace(RESULT, parameters=1)

    again = load_or_run(replace(spec, rerun=True), better)
    assert (first["parameters"], again["parameters"]) == (76_846, 1)
    old = tmp_path / "trash" / f"{spec.run.name}.1"
    assert read_record(old) == first
    assert (old / "last.ckpt").read_bytes() == b"weights"
    load_or_run(replace(spec, rerun=True), execute)
    assert (tmp_path / "trash" / f"{spec.run.name}.2" / "run.json").exists()


@pytest.mark.parametrize(
    ("error", "facts"),
    [
        (RuntimeError("out of luck"), {"error": "RuntimeError: out of luck"}),
        (DivergedError("the loss became nan"),
         {"error": "DivergedError: the loss became nan", "diverged": True}),
    ],
)  # fmt: skip
def test_a_failure_is_recorded_and_begun_again(
    tmp_path: Path, error: Exception, facts: dict[str, Any]
) -> None:
    spec = make_spec(tmp_path)

    def fails(spec: RunSpec, stop: StopFlag) -> Result:
        raise error

    with pytest.raises(type(error)):
        load_or_run(spec, fails)
    record = stored(spec)
    assert record["status"] == "failed"
    assert {key: record.get(key) for key in facts} == facts
    assert ("diverged" in record) == ("diverged" in facts)
    assert "the run failed" in (spec.directory.path / "run.log").read_text()
    assert load_or_run(spec, execute)["status"] == "completed"
    assert "error" not in stored(spec)


def test_code_that_exits_has_failed(tmp_path: Path) -> None:
    def exits(spec: RunSpec, stop: StopFlag) -> Result:
        sys.exit(0)

    with pytest.raises(ExitedError, match=r"the run's own code called sys.exit\(0\)") as error:
        load_or_run(make_spec(tmp_path), exits)
    assert error.value.exit_code == 1


def test_an_error_of_the_disk_names_a_path(tmp_path: Path) -> None:
    spec = make_spec(tmp_path)

    def full(*place: str) -> Callable[[RunSpec, StopFlag], Result]:
        def fails(spec: RunSpec, stop: StopFlag) -> Result:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), *place)

        return fails

    with pytest.raises(OSError, match="No space") as error:
        load_or_run(spec, full())
    assert error.value.filename == str(spec.directory.path)
    with pytest.raises(OSError, match="No space") as error:
        load_or_run(spec, full("a/file"))
    assert error.value.filename == "a/file"


def test_a_completed_run_is_found_while_another_process_holds_its_lock(tmp_path: Path) -> None:
    spec = make_spec(tmp_path)
    first = load_or_run(spec, execute)
    with spec.directory.locked():
        assert load_or_run(spec, never) == first


def test_a_run_that_was_completed_in_the_meantime_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = make_spec(tmp_path)
    first = load_or_run(spec, execute)
    answers = iter([None, first])
    monkeypatch.setattr(lifecycle, "check_stored", lambda spec: next(answers))
    assert load_or_run(spec, never) == first


def test_another_run_in_a_directory_is_refused(tmp_path: Path) -> None:
    spec, other = make_spec(tmp_path), make_spec(tmp_path, ("optimizer.lr", 0.5))
    load_or_run(other, execute)
    spec.directory.path.parent.mkdir(parents=True)
    other.directory.path.rename(spec.directory.path)
    with pytest.raises(ConflictError) as error:
        load_or_run(spec, never)
    assert str(error.value) == (
        f"{spec.directory.path} holds another run, {other.run.name}; move it to the directory of "
        "that name, or pass rerun=true"
    )
    assert load_or_run(replace(spec, rerun=True), execute)["name"] == spec.run.name


def test_a_damaged_record_is_named_and_rerun_is_the_way_out(tmp_path: Path) -> None:
    spec = make_spec(tmp_path)
    load_or_run(spec, execute)
    (spec.directory.path / "run.json").write_text("{")
    with pytest.raises(CorruptRunError, match=r"run\.json is damaged .* rerun=true"):
        load_or_run(spec, never)
    assert load_or_run(replace(spec, rerun=True), execute)["status"] == "completed"
    assert (tmp_path / "trash" / f"{spec.run.name}.1" / "run.json").read_text() == "{"


def test_runs_of_another_version_of_the_platform_are_kept_with_a_notice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = make_spec(tmp_path)
    load_or_run(spec, execute)
    load_or_run(replace(spec, code=CODE | {"platform": "1e" * 32}), never)
    assert capsys.readouterr().err == (
        "1 run was trained by another version of the platform's own code; kept and counted\n"
    )


def test_code_that_changed_since_the_command_was_typed_is_not_recorded_as_it_was(
    tmp_path: Path, own_modules: Callable[[str, str], Path]
) -> None:
    """A sweep prepares all its jobs at once; hours later a job imports what is there then."""
    path = own_modules("mine", "class Net:\n    size = 1\n")
    spec = make_spec(tmp_path, code=fingerprint(["mine.Net"]), targets=("mine.Net",))
    own_modules("mine", "class Net:\n    size = 2\n")
    with pytest.raises(ConflictError) as error:
        load_or_run(spec, never)
    assert f"mine.Net in {path}" in str(error.value)
    assert not spec.directory.path.exists()
    own_modules("mine", "class Net:\n    size = 1\n")
    assert load_or_run(spec, execute)["status"] == "completed"


def test_changes_that_git_does_not_know_of_are_kept_beside_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def state() -> dict[str, Any]:
        return {"git": {"commit": 40 * "a", "dirty": True}, "machine": {}}

    monkeypatch.setattr(lifecycle, "provenance", lambda threads: state())
    monkeypatch.setattr(lifecycle, "uncommitted_changes", lambda: "diff --git ...\n")
    spec = make_spec(tmp_path)
    load_or_run(spec, execute)
    assert (spec.directory.path / "code.diff").read_text() == "diff --git ...\n"


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("error", 0.0226, "2.26 %"),
        ("digit_error", 0.5, "50.00 %"),
        ("accuracy", 1, "100.00 %"),
        ("auc", 0.98765, "0.9877"),
        ("loss", 12345.6, "1.235e+04"),
    ],
)
def test_shares_are_shown_in_percent(name: str, value: float, text: str) -> None:
    assert metric_text(name, value) == text


def test_a_summary_says_metric_parameters_time_and_place() -> None:
    record = {"metric": {"name": "auc"}, "metrics": {"test/auc": 0.75}, "parameters": 1234,
              "seconds": {"training": 2.04}}  # fmt: skip
    assert summary(record, Path("runs/x")) == (
        "test auc 0.75, 1,234 parameters, trained in 2.0 s, runs/x"
    )
    assert summary(record | {"metrics": {}}, Path("x")).startswith("1,234 parameters")
    assert re.match("1,234", summary(record | {"metrics": {"test/auc": "no"}}, Path("x")))
