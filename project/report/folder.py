"""The folder outputs/report, which is written elsewhere and then replaced as a whole."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from project.config.errors import ConflictError
from project.runs.atomic import replacing_directory

NAME = "report"
TENSORBOARD = "tensorboard"
# The files of a report; any other file in its folder belongs to the user.
CONTENTS = {
    "index.html", "results.csv", "table.csv", "table.md", "table.tex", "figures", TENSORBOARD,
}  # fmt: skip


@contextmanager
def new_report(outputs: Path) -> Iterator[Path]:
    """Yield an empty folder that replaces `<outputs>/report` unless the block raises an exception.

    Raises:
        ConflictError: Another process writes a report here, or the folder holds files that no
            report wrote.
    """
    report = outputs / NAME
    outputs.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(outputs / f".{NAME}.lock", timeout=0):
            if report.is_symlink() or (report.exists() and not report.is_dir()):
                raise ConflictError(f"{report} is a file or a link, not a folder; move it away")
            if foreign := sorted({path.name for path in report.glob("*")} - CONTENTS):
                raise ConflictError(
                    f"{report} would be replaced, but holds files that no report wrote: "
                    f"{', '.join(foreign)}; move them away"
                )
            with replacing_directory(report) as folder:
                yield folder
    except Timeout:
        raise ConflictError(f"another process is writing {report}; wait for it") from None
