"""A run's directory: one worker, whole files, nothing overwritten, nothing mixed."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from project.runs.directory import (
    COMPLETED,
    RUNNING,
    DamagedRunError,
    HeldError,
    RefusedError,
    RunDirectory,
    lock_path,
    read_record,
)
from project.runs.identity import identify
from tests.runs.test_identity import CONFIG, changed

PROVENANCE = {"data": {"dataset": "mnist", "sha256": "ab"}, "threads": 1}
WAY_OUT = "move that directory aside, or pass rerun=true, to run it again"


def directory(outputs: Path, config: dict[str, Any] = CONFIG) -> RunDirectory:
    return RunDirectory(identify(config, "mnist"), outputs, identify)


@pytest.fixture
def begun(tmp_path: Path) -> RunDirectory:
    """A run that was begun and left."""
    run = directory(tmp_path)
    with run.locked():
        run.begin(CONFIG, PROVENANCE, rerun=False)
    return run


HOLDER = """
import sys, time
from pathlib import Path
from project.runs.directory import RunDirectory
from project.runs.identity import Run, identify
run = RunDirectory(Run(sys.argv[2], {"arm": 1}, 0), Path(sys.argv[1]), identify)
with run.locked():
    run.begin({}, {}, rerun=False)
    print("held", flush=True)
    time.sleep(60)
