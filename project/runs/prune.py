"""Moving runs, or only their checkpoints, to `<outputs>/trash` to make room; deletes nothing."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from project.runs.directory import move_to_trash, place_in_trash
from project.runs.lock import locked
from project.runs.record import RunLockedError

CHECKPOINTS = "*.ckpt*"


def directory_size(directory: Path) -> int:
    """Return the size of all files in a run directory, in bytes; 0 if it does not exist."""
    return sum(entry.stat(follow_symlinks=False).st_size for entry in _files(directory))


def last_change(directory: Path) -> float:
    """Return the time of the last change to a file of the run, in seconds since 1970; 0 if none."""
    return max((entry.stat().st_mtime for entry in _files(directory)), default=0.0)


def _files(directory: Path) -> Iterator["os.DirEntry[str]"]:
    with suppress(FileNotFoundError), os.scandir(directory) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _files(Path(entry.path))
            elif entry.is_file(follow_symlinks=False):
                yield entry


def prune_run(directory: Path, outputs: Path, only_checkpoints: bool, dry: bool) -> tuple[int, str]:
    """Move a run, or only its checkpoints, to the trash; in a dry run only say what would be moved.

    Returns:
        The bytes that are moved, and why the run stays, if it does.
    """
    checkpoints = sorted(directory.glob(CHECKPOINTS))
    if only_checkpoints and not checkpoints:
        return 0, "has no checkpoint"
    try:
        with locked(directory):
            if not only_checkpoints:
                size = directory_size(directory)
                if not dry:
                    move_to_trash(directory, outputs)
                return size, ""
            size = sum(path.stat().st_size for path in checkpoints)
            if not dry:
                place = place_in_trash(directory, outputs, ".checkpoints")
                place.mkdir()
                for path in checkpoints:
                    path.rename(place / path.name)
            return size, ""
    except RunLockedError as error:
        return 0, str(error)
