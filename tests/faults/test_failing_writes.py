"""Whatever write fails, and whenever: every file is the old or the new one, and the run goes on.

A run is disturbed at each of its calls in turn, then the same command is typed again.
"""

import csv
import errno
import io
import json
import os
from pathlib import Path

import numpy as np
import pytest
import yaml

from project.training.checkpoint import AtomicCheckpointIO
from tests.faults.failing_disk import FailingDisk
from tests.faults.results import Result
from tests.small_runs import only_run, run_small


def assert_whole(outputs: Path, undisturbed: Result) -> None:
    """Every file of the run is one that an undisturbed run holds at some moment."""
    for path in outputs.glob("runs/*/seed_0/*"):
        if path.name == "run.json":
            json.loads(path.read_text())
        elif path.name == "config.yaml":
            stored = yaml.safe_load(path.read_text())
            assert (stored["seed"], stored["paths"]["outputs"]) == (0, str(outputs))
        elif path.name == "history.csv":
            rows = list(csv.reader(io.StringIO(path.read_text())))
            whole = list(csv.reader(io.StringIO(undisturbed.history.decode())))
            assert len(rows) > 1
            assert rows == whole[: len(rows)]
        elif path.suffix == ".ckpt":
            AtomicCheckpointIO().load_checkpoint(path)
        elif path.name == "predictions.npz":
            assert len(np.load(path)["prediction"]) == 20
        else:
            assert path.name in ("run.log", "code.diff"), path


BEYOND_ONE_PROOF = pytest.mark.faults


@pytest.mark.parametrize(
    ("kind", "error", "lasting"),
    [
        pytest.param("rename", errno.EIO, False, id="rename"),
        pytest.param("write", errno.EIO, False, id="write", marks=BEYOND_ONE_PROOF),
        pytest.param("write", errno.ENOSPC, True, id="write-and-after", marks=BEYOND_ONE_PROOF),
        pytest.param("fsync", errno.EIO, False, id="fsync", marks=BEYOND_ONE_PROOF),
    ],
)
def test_whichever_call_fails_no_file_is_half_and_the_run_goes_on(
    undisturbed: Result,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    error: int,
    lasting: bool,
) -> None:
    with monkeypatch.context() as patch:
        disk = FailingDisk(tmp_path, patch)
        assert run_small(tmp_path / "counted").exit_code == 0
        calls = disk.counts[kind]
        assert calls > 0
        for number in range(1, calls + 1):
            outputs = tmp_path / f"{number}"
            disk.fail(kind, number, error, lasting)
            failed = run_small(outputs)
            assert failed.exit_code == 3, (number, failed)
            assert disk.counts[kind] >= number
            (message,) = [each for each in failed.errors.splitlines() if each[:6] == "error:"]
            assert message.startswith(f"error: {os.strerror(error)} ({outputs}"), message
            assert "check the folder's rights and its free space" in message
            assert "Traceback" not in failed.errors
            assert_whole(outputs, undisturbed)
            disk.work()
            assert run_small(outputs).exit_code == 0, number
            undisturbed.assert_same(Result.of(only_run(outputs)))