"""


def held_run(outputs: Path) -> RunDirectory:
    from project.runs.identity import Run

    return RunDirectory(Run("m", {"arm": 1}, 0), outputs, identify)


@contextmanager
def holder(outputs: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that works on the run."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(outputs), "m"], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def test_a_run_that_another_process_works_on_is_refused_naming_it(tmp_path: Path) -> None:
    run = held_run(tmp_path)
    with holder(tmp_path) as process:
        with pytest.raises(HeldError) as error, run.locked():
            pass
        assert str(error.value) == (
            f"{run.path} is being worked on by process {process.pid} on {socket.gethostname()}; "
            "wait for it, or stop it"
        )
        assert error.value.exit_code == 4


def test_a_holder_that_was_killed_is_no_obstacle(tmp_path: Path) -> None:
    run = held_run(tmp_path)
    with holder(tmp_path) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        with run.locked():
            record = run.record()
    assert record is not None
    assert record["status"] == RUNNING


def test_a_lock_is_given_back_also_after_an_error(tmp_path: Path) -> None:
    def fail() -> None:
        with directory(tmp_path).locked():
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    with directory(tmp_path).locked():
        pass


def test_other_runs_of_the_arm_are_not_locked(tmp_path: Path) -> None:
    with directory(tmp_path).locked(), directory(tmp_path, changed("seed", 4)).locked():
        pass


def test_nothing_is_created_before_the_lock_is_taken(tmp_path: Path) -> None:
    run = directory(tmp_path / "outputs")
    assert run.record() is None
    run.check_stored("ab")
    assert list(tmp_path.iterdir()) == []


def test_beginning_writes_the_configuration_and_the_status(begun: RunDirectory) -> None:
    assert sorted(path.name for path in begun.path.iterdir()) == ["config.yaml", "run.json"]
    stored = (begun.path / "config.yaml").read_text()
    assert yaml.safe_load(stored) == CONFIG
    assert list(yaml.safe_load(stored)) == list(CONFIG)
    assert json.loads((begun.path / "run.json").read_text()) == {
        "schema": 1,
        "status": "running",
        "model": "ws_al",
        "seed": 3,
        "arm": begun.run.arm_hash,
        "process": {"pid": os.getpid(), "host": socket.gethostname()},
        "provenance": PROVENANCE,
    }


def test_what_is_written_is_what_is_read(begun: RunDirectory) -> None:
    metrics = {"test/error": 0.0226}
    written = begun.write(COMPLETED, PROVENANCE, metrics=metrics, parameters=76_846)
    assert begun.record() == written == read_record(begun.path)
    assert (written["status"], written["metrics"]) == ("completed", metrics)
    assert written["parameters"] == 76_846


def test_beginning_again_removes_what_a_killed_process_was_writing(begun: RunDirectory) -> None:
    left = begun.path / ".last.ckpt.4711.tmp"
    left.write_bytes(b"half of the w")
    begun.begin(CONFIG, PROVENANCE, rerun=False)
    assert sorted(path.name for path in begun.path.iterdir()) == ["config.yaml", "run.json"]


def test_beginning_again_keeps_the_files_for_resuming(begun: RunDirectory) -> None:
    (begun.path / "last.ckpt").write_bytes(b"weights")
    before = (begun.path / "config.yaml").read_bytes()
    begun.begin(changed("paths.outputs", "elsewhere"), PROVENANCE, rerun=False)
    assert (begun.path / "last.ckpt").read_bytes() == b"weights"
    assert (begun.path / "config.yaml").read_bytes() == before


def test_a_rerun_moves_the_old_run_aside_and_overwrites_none(begun: RunDirectory) -> None:
    for mark in (b"first", b"second"):
        (begun.path / "last.ckpt").write_bytes(mark)
        begun.begin(CONFIG, PROVENANCE, rerun=True)
        assert sorted(path.name for path in begun.path.iterdir()) == ["config.yaml", "run.json"]
    aside = [begun.path.with_name(f"seed=3.before-{number}") for number in (1, 2)]
    assert [(path / "last.ckpt").read_bytes() for path in aside] == [b"first", b"second"]
    assert sorted(path.name for path in aside[0].iterdir()) == [
        "config.yaml",
        "last.ckpt",
        "run.json",
    ]


def test_a_rerun_of_what_never_ran_just_begins(tmp_path: Path) -> None:
    run = directory(tmp_path)
    with run.locked():
        run.begin(CONFIG, PROVENANCE, rerun=True)
    names = sorted(path.name for path in run.path.parent.iterdir())
    assert [name for name in names if not name.startswith(".")] == ["seed=3"]


def test_the_stored_run_is_accepted_also_if_only_its_paths_differ(begun: RunDirectory) -> None:
    begun.check_stored("ab")
    elsewhere = yaml.safe_dump(changed("paths.data", "elsewhere"))
    (begun.path / "config.yaml").write_text(elsewhere)
    begun.check_stored("ab")


def test_another_configuration_in_the_place_of_the_stored_one_is_refused_with_a_diff(
    begun: RunDirectory,
) -> None:
    (begun.path / "config.yaml").write_text(yaml.safe_dump(changed("optimizer.lr", 0.5)))
    with pytest.raises(RefusedError) as error:
        begun.check_stored("ab")
    lines = str(error.value).splitlines()
    assert lines[0] == f"{begun.path} holds another run than its name says:"
    assert lines[1:3] == ["--- stored", "+++ asked for"]
    changes = [line for line in lines[3:] if line.startswith(("+", "-"))]
    assert changes == ['-      "lr": 0.5', '+      "lr": 1']
    assert error.value.exit_code == 4


def test_other_data_than_the_stored_run_had_is_refused_with_a_diff(begun: RunDirectory) -> None:
    with pytest.raises(RefusedError) as error:
        begun.check_stored("cd")
    changes = [line for line in str(error.value).splitlines() if line.startswith(("+ ", "- "))]
    assert changes == ['-  "data sha256": "ab",', '+  "data sha256": "cd",']


DAMAGED = [
    pytest.param(b"", id="empty"),
    pytest.param(b'{"schema": 1, "status"', id="truncated"),
    pytest.param(b"\xff\xfe", id="no UTF-8"),
    pytest.param(b"[1]", id="no object"),
    pytest.param(b'{"schema": 2}', id="another schema"),
    pytest.param(b"{}", id="no schema"),
]


@pytest.mark.parametrize("content", DAMAGED)
def test_a_damaged_record_is_named_with_the_way_out(begun: RunDirectory, content: bytes) -> None:
    path = begun.path / "run.json"
    path.write_bytes(content)
    with pytest.raises(DamagedRunError) as error:
        begun.record()
    assert str(error.value).startswith(f"{path} is ")
    assert str(error.value).endswith(f"; {WAY_OUT}")
    assert error.value.exit_code == 3
    with pytest.raises(DamagedRunError):
        begun.check_stored("ab")


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"seed: 1", b"[1]"])
def test_a_damaged_configuration_is_named_with_the_way_out(
    begun: RunDirectory, content: bytes
) -> None:
    path = begun.path / "config.yaml"
    path.write_bytes(content)
    with pytest.raises(DamagedRunError) as error:
        begun.check_stored("ab")
    assert str(error.value).startswith(f"{path} cannot be read (")
    assert str(error.value).endswith(f"; {WAY_OUT}")


def test_a_damaged_record_does_not_hide_that_the_run_is_locked(tmp_path: Path) -> None:
    run = held_run(tmp_path)
    with holder(tmp_path) as process:
        (run.path / "run.json").write_text("damaged")
        named = f"worked on by process {process.pid} on {socket.gethostname()};"
        with pytest.raises(HeldError, match=named), run.locked():
            pass


def test_a_holder_that_has_not_written_its_name_yet_is_a_holder(tmp_path: Path) -> None:
    run = held_run(tmp_path)
    with holder(tmp_path):
        lock_path(run.path).write_text("")
        with pytest.raises(HeldError, match=r"worked on by process \? on \?;"), run.locked():
            pass


@pytest.mark.parametrize("place", ["runs", "arm", "run"])
def test_a_link_that_leads_outside_the_outputs_is_refused(tmp_path: Path, place: str) -> None:
    outputs, outside = tmp_path / "outputs", tmp_path / "outside"
    outside.mkdir()
    run = directory(outputs)
    link = {"runs": outputs / "runs", "arm": run.path.parent, "run": run.path}[place]
    link.parent.mkdir(parents=True)
    link.symlink_to(outside)
    with pytest.raises(RefusedError) as error, run.locked():
        pass
    assert str(error.value) == (
        f"{run.path} leads outside {outputs} through a symbolic link; remove the link"
    )
    assert list(outside.iterdir()) == []


def test_the_output_root_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "outputs").symlink_to(tmp_path / "disk")
    run = directory(tmp_path / "outputs")
    with run.locked():
        run.begin(CONFIG, PROVENANCE, rerun=False)
    assert (tmp_path / "disk" / "runs" / run.run.name / "run.json").is_file()
