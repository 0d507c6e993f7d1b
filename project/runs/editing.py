"""Changes to the tags and the note of a run, which are not part of its identity."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from project.config.errors import ConfigurationError
from project.runs.lock import locked
from project.runs.record import NoRunError, read_record, write_record

MAX_TAG_LENGTH = 100


def check_tag(tag: str) -> str:
    """Return `tag` as it is.

    Raises:
        ConfigurationError: It is empty, longer than MAX_TAG_LENGTH, or has control characters.
    """
    if not tag.strip() or len(tag) > MAX_TAG_LENGTH or not tag.isprintable():
        raise ConfigurationError(
            f"tag {tag!r}: must be 1 to {MAX_TAG_LENGTH} printable characters, on one line"
        )
    return tag


def edit_tags(directory: Path, add: Iterable[str], remove: Iterable[str]) -> list[str]:
    """Change the tags in a run's record and return the new ones.

    Args:
        directory: The run directory.
        add: Tags to add; one that the run already has is not repeated.
        remove: Tags to remove; those that the run does not have are ignored.

    Raises:
        ConfigurationError: A tag to add is not allowed.
        NoRunError: The directory has no run record.
        CorruptRunError: The run record cannot be read.
        RunLockedError: Another process works on the run.
    """
    add, remove = [check_tag(tag) for tag in add], set(remove)

    def change(record: dict[str, Any]) -> None:
        kept = [tag for tag in record.get("tags", []) if tag not in remove]
        record["tags"] = list(dict.fromkeys([*kept, *add]))

    return _edit(directory, change)["tags"]


def edit_note(directory: Path, text: str) -> None:
    """Replace the note in a run's record; an empty text removes it.

    Raises:
        NoRunError: The directory has no run record.
        CorruptRunError: The run record cannot be read.
        RunLockedError: Another process works on the run.
    """

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
