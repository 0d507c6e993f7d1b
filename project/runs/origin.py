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

REPOSITORY = PROJECT.parent
MAX_SHOWN = 10  # changed definitions


def check_stored(spec: RunSpec) -> dict[str, Any] | None:
    """Return the stored record of the run; None if there is none.

    Raises:
        ConflictError: The directory holds another run, or the run was made with other data or,
            unless `spec.accepts_code`, with other code.
        CorruptRunError: The record cannot be read.
    """
    directory = spec.directory.path
    record = read_record(directory)
    if record is not None:
        if record["name"] != spec.run.name:
            raise ConflictError(
                f"{directory} holds another run, {record['name']}; move it to the directory of "
                "that name, or pass rerun=true"
            )
        _check_source(spec, record, directory)
        if not spec.accepts_code and is_other_code(spec, record):
            raise ConflictError(_other_code(spec, {directory: record}))
    return record


def check_variant(spec: RunSpec, remade: Collection[Path] = ()) -> None:
    """Check that the stored runs of a variant were made with the present data and code.

    Runs whose record cannot be read are not checked.

    Args:
        spec: A run of the variant.
        remade: The directories of runs that will be made again, which are not checked either.

    Raises:
        ConflictError: Runs were made with other data or, unless `spec.accepts_code`, other code.
            The message names them and what changed.
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
                if not spec.accepts_code and is_other_code(spec, record):
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
        changed = "\n".join(_changes(spec.code, now))
        raise ConflictError(
            f"{spec.run.name}: the code has changed since the command was started:\n{changed}\n"
            "run the command again to see which runs were made with which code"
        )


def is_other_code(spec: RunSpec, record: Mapping[str, Any]) -> bool:
    """Return whether a stored run was made with other code than the present.

    Args:
        spec: The run, with the fingerprints of the present code.
        record: The record of the stored run.
    """
    return _code(record).get("digest") != spec.code["digest"]


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
    first = next(iter(others.values()))
    before = _code(first)
    seeds = ",".join(str(record["seed"]) for record in others.values())
    which = (
        next(iter(others)) if len(others) == 1 else f"{spec.directory.path.parent} (seed {seeds})"
    )
    were = "was" if len(others) == 1 else "were"
    again = "the run" if len(others) == 1 else "them"
    return "\n".join(
        [
            f"{which} {were} made with code that has changed since:",
            *_changes(before, spec.code),
            *_diff_command(first, before, spec.code),
            f"-m seed={seeds} rerun=true makes {again} again; code=accept keeps {again} beside the "
            "new ones, which is recorded and said wherever they are averaged",
        ]
    )


def _changes(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Return a line for each changed definition, with the file that holds it."""
    changed = code.changed_definitions(before, now)
    lines = [
        f"  {name.replace(':', '.').removesuffix('.')} in {code.file_of(name) or '?'}"
        for name in changed[:MAX_SHOWN]
    ]
    more = len(changed) - MAX_SHOWN
    return lines + ([f"  and {more} more"] if more > 0 else [])


def _diff_command(
    record: Mapping[str, Any], before: dict[str, Any], now: dict[str, Any]
) -> list[str]:
    """Return a line with the git command that shows the change; none if git does not know it."""
    commit = (record["provenance"].get("git") or {}).get("commit")
    files = {code.file_of(name) for name in code.changed_definitions(before, now)}
    known = sorted(str(path) for path in files if path and path.is_relative_to(REPOSITORY))
    if not commit or not known:
        return []
    return [f"what changed since: git diff {commit[:10]} -- {' '.join(known)}"]


def platform_notice(spec: RunSpec, records: Sequence[Mapping[str, Any]]) -> str | None:
    """Return a line that counts the runs trained by another version of the platform's code.

    The platform is this project's code that trains any configuration (`code.PLATFORM`). Such runs
    are not refused.

    Args:
        spec: A run, with the fingerprints of the present code.
        records: The records of completed runs.

    Returns:
        None if all runs were trained by the present version.
    """
    now = spec.code["platform"]
    count = sum(_code(record).get("platform") != now for record in records)
    if not count:
        return None
    were = "run was" if count == 1 else "runs were"
    return f"{count} {were} trained by another version of the platform's own code; kept and counted"
