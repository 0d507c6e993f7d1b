"""Claims: what the command prints, its exit codes, and that it leaves nothing behind."""

import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from project.checks.result import failed, not_checked, ok, warning
from project.checks.run import ORDER
from project.checks.table import print_json, print_table
from tests.checks.checking import WORDS, broken
from tests.commands import ROOT
from tests.small_runs import type_command

RESULTS = [
    ok("one step", "loss 1.1"),
    warning("inputs", "mean 1000, std 1", "standardise them"),
    failed("leakage", "1 of 60 test examples are in train too", "remove them"),
    not_checked("shuffled labels", "the task does not say how"),
]


def test_a_hidden_dependence_on_the_interpreter_fails_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole command, with runs in an interpreter whose strings have other hashes."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    end = type_command("project.check", *WORDS, *broken(model="HashNet"), "--json")
    answer = json.loads(end.output)
    statuses = {each["name"]: each["status"] for each in answer["checks"]}
    assert end.exit_code == 1
    assert [name for name, status in statuses.items() if status == "failed"] == [
        "same seed, same bits"
    ]
    assert list(statuses) == [name for name in ORDER if name != "other variants"]
    assert answer["failed"] == 1
    assert answer["experiment"].startswith("blobs-blobs-")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["thorough=yes"], "error: thorough=yes: must be true or false"),
        (["--jsn"], "error: unknown flag --jsn"),
        (["model"], "error: 'model' is not an override; use KEY=VALUE"),
        (["verify=runs/x"], "error: verify= is an option of project.train; leave it out"),
        (["model=ws_all"], "error: unknown model 'ws_all'; did you mean 'ws_al'?"),
        (["optimizer.lrr=1"], "error: unknown key 'optimizer.lrr'"),
    ],
)
def test_bad_input_is_refused_before_anything_is_built(words: list[str], message: str) -> None:
    end = type_command("project.check", *words)
    assert (end.exit_code, end.output) == (2, "")
    assert end.errors.startswith(message)


def test_help_is_about_the_command() -> None:
    end = type_command("project.check", "--help")
    assert end.exit_code == 0
    assert end.output.startswith("python -m project.check: check net, task and data")


def test_the_table_fits_a_file_of_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("blobs/seed_0", RESULTS, 12.3)
    lines = capsys.readouterr().out.splitlines()
    assert [line.rstrip() for line in lines] == [
        "blobs/seed_0",
        "check                         seen, and what to do",
        "one step         ok           loss 1.1",
        "inputs           warning      mean 1000, std 1",
        "                              -> standardise them",
        "leakage          failed       1 of 60 test examples are in train too",
        "                              -> remove them",
        "shuffled labels  not checked  the task does not say how",
        "4 checks: 1 ok, 1 warning, 1 failed, 1 not checked; 12 s",
    ]
    assert max(map(len, lines)) <= 80


def test_machines_get_every_result(capsys: pytest.CaptureFixture[str]) -> None:
    print_json("blobs/seed_0", RESULTS[:2], 12.34)
    assert json.loads(capsys.readouterr().out) == {
        "experiment": "blobs/seed_0",
        "failed": 0,
        "seconds": 12.3,
        "checks": [
            {"name": "one step", "status": "ok", "seen": "loss 1.1", "to_do": ""},
            {
                "name": "inputs",
                "status": "warning",
                "seen": "mean 1000, std 1",
                "to_do": "standardise them",
            },
        ],
    }


@pytest.mark.faults
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_and_nothing_is_left(number: signal.Signals, tmp_path: Path) -> None:
    command = subprocess.Popen(
        [sys.executable, "-m", "project.check", *WORDS],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while not list(tmp_path.glob("check-*/again/runs/*/seed_0/run.json")):
        assert command.poll() is None
        time.sleep(0.05)
    command.send_signal(number)
    errors = command.communicate(timeout=60)[1]
    assert command.returncode == 128 + number
    assert errors.startswith(f"interrupted by {number.name}\nto go on: ")
    assert errors.endswith(" -m project.check " + shlex.join(WORDS) + "\n")
    assert list(tmp_path.iterdir()) == []
    # Its processes end with it.
    deadline = time.monotonic() + 10
    while (left := processes_of(command.pid)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert left == []


def processes_of(session: int) -> list[str]:
    """Return the processes of a session, as ps names them."""
    listed = subprocess.run(
        ["ps", "-o", "pid=,args=", "--sid", str(session)], capture_output=True, text=True
    )
    return listed.stdout.splitlines()
