"""The steps of a run, the same for every command and launcher: find, lock, execute, record."""

import os
import shlex
import socket
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from project.runs.atomic import naming, write_text
from project.runs.interruption import Interrupted, StopFlag
from project.runs.log import log_failure, log_to
from project.runs.origin import check_stored, check_unchanged, platform_notice
from project.runs.provenance import provenance, uncommitted_changes
from project.runs.record import COMPLETED, FAILED, INTERRUPTED, RUNNING, SCHEMA, write_record
from project.runs.spec import Execute, RunSpec


class ExitedError(Exception):
    """The code of a run called sys.exit, so the run has failed."""

    exit_code = 1


class DivergedError(Exception):
    """The loss became infinite or NaN, so the run failed; a search counts this as an outcome."""

    exit_code = 1


def load_or_run(spec: RunSpec, execute: Execute) -> dict[str, Any]:
    """Return the record of the run, which is executed first unless it is completed.

    With `spec.rerun` it is executed in any case; what its directory holds goes to the trash unread.

    Raises:
        ConflictError: The directory holds another run, other data or other code were used for it, a
            link leads out of the output folder, or another process works on the run.
        CorruptRunError: The stored record cannot be read.
        ExitedError: The run's own code called sys.exit.
        Exception: What `execute` raises; an OSError names a path.
    """
    directory = spec.directory
    directory.refuse_links_outside()
    # Without the lock, so that a completed run can be read in a read-only folder.
    if (record := _found(spec)) is not None:
        return record
    with directory.locked():
        # Again, because another process may have completed the run meanwhile.
        if (record := _found(spec)) is not None:
            return record
        try:
            with naming(directory.path):
                record = run(spec, execute)
        except SystemExit as error:
            raise ExitedError(f"the run's own code called sys.exit({error.code!r})") from error
    print(f"{spec.run.name}: {summary(record, directory.path)}")
    return record


def _found(spec: RunSpec) -> dict[str, Any] | None:
    if (record := check_stored(spec)) is None:
        return None
    print(f"{spec.run.name}: already completed, {summary(record, spec.directory.path)}")
    if notice := platform_notice(spec, [record]):
        print(notice, file=sys.stderr)
    return record


def run(spec: RunSpec, execute: Execute) -> dict[str, Any]:
    """Execute the run, write its record, and return it. The caller must hold the run's lock.

    The record says `running` at first, then `completed`, `interrupted` or `failed`.

    Raises:
        ConflictError: The code has changed since the run was prepared.
        Exception: What `execute` raises; it is recorded.
    """
    check_unchanged(spec)
    directory, started = spec.directory.path, time.monotonic()
    record = _begin(spec)
    with StopFlag() as stop, log_to(directory / "run.log"):
        try:
            result = execute(spec, stop)
        except Interrupted:
            write_record(directory, record | {"status": INTERRUPTED})
            print(
                f"{spec.run.name}: run the same command again to continue from here",
                file=sys.stderr,
            )
            raise
        except (Exception, SystemExit) as error:
            # On a full disk both may fail; the user must still see the first error.
            with suppress(OSError):
                log_failure(error)
            record |= {"status": FAILED, "error": f"{type(error).__name__}: {error}"}
            if isinstance(error, DivergedError):
                record["diverged"] = True
            with suppress(OSError):
                write_record(directory, record)
            raise
    sources, machine = record["provenance"], dict(result.machine)
    sources["device"] = machine.pop("device", "cpu")
    sources["machine"] |= machine
    sources["data"] = spec.data | result.data
    record |= {
        "status": COMPLETED,
        "parameters": result.parameters,
        "metrics": result.metrics,
        "seconds": {"training": result.training_seconds, "session": time.monotonic() - started},
        "ended": datetime.now(UTC).isoformat(timespec="seconds"),
        **result.facts,
    }
    write_record(directory, record)
    return record


def _begin(spec: RunSpec) -> dict[str, Any]:
    """Create or keep the directory of a run, write its record, and return that."""
    config, began = spec.config, datetime.now(UTC)
    spec.directory.begin(config, spec.rerun)
    sources = provenance(spec.threads) | {"code": spec.code, "data": spec.data}
    if spec.accepts_code:
        sources["code_accepted"] = True
    if sources["git"]["dirty"] and (diff := uncommitted_changes()):
        write_text(spec.directory.path / "code.diff", diff)
    record = {
        "schema": SCHEMA,
        "status": RUNNING,
        "command": spec.command,
        "model": spec.run.model,
        "data": spec.data.get("name", spec.command),
        "task": (config.get("task") or {}).get("name", spec.command),
        "variant": spec.run.hash,
        "name": spec.run.name,
        "seed": spec.run.seed,
        "metric": config.get("metric") or {"name": "error", "direction": "min"},
        "config": config,
        "tags": config.get("tags", []),
        "notes": config.get("notes", ""),
        "process": {"pid": os.getpid(), "host": socket.gethostname()},
        "started": began.isoformat(timespec="seconds"),
        "typed": spec.typed,
        "overrides": list(spec.overrides),
        "provenance": sources,
    }
    write_record(spec.directory.path, record)
    return record


def summary(record: Mapping[str, Any], directory: Path) -> str:
    """Return one line about the result of a completed run."""
    name = record["metric"]["name"]
    value = record["metrics"].get(f"test/{name}")
    is_number = isinstance(value, int | float)
    result = f"test {name} {metric_text(name, value)}, " if is_number else ""
    return (
        f"{result}{record['parameters']:,} parameters, trained in "
        f"{record['seconds']['training']:.1f} s, {directory}"
    )


def metric_text(name: str, value: float) -> str:
    """Return a metric's value as text; errors and accuracies, shares of 1, in percent."""
    is_share = name.split("_")[-1] in ("error", "accuracy")
    return f"{100 * value:.2f} %" if is_share else f"{value:.4g}"


def typed_command() -> str:
    """Return the command line of this process, quoted for a shell."""
    return shlex.join(sys.orig_argv)
