"""run.json is read whole or named as damaged; what comes back is what was written."""

import json
from pathlib import Path
from typing import Any

import pytest

from project.runs.record import (
    WAY_OUT,
    CorruptRunError,
    completed_record,
    read_record,
    write_record,
)

RUNNING: dict[str, Any] = {
    "schema": 2, "status": "running", "seed": 3, "config": {"seed": 3}, "variant": "01234567",
    "name": "ws_al-01234567/seed_3", "provenance": {"git": {}, "code": None},
}  # fmt: skip
COMPLETED = RUNNING | {
    "status": "completed", "parameters": 9, "metric": {"name": "error", "direction": "min"},
    "metrics": {"test/error": 0.1}, "seconds": {"training": 1.0, "session": 2},
}  # fmt: skip


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    assert read_record(tmp_path) is None
    assert read_record(tmp_path / "nowhere") is None
    for record in (RUNNING, COMPLETED):
        write_record(tmp_path, record)
        assert read_record(tmp_path) == record
    assert completed_record(tmp_path) == COMPLETED
    write_record(tmp_path, RUNNING | {"status": "failed"})
    assert completed_record(tmp_path) is None


DAMAGED = [
    pytest.param(b"", id="empty"),
    pytest.param(b'{"schema": 2, "status"', id="truncated"),
    pytest.param(b"\xff\xfe", id="no UTF-8"),
    pytest.param(b"[1]", id="no object"),
    pytest.param(b'{"schema": 1}', id="another schema"),
    pytest.param(b"{}", id="no schema"),
    pytest.param(b"[" * 100_000, id="too deep"),
]


@pytest.mark.parametrize("content", DAMAGED)
def test_a_damaged_record_is_named_with_the_way_out(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "run.json").write_bytes(content)
    with pytest.raises(CorruptRunError) as error:
        read_record(tmp_path)
    assert str(error.value).startswith(f"{tmp_path / 'run.json'} is ")
    assert str(error.value).endswith(f"; {WAY_OUT}")
    assert error.value.exit_code == 3


@pytest.mark.parametrize(
    ("change", "lacking"),
    [
        ({"seed": "3"}, "seed"),
        ({"seed": True}, "seed"),
        ({"config": None, "name": 1}, "config, name"),
        ({"status": "done"}, "status"),
        ({"status": None}, "status"),
        ({"name": "../x/seed_3"}, "name"),
        ({"name": "a/b/seed_3"}, "name"),
        ({"name": "a\x1b[2J/seed_3"}, "name"),
        ({"provenance": {"code": [1]}}, "provenance.code"),
        ({"parameters": 1.5}, "parameters"),
        ({"metrics": []}, "metrics"),
        ({"seconds": {}}, "seconds.training"),
        ({"metric": {"name": 3}}, "metric.name"),
    ],
)
def test_a_record_that_lacks_what_readers_need_is_damaged(
    tmp_path: Path, change: dict[str, Any], lacking: str
) -> None:
    (tmp_path / "run.json").write_text(json.dumps(COMPLETED | change))
    with pytest.raises(CorruptRunError, match=rf"run\.json lacks {lacking}; move that directory"):
        read_record(tmp_path)


def test_a_run_that_is_not_completed_needs_no_metrics(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(json.dumps(RUNNING | {"parameters": "?", "metrics": None}))
    assert read_record(tmp_path) is not None
