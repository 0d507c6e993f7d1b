"""Checks that stored runs were made with the present data and code, so that results do not mix."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from project.config.errors import ConflictError
from project.config.source import PROJECT
from project.runs import code
from project.runs.record import CorruptRunError, read_record
from project.runs.spec import RunSpec

MAX_SHOWN = 10  # changed definitions


def check_stored(spec: RunSpec) -> dict[str, Any] | None:
    """Return the stored record of the run; None if there is none.

    Raises:
        ConflictError: It is of another run, or as `check_variant`.
        CorruptRunError: The record cannot be read.
    """
    directory = spec.directory.path
    record = read_record(directory)
    if record is None:
        return None
    if record["name"] != spec.run.name:
        raise ConflictError(
            f"{directory} holds another run, {record['name']}; move it to the directory of that "
            "name, or pass rerun=true"
        )
    _check_source(spec, record, directory)
    if _is_refused(spec, record):
        raise ConflictError(_other_code(spec, {directory: record}))
    return record


def check_variant(spec: RunSpec, remade: Collection[Path] = ()) -> None:
    """Check that the stored runs of a variant were made with the present data and code.

    Runs in `remade`, which will be made again, and those that cannot be read are not checked.

    Raises:
        ConflictError: Runs were made with other data or, unless `spec.accepts_code`, other code.
    """
    directory = spec.directory.path
    remade = {*remade, directory} if spec.rerun else set(remade)
    others: dict[Path, dict[str, Any]] = {}
    for path in sorted(directory.parent.glob("seed_*")):
        if path in remade:
            continue
        with suppress(CorruptRunError):
            if (record := read_record(path)) is not None:
                _check_source(spec, record, path)
                if _is_refused(spec, record):
                    others[path] = record
    if others:
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


def _is_refused(spec: RunSpec, record: Mapping[str, Any]) -> bool:
    """Return whether a stored run was made with other code, which is not accepted."""
    return not spec.accepts_code and _code(record).get("digest") != spec.code["digest"]


def _code(record: Mapping[str, Any]) -> dict[str, Any]:
    return record["provenance"].get("code") or {}


def _check_source(spec: RunSpec, record: Mapping[str, Any], directory: Path) -> None:
    source = spec.data.get("source")
    stored = (record["provenance"].get("data") or {}).get("source")
    if None not in (source, stored) and source != stored:
        raise ConflictError(
            f"{directory} was made with other data files (SHA-256 {str(stored)[:16]}..., now "
            f"{str(source)[:16]}...); restore them, give the new ones a name (data.name=NAME), or "
            "pass rerun=true"
        )


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
    files = {name: code.file_of(name) for name in names}
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
