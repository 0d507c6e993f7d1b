"""outputs/report: written aside, and put in its place whole."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from project.config.errors import ConflictError
from project.runs.atomic import replacing_directory

NAME = "report"
TENSORBOARD = "tensorboard"
# What a report consists of; anything else in its folder is somebody's own.
CONTENTS = {
    "index.html", "results.csv", "table.csv", "table.md", "table.tex", "figures", TENSORBOARD,
}  # fmt: skip


@contextmanager
def new_report(outputs: Path) -> Iterator[Path]:
    """Give an empty folder that becomes `<outputs>/report` when the block ends without exception.

    Raises:
        ConflictError: Another process writes a report here, or the folder holds foreign files.
    """
    report = outputs / NAME
    outputs.mkdir(parents=True, exist_ok=True)
    lock = FileLock(outputs / f".{NAME}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise ConflictError(f"another process is writing {report}; wait for it") from None
    try:
        _refuse_foreign_files(report)
        with replacing_directory(report) as folder:
            yield folder
    finally:
        lock.release()


def _refuse_foreign_files(report: Path) -> None:
    if report.is_symlink() or (report.exists() and not report.is_dir()):
        raise ConflictError(f"{report} is no folder, but a file or a link; move it away")
    foreign = sorted({path.name for path in report.glob("*")} - CONTENTS)
    if foreign:
        raise ConflictError(
            f"{report} holds what no report wrote, and would be replaced: {', '.join(foreign)}; "
            "move it away"
        )
