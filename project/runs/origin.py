"""Checks that stored runs were made with the present data and code, so that results do not mix."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from project.config.errors import ConflictError
from project.config.source import PROJECT, module_path
from project.runs import code
from project.runs.record import COMPLETED, CorruptRunError, read_record
from project.runs.spec import RunSpec

MAX_SHOWN = 10  # changed definitions


def check_stored(spec: RunSpec) -> dict[str, Any] | None:
    """Return the record of the completed run; None if the run has to be executed.

    Raises:
        ConflictError: The directory holds another run, or as `check_variant`.
        CorruptRunError: The record cannot be read.
    """
    directory = spec.directory.path
    record = None if spec.rerun else read_record(directory)
    if record is None:
        return None
    if record["name"] != spec.run.name:
        raise ConflictError(
            f"{directory} holds another run, {record['name']}; move it to the directory of that "
            "name, or pass rerun=true"
        )
    _check_origin(spec, {directory: record})
    return record if record["status"] == COMPLETED else None


def check_variant(spec: RunSpec, remade: Collection[Path] = ()) -> None:
    """Check that the stored runs of a variant were made with the present data and code.

    Runs in `remade`, which will be made again, and those that cannot be read are not checked.

    Raises:
        ConflictError: Runs were made with other data or, unless `spec.accepts_code`, other code.
    """
    directory = spec.directory.path
    remade = {*remade, directory} if spec.rerun else set(remade)
    records = {}
    for path in sorted(set(directory.parent.glob("seed_*")) - remade):
        with suppress(CorruptRunError):
            if (record := read_record(path)) is not None:
                records[path] = record
    _check_origin(spec, records)


def _check_origin(spec: RunSpec, records: Mapping[Path, Mapping[str, Any]]) -> None:
    """Raise ConflictError if a record, by directory, is of other data or of code not accepted."""
    now = spec.data.get("source")
    for directory, record in records.items():
        stored = (record["provenance"].get("data") or {}).get("source")
        if None not in (now, stored) and now != stored:
            raise ConflictError(
                f"{directory} was made with other data files (SHA-256 {str(stored)[:16]}..., now "
                f"{str(now)[:16]}...); restore them, give the new ones a name (data.name=NAME), or "
                "pass rerun=true"
            )
    digest = spec.code["digest"]
    others = {path: each for path, each in records.items() if _code(each).get("digest") != digest}
    if others and not spec.accepts_code:
        raise ConflictError(_other_code(spec, others))


def check_unchanged(spec: RunSpec) -> None:
    """Raise ConflictError if the code has changed since the run was prepared.

    A sweep prepares all jobs when it begins, but each job imports the code when it starts.
    """
    if not spec.targets:
        return
    now = code.fingerprint(spec.targets)
    if now["digest"] != spec.code["digest"]:
        raise ConflictError(
            f"{spec.run.name}: the code has changed since the command was started:\n"
            f"{_changes(spec.code, now, None)}\n"
            "run the command again to see which runs were made with which code"
        )


def _code(record: Mapping[str, Any]) -> dict[str, Any]:
    return record["provenance"].get("code") or {}


def _other_code(spec: RunSpec, others: Mapping[Path, Mapping[str, Any]]) -> str:
    """Return a message: which runs were made with other code, what changed, what to type."""
    path, first = next(iter(others.items()))
    seeds = ",".join(str(record["seed"]) for record in others.values())
    which, were, again = f"{path.parent} (seed {seeds})", "were", "them"
    if len(others) == 1:
        which, were, again = str(path), "was", "the run"
    commit = (first["provenance"].get("git") or {}).get("commit")
    return (
        f"{which} {were} made with code that has changed since:\n"
        f"{_changes(_code(first), spec.code, commit)}\n"
        f"-m seed={seeds} rerun=true makes {again} again; code=accept keeps {again} beside the new "
        "ones, which is recorded and said wherever they are averaged"
    )


def _changes(before: dict[str, Any], now: dict[str, Any], commit: str | None) -> str:
    """Return a line for each changed definition, and the git command that shows the changes."""
    names = code.changed_definitions(before, now)
    files = {name: module_path(name.partition(":")[0]) for name in names}
    lines = [
        f"  {name.replace(':', '.').removesuffix('.')} in {files[name] or '?'}"
        for name in names[:MAX_SHOWN]
    ]
    if len(names) > MAX_SHOWN:
        lines.append(f"  and {len(names) - MAX_SHOWN} more")
    known = sorted(
        {str(path) for path in files.values() if path and path.is_relative_to(PROJECT.parent)}
    )
    if commit and known:
        lines.append(f"what changed since: git diff {commit[:10]} -- {' '.join(known)}")
    return "\n".join(lines)


def platform_notice(spec: RunSpec, records: Sequence[Mapping[str, Any]]) -> str | None:
    """Return a line that counts the runs trained by another version of `code.PLATFORM`.

    None if there are no such runs. They are not refused.
    """
    now = spec.code["platform"]
    count = sum(_code(record).get("platform") != now for record in records)
    if not count:
        return None
    were = "run was" if count == 1 else "runs were"
    return f"{count} {were} trained by another version of the platform's own code; kept and counted"
