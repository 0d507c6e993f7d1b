"""Changes to the tags and the note of a run, which are not part of its identity."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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

    with _edited(directory) as record:
        kept = [tag for tag in record.get("tags", []) if tag not in remove]
        record["tags"] = list(dict.fromkeys([*kept, *add]))
    return record["tags"]


def edit_note(directory: Path, text: str) -> None:
    """Replace the note in a run's record; raise as `edit_tags`."""
    with _edited(directory) as record:
        record["notes"] = text


@contextmanager
def _edited(directory: Path) -> Iterator[dict[str, Any]]:
    """Provide the run's record in a `with` block under its lock, and write it at the end."""
    with locked(directory):
        if (record := read_record(directory)) is None:
            raise NoRunError(f"{directory} holds no run.json")
        yield record
        write_record(directory, record)
