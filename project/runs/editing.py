"""Changes to the tags and the note of a run, which are not part of its identity."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from project.config.errors import ConfigurationError
from project.runs.lock import locked
from project.runs.record import NoRunError, read_record, write_record

MAX_TAG_LENGTH = 100


def edit_tags(directory: Path, add: Sequence[str], remove: Sequence[str]) -> list[str]:
    """Add tags to a run's record and remove others from it; return the new ones.

    Raises:
        ConfigurationError: A tag to add is empty, longer than MAX_TAG_LENGTH, or not printable.
        NoRunError, CorruptRunError: There is no run record, or it cannot be read.
        RunLockedError: Another process works on the run.
    """
    for tag in add:
        if not tag.strip() or len(tag) > MAX_TAG_LENGTH or not tag.isprintable():
            raise ConfigurationError(
                f"tag {tag!r}: must be 1 to {MAX_TAG_LENGTH} printable characters, on one line"
            )

    def changed(record: dict[str, Any]) -> dict[str, Any]:
        kept = [tag for tag in record.get("tags", []) if tag not in remove]
        return record | {"tags": list(dict.fromkeys([*kept, *add]))}

    return _edit(directory, changed)["tags"]


def edit_note(directory: Path, text: str) -> None:
    """Replace the note in a run's record; raise as `edit_tags`."""
    _edit(directory, lambda record: record | {"notes": text})


def _edit(directory: Path, changed: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    with locked(directory):
        if (record := read_record(directory)) is None:
            raise NoRunError(f"{directory} holds no run.json")
        record = changed(record)
        write_record(directory, record)
    return record
