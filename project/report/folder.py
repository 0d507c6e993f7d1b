"""outputs/report: written aside, and swapped in whole.

A reader, and a machine that dies at any moment, sees the old report or the new one. On Linux and
macOS two folders change places in one step of the file system. Elsewhere the old one steps aside
first; if the power fails just then, the next report puts it back.
"""

import ctypes
import errno
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from project.runs.atomic import sync_directory
from project.runs.directory import RefusedError

NAME = "report"
TENSORBOARD = "tensorboard"
# What a report consists of; anything else in its folder is somebody's own.
CONTENTS = (
    "index.html", "results.csv", "table.csv", "table.md", "table.tex", "figures", TENSORBOARD,
)  # fmt: skip
_AT_CURRENT_FOLDER = -100  # Linux: AT_FDCWD
_EXCHANGE = 2  # Linux: RENAME_EXCHANGE; macOS: RENAME_SWAP
_NOT_SUPPORTED = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP)


@contextmanager
def new_report(outputs: Path) -> Iterator[Path]:
    """An empty folder that becomes `outputs`/report when the block ends without an exception.

    Raises RefusedError while another process writes a report here, or where the folder holds files
    that are not a report's.
    """
    report, aside, old = outputs / NAME, outputs / f".{NAME}.new", outputs / f".{NAME}.old"
    outputs.mkdir(parents=True, exist_ok=True)
    lock = FileLock(outputs / f".{NAME}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise RefusedError(f"another process is writing {report}; wait for it") from None
    try:
        if old.exists() and not report.exists():
            old.rename(report)
        _refuse_foreign_files(report)
        for left_over in (aside, old):
            shutil.rmtree(left_over, ignore_errors=True)
        aside.mkdir()
        try:
            yield aside
            _sync(aside)
            replace_folder(aside, report, old)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    finally:
        lock.release()


def replace_folder(new: Path, target: Path, old: Path) -> None:
    """Put the folder `new` in the place of `target`; all three are in one folder.

    What was there before is removed last of all. `old` is used where folders cannot be exchanged.
    """
    if not target.exists():
        new.rename(target)
    elif not exchange(new, target):
        target.rename(old)
        try:
            new.rename(target)
        except BaseException:
            old.rename(target)
            raise
    sync_directory(target.parent)
    for replaced in (new, old):
        shutil.rmtree(replaced, ignore_errors=True)


def exchange(one: Path, other: Path) -> bool:
    """Let two folders change their names in one step; False where the system cannot."""
    library = ctypes.CDLL(None, use_errno=True)
    names = os.fsencode(one), os.fsencode(other)
    if sys.platform == "linux" and hasattr(library, "renameat2"):
        here = _AT_CURRENT_FOLDER
        failed = library.renameat2(here, names[0], here, names[1], _EXCHANGE)
    elif sys.platform == "darwin" and hasattr(library, "renamex_np"):
        failed = library.renamex_np(*names, _EXCHANGE)
    else:
        return False
    if not failed:
        return True
    number = ctypes.get_errno()
    if number in _NOT_SUPPORTED:
        return False
    raise OSError(number, os.strerror(number), str(other))


def _refuse_foreign_files(report: Path) -> None:
    if report.is_symlink() or (report.exists() and not report.is_dir()):
        raise RefusedError(f"{report} is no folder, but a file or a link; move it away")
    foreign = sorted({path.name for path in report.glob("*")} - set(CONTENTS))
    if foreign:
        raise RefusedError(
            f"{report} holds what no report wrote, and would be replaced: {', '.join(foreign)}; "
            "move it away"
        )


def _sync(folder: Path) -> None:
    """Make what is in `folder` durable before it gets its name.

    Not TensorBoard's curves: they may be thousands of files, and syncing each would take longer
    than everything else. A kill does not touch them; after a power cut, make the report again.
    """
    for parent, folders, files in os.walk(folder):
        if TENSORBOARD in folders:
            folders.remove(TENSORBOARD)
        for name in files:
            descriptor = os.open(Path(parent, name), os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        sync_directory(Path(parent))
