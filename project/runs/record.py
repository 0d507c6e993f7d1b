"""run.json, the run record, which is written whole or not at all."""

import json
import re
from pathlib import Path
from typing import Any

from project.config.errors import ConflictError
from project.runs.atomic import write_text

SCHEMA = 2
RECORD = "run.json"
COMPLETED, RUNNING, FAILED, INTERRUPTED = "completed", "running", "failed", "interrupted"
STATUSES = (COMPLETED, RUNNING, FAILED, INTERRUPTED)
WAY_OUT = "move that directory aside, or pass rerun=true, to run it again"

KEYS = {"seed": int, "config": dict, "name": str, "variant": str, "provenance": dict}
KEYS_OF_COMPLETED = {"parameters": int, "metric": dict, "metrics": dict, "seconds": dict}


class NoRunError(Exception):
    """There is no run, or no completed run, where one was named."""

    exit_code = 2


class CorruptRunError(Exception):
    """A stored file, such as a run record, is damaged or has an unknown format."""

    exit_code = 3


class RunLockedError(ConflictError):
    """Another process works on the run; a later attempt may succeed."""


def read_record(directory: Path) -> dict[str, Any] | None:
    """Return the run record in `directory`, None without one; raise CorruptRunError if damaged."""
    path = directory / RECORD
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CorruptRunError(f"{path} is damaged ({error}); {WAY_OUT}") from None
    if not isinstance(record, dict) or record.get("schema") != SCHEMA:
        raise CorruptRunError(f"{path} is not a run record of schema {SCHEMA}; {WAY_OUT}")
    if lacking := _lacking(record):
        raise CorruptRunError(f"{path} lacks {', '.join(lacking)}; {WAY_OUT}")
    return record


def _lacking(record: dict[str, Any]) -> list[str]:
    """Return the required keys that a record lacks or that have a value of a wrong kind."""
    status = record.get("status")
    keys = KEYS | (KEYS_OF_COMPLETED if status == COMPLETED else {})
    lacking = [key for key, kind in keys.items() if type(record.get(key)) is not kind]
    if lacking or status not in STATUSES:
        return lacking + ["status"] * (status not in STATUSES)
    if not re.fullmatch(r"[\w.-]+/seed_[0-9]+", record["name"], re.ASCII):
        lacking.append("name")
    for section in ("git", "code", "data"):
        if not isinstance(record["provenance"].get(section) or {}, dict):
            lacking.append(f"provenance.{section}")
    if status == COMPLETED:
        if not isinstance(record["seconds"].get("training"), int | float):
            lacking.append("seconds.training")
        if not isinstance(record["metric"].get("name"), str):
            lacking.append("metric.name")
    return lacking


def completed_record(directory: Path) -> dict[str, Any] | None:
    """Return the record of a completed run, else None; raise as `read_record`."""
    record = read_record(directory)
    return record if record is not None and record["status"] == COMPLETED else None


def write_record(directory: Path, record: dict[str, Any]) -> None:
    """Write `record` to run.json in `directory`, whole or not at all."""
    write_text(directory / RECORD, json.dumps(record, indent=2) + "\n")
