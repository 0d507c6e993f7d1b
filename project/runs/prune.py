"""Moving runs, or only their checkpoints, to `<outputs>/trash` to make room; deletes nothing."""

import os
import stat
from pathlib import Path

from project.runs.directory import move_to_trash, place_in_trash
from project.runs.lock import locked
from project.runs.record import RunLockedError

CHECKPOINTS = "*.ckpt*"


def directory_size(directory: Path) -> int:
    """Return the size of all files in a run directory, in bytes; 0 if it does not exist."""
    return sum(each.st_size for each in _files(directory))


def last_change(directory: Path) -> float:
    """Return the time of the last change to a file of the run, in seconds since 1970; 0 if none."""
    return max((each.st_mtime for each in _files(directory)), default=0.0)


def _files(directory: Path) -> list[os.stat_result]:
    """Return the status of each regular file, at any depth."""
    walk = os.walk(directory)
    found = [Path(folder, name).lstat() for folder, _, names in walk for name in names]
    return [each for each in found if stat.S_ISREG(each.st_mode)]


def prune_run(directory: Path, outputs: Path, only_checkpoints: bool, dry: bool) -> tuple[int, str]:
    """Move a run, or only its checkpoints, to the trash; in a dry run only say what would be moved.

    Returns the number of bytes that are moved, and why the run stays, if it does.
    """
    checkpoints = sorted(directory.glob(CHECKPOINTS))
    if only_checkpoints and not checkpoints:
        return 0, "has no checkpoint"
    try:
        with locked(directory):
            size = directory_size(directory)
            if only_checkpoints:
                size = sum(path.stat().st_size for path in checkpoints)
            if dry:
                return size, ""
            if only_checkpoints:
                place = place_in_trash(directory, outputs, ".checkpoints")
                place.mkdir()
                for path in checkpoints:
                    path.rename(place / path.name)
            else:
                move_to_trash(directory, outputs)
            return size, ""
    except RunLockedError as error:
        return 0, str(error)
