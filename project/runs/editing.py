"""Tags and notes of a run, which may change after it: they are no part of what it is."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from project.config.errors import ConfigurationError
from project.runs.lock import locked
from project.runs.record import NoRunError, read_record, write_record

MAX_TAG_LENGTH = 100


def check_tag(tag: str) -> str:
    """Return a tag; raise ConfigurationError if it is empty, long, or holds control characters."""
    if not tag.strip() or len(tag) > MAX_TAG_LENGTH or not tag.isprintable():
        raise ConfigurationError(
            f"tag {tag!r}: must be 1 to {MAX_TAG_LENGTH} printable characters, on one line"
        )
    return tag


def edit_tags(directory: Path, add: Iterable[str], remove: Iterable[str]) -> list[str]:
    """Add and remove tags of a run; returns those that it has now.

    Raises:
        NoRunError: There is no run.
        RunLockedError: A process works on it.
    """
    add, remove = [check_tag(tag) for tag in add], set(remove)

    def change(record: dict[str, Any]) -> None:
        kept = [tag for tag in record.get("tags", []) if tag not in remove]
        record["tags"] = list(dict.fromkeys([*kept, *add]))

    return _edit(directory, change)["tags"]


def edit_note(directory: Path, text: str) -> None:
    """Put a note in the place of the one that a run has; an empty text removes it."""

    def change(record: dict[str, Any]) -> None:
        record["notes"] = text

    _edit(directory, change)


def _edit(directory: Path, change: Any) -> dict[str, Any]:
    if read_record(directory) is None:
        raise NoRunError(f"{directory} holds no run.json")
    with locked(directory):
        record = read_record(directory)
        assert record is not None
        change(record)
        write_record(directory, record)
    return record
