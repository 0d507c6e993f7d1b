"""The life of a run, the same for every command and launcher: found, locked, executed, recorded."""

import os
import shlex
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from project.config.errors import ConflictError
from project.config.identity import Run
from project.runs import code
from project.runs.atomic import name_path, write_text
from project.runs.directory import RunDirectory
from project.runs.interruption import Interrupted, StopFlag
from project.runs.log import LogFile, log_failure
from project.runs.provenance import provenance, uncommitted_changes
from project.runs.record import (
    COMPLETED,
    FAILED,
    INTERRUPTED,
    RUNNING,
    SCHEMA,
    CorruptRunError,
    read_record,
    write_record,
)


class ExitedError(Exception):
    """The code of a run has called sys.exit, which is no way for a run to end."""

    exit_code = 1


class DivergedError(Exception):
    """The loss became infinite or NaN: an answer, though none that can be averaged."""

    exit_code = 1


@dataclass(frozen=True)
class RunSpec:
    """A validated configuration with its run directory: all that a job has to know.

    Attributes:
        command: `train` or `disk`.
        config: Resolved plain values, as they are stored.
        run: Which run it is.
        outputs: The output folder.
        threads: How many threads compute.
        data: What is known of the data before they are read: `dataset`, `fetched_from`, `source`.
        code: Fingerprints of the code that decides the result (`project.runs.code`).
        typed: The command as it was typed.
        overrides: The words of the command line that lead to this configuration.
        rerun: Whether a completed run is to be made again.
        accepts_code: Whether runs of other code may be kept and extended.
        data_folder: Where the data are on this machine, if not where the configuration says.
    """

    command: str
    config: dict[str, Any]
    run: Run
    outputs: Path
    threads: int
    data: dict[str, Any]
    code: dict[str, Any]
    typed: str = ""
    overrides: tuple[str, ...] = ()
    rerun: bool = False
    accepts_code: bool = False
    data_folder: str | None = None

    @property
    def directory(self) -> RunDirectory:
        """The run directory."""
        return RunDirectory(self.run, self.outputs)

    def at_seed(self, seed: int, overrides: Sequence[str]) -> "RunSpec":
        """Return the run of the same variant at another seed.

        Args:
            seed: The seed.
            overrides: The words of the command line that lead to it.
        """
        return replace(
            self,
            config=self.config | {"seed": seed},
            run=replace(self.run, seed=seed),
            overrides=tuple(overrides),
        )


@dataclass(frozen=True)
class Result:
    """What an executed run leaves beside its files.

    Attributes:
        parameters: Number of trainable parameters.
        metrics: `train/...` and `val/...` of the last epoch, and `test/...`.
        training_seconds: Over all sessions, without start-up and the final test.
        facts: Further keys of the run record, such as `epochs`.
        data: Further keys of its provenance of data, such as `test`.
        machine: Further keys of its provenance, such as `device`.
    """

    parameters: int
    metrics: dict[str, float]
    training_seconds: float
    facts: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    machine: dict[str, Any] = field(default_factory=dict)


Execute = Callable[[RunSpec, StopFlag], Result]


def load_or_run(spec: RunSpec, execute: Execute) -> dict[str, Any]:
    """Return the record of the run: the stored one if it is completed, else a new one.

    Raises:
        ConflictError: Another run, other data or other code stand there, or a link leads outside.
        CorruptRunError: What stands there cannot be read.
        ExitedError: The run's own code called sys.exit.
        OSError: Naming a path.
    """
    directory = spec.directory
    directory.refuse_links_outside()
    # Without the lock: a completed run can be read where nothing can be written.
    if not spec.rerun and (record := _found(spec)) is not None:
        return record
    with directory.locked():
        # Again: another process may have completed it until now.
        if not spec.rerun and (record := _found(spec)) is not None:
            return record
        try:
            record = run(spec, execute)
        except SystemExit as error:
            raise ExitedError(f"the run's own code called sys.exit({error.code!r})") from error
        except OSError as error:
            name_path(error, directory.path)
            raise
    print(f"{spec.run.name}: {summary(record, directory.path)}")
    return record


def _found(spec: RunSpec) -> dict[str, Any] | None:
    record = check_stored(spec)
    if record is None or record["status"] != COMPLETED:
        return None
    print(f"{spec.run.name}: already completed, {summary(record, spec.directory.path)}")
    if notice := platform_notice(spec, [record]):
        print(notice, file=sys.stderr)
    return record


def check_stored(spec: RunSpec) -> dict[str, Any] | None:
    """Return the stored record if it is this very run's; None where there is none.

    Raises:
        ConflictError: It is another run, or one of other data or code.
    """
    record = read_record(spec.directory.path)
    if record is not None:
        if record["name"] != spec.run.name:
            raise ConflictError(
                f"{spec.directory.path} holds the run {record['name']}; move it to where its name "
                "says, or pass rerun=true"
            )
        check_origin(spec, record, str(spec.directory.path))
    return record


