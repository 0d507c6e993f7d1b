"""Whether stored runs come from the data and the code that there are now: else nothing is mixed."""

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
    """Return the stored record if it is this very run's; None where there is none.

    Raises:
        ConflictError: It is another run, or one of other data or code.
    """
    directory = spec.directory.path
    record = read_record(directory)
    if record is not None:
        if record["name"] != spec.run.name:
            raise ConflictError(
                f"{directory} holds the run {record['name']}; move it to where its name says, or "
                "pass rerun=true"
            )
        _check_source(spec, record, directory)
        if not spec.accepts_code and is_other_code(spec, record):
            raise ConflictError(_other_code(spec, {directory: record}))
    return record


def check_variant(spec: RunSpec, remade: Collection[Path] = ()) -> None:
    """Refuse to extend a variant whose runs, at other seeds, are of other data or other code.

    A record that cannot be read is left to its own run.

    Args:
        spec: A run of the variant.
        remade: The directories of runs that are going to be made again.

    Raises:
        ConflictError: Naming those runs, and what changed.
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
    """Raise ConflictError where the code is no longer that for which a run was prepared.

    A sweep prepares all of its jobs at its beginning; each imports the code as it then is.
    """
    if not spec.targets:
        return
    now = code.fingerprint(spec.targets)
    if now["digest"] != spec.code["digest"]:
        changed = "\n".join(_changes(spec.code, now))
        raise ConflictError(
            f"{spec.run.name}: the code has changed since the command was typed:\n{changed}\n"
            "the command, typed again, says what has been made with which code"
        )


def is_other_code(spec: RunSpec, record: Mapping[str, Any]) -> bool:
    """Whether a record is of a run of other code than there is now."""
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
    """Say which runs are of other code, what changed, and what to type."""
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
            f"{which} {were} made by other code than there is now:",
            *_changes(before, spec.code),
            *_diff_command(first, before, spec.code),
            f"-m seed={seeds} rerun=true makes {again} again; code=accept keeps {again} beside the "
            "new ones, which is recorded and said wherever they are averaged",
        ]
    )


def _changes(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Return a line for each definition that changed, and the file in which it stands."""
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
    """Return a line with the git command that shows the change, where git knows of it."""
    commit = (record["provenance"].get("git") or {}).get("commit")
    files = {code.file_of(name) for name in code.changed_definitions(before, now)}
    known = sorted(str(path) for path in files if path and path.is_relative_to(REPOSITORY))
    if not commit or not known:
        return []
    return [f"what changed since: git diff {commit[:10]} -- {' '.join(known)}"]


def platform_notice(spec: RunSpec, records: Sequence[Mapping[str, Any]]) -> str | None:
    """Return a line about completed runs that another version of the platform has made."""
    now = spec.code["platform"]
    count = sum(_code(record).get("platform") != now for record in records)
    if not count:
        return None
    were = "run was" if count == 1 else "runs were"
    return f"{count} {were} trained by another version of the platform's own code; kept and counted"
