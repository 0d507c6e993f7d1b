"""run.json: what a run says about itself. Written whole or not at all."""

import json
from pathlib import Path
from typing import Any

from project.config.errors import ConflictError
from project.runs.atomic import write_text

SCHEMA = 2
RECORD = "run.json"
COMPLETED, RUNNING, FAILED, INTERRUPTED = "completed", "running", "failed", "interrupted"
WAY_OUT = "move that directory aside, or pass rerun=true, to run it again"


class NoRunError(Exception):
    """There is no completed run where one was named."""

    exit_code = 2


class CorruptRunError(Exception):
    """A file of the run cannot be read."""

    exit_code = 3


class RunLockedError(ConflictError):
    """Another process works on the run; it may be asked for again later."""


def read_record(directory: Path) -> dict[str, Any] | None:
    """Return the content of `directory`/run.json; None where there is none.

    Raises:
        CorruptRunError: The file is no run record of this version.
    """
    path = directory / RECORD
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise CorruptRunError(f"{path} is damaged ({error}); {WAY_OUT}") from None
    if not isinstance(record, dict) or record.get("schema") != SCHEMA:
        raise CorruptRunError(f"{path} is no run record of schema {SCHEMA}; {WAY_OUT}")
    missing = [
        key
        for key, kind in (
            ("status", str), ("seed", int), ("config", dict), ("name", str), ("variant", str),
            ("provenance", dict),
        )
        if not isinstance(record.get(key), kind)
    ]  # fmt: skip
    if missing:
        raise CorruptRunError(f"{path} lacks {', '.join(missing)}; {WAY_OUT}")
    return record


def completed_record(directory: Path) -> dict[str, Any] | None:
    """Return the record of a completed run; None for any other. Raises CorruptRunError."""
    record = read_record(directory)
    return record if record is not None and record["status"] == COMPLETED else None


def write_record(directory: Path, record: dict[str, Any]) -> None:
    """Write run.json, whole or not at all."""
    write_text(directory / RECORD, json.dumps(record, indent=2) + "\n")