def check_variant(spec: RunSpec) -> None:
    """Raise ConflictError if runs of the variant, at any seed, have other data or other code.

    A record that cannot be read is left to its own run.
    """
    folder = spec.directory.path.parent
    for path in sorted(folder.glob("seed_*")):
        with suppress(CorruptRunError):
            record = read_record(path)
            if record is not None and (path != spec.directory.path or not spec.rerun):
                check_origin(spec, record, str(path))


def check_origin(spec: RunSpec, record: Mapping[str, Any], place: str) -> None:
    """Raise ConflictError unless a record's data and code are those of `spec`."""
    check_source(spec.data.get("source"), record, place)
    before, now = record["provenance"].get("code") or {}, spec.code
    if before.get("digest") == now["digest"] or spec.accepts_code:
        return
    changed = code.changed_definitions(before, now)
    lines = [f"  {name.replace(':', '.')} in {code.file_of(name) or '?'}" for name in changed[:10]]
    lines += [f"  and {len(changed) - 10} more"] if len(changed) > 10 else []
    commit = (record["provenance"].get("git") or {}).get("commit")
    shown = f"\nwhat changed since: git diff {commit[:10]}" if commit else ""
    raise ConflictError(
        f"{place} was made by other code than there is now:\n"
        + "\n".join(lines)
        + f"{shown}\nrerun=true makes the run again; code=accept keeps it beside the new ones, "
        "which is recorded and said wherever they are averaged"
    )


def check_source(source: str | None, record: Mapping[str, Any], place: str) -> None:
    """Raise ConflictError where a record's data files are known to be others than `source`."""
    stored = (record["provenance"].get("data") or {}).get("source")
    if None not in (source, stored) and source != stored:
        raise ConflictError(
            f"{place} was made with other data files (SHA-256 {str(stored)[:16]}..., now "
            f"{str(source)[:16]}...); restore them, give the new ones a name (data.name=NAME), or "
            "pass rerun=true"
        )


def platform_notice(spec: RunSpec, records: list[dict[str, Any]]) -> str | None:
    """Return a line about completed runs that another version of the platform has made."""
    other = [
        record
        for record in records
        if (record["provenance"].get("code") or {}).get("platform") != spec.code["platform"]
    ]
    if not other:
        return None
    were = "run was" if len(other) == 1 else "runs were"
    return (
        f"{len(other)} {were} trained by another version of the platform's own code; kept and "
        "counted"
    )


def run(spec: RunSpec, execute: Execute) -> dict[str, Any]:
    """Execute and record the run; returns its record. The caller holds the lock."""
    started, began = time.monotonic(), datetime.now(UTC)
    directory = spec.directory
    directory.begin(spec.config, spec.rerun)
    sources = provenance(spec.threads) | {"code": spec.code, "data": spec.data}
    if sources["git"]["dirty"] and (diff := uncommitted_changes()):
        write_text(directory.path / "code.diff", diff)

    def write(status: str, **facts: Any) -> dict[str, Any]:
        record = _record(spec, status, sources, began) | facts
        write_record(directory.path, record)
        return record

    write(RUNNING)
    with StopFlag() as stop, LogFile(directory.path / "run.log"):
        try:
            result = execute(spec, stop)
        except Interrupted:
            write(INTERRUPTED)
            print(f"{spec.run.name}: the same command goes on from here", file=sys.stderr)
            raise
        except (Exception, SystemExit) as error:
            # On a disk that is full neither may succeed: the user is to see the first cause.
            with suppress(OSError):
                log_failure(error)
            diverged = {"diverged": True} if isinstance(error, DivergedError) else {}
            with suppress(OSError):
                write(FAILED, error=f"{type(error).__name__}: {error}", **diverged)
            raise
    sources |= result.machine | {"data": spec.data | result.data}
    return write(
        COMPLETED,
        parameters=result.parameters,
        metrics=result.metrics,
        seconds={
            "training": result.training_seconds,
            "session": time.monotonic() - started,
        },
        ended=datetime.now(UTC).isoformat(timespec="seconds"),
        **result.facts,
    )


def _record(spec: RunSpec, status: str, sources: dict[str, Any], began: datetime) -> dict[str, Any]:
    config = spec.config
    return {
        "schema": SCHEMA,
        "status": status,
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
        "provenance": sources | ({"code_accepted": True} if spec.accepts_code else {}),
    }


def summary(record: Mapping[str, Any], directory: Path) -> str:
    """Return the result of a completed run in one line."""
    name = record["metric"]["name"]
    value = record["metrics"].get(f"test/{name}")
    result = "" if value is None else f"test {name} {metric_text(name, value)}, "
    return (
        f"{result}{record['parameters']:,} parameters, trained in "
        f"{record['seconds']['training']:.1f} s, {directory}"
    )


def metric_text(name: str, value: float) -> str:
    """Return a metric's value as it is shown: shares in percent, else four digits."""
    is_share = name.split("_")[-1] in ("error", "accuracy")
    return f"{100 * value:.2f} %" if is_share else f"{value:.4g}"


def typed_command() -> str:
    """Return this process's command as it was typed."""
    return shlex.join(sys.orig_argv)
