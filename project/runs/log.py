"""run.log, the log file of a run."""

import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

log = logging.getLogger(__name__)


class _RunLog(logging.FileHandler):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Raise the error of a failed write; logging would print a traceback for every line."""
        raise


@contextmanager
def log_to(path: Path) -> Iterator[None]:
    """Append log messages to a file in a `with` block, and write them to stderr if no terminal.

    Messages of level INFO and above are written, also about exceptions that end a thread; what
    cannot be written raises an OSError.
    """
    handlers: list[logging.Handler] = [_RunLog(path)]
    if not sys.stderr.isatty():
        handlers.append(logging.StreamHandler())
    root, excepthook = logging.getLogger(), threading.excepthook
    root.setLevel(logging.INFO)
    for handler in handlers:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        root.addHandler(handler)
    threading.excepthook = _log_thread_failure
    try:
        yield
    finally:
        threading.excepthook = excepthook
        for handler in handlers:
            root.removeHandler(handler)
        for handler in handlers:
            handler.close()


def log_failure(error: BaseException, what: str = "the run failed") -> None:
    """Log an error: one line if the user can fix it, with its traceback if it is a bug."""
    expected = hasattr(error, "exit_code") or isinstance(error, OSError)
    log.error("%s: %s", what, error, exc_info=None if expected else error)


def _log_thread_failure(failure: threading.ExceptHookArgs) -> None:
    """Log an exception that ended a thread; TensorBoard's writer raises it in the main one too."""
    thread = failure.thread.name if failure.thread else "a thread"
    with suppress(OSError):  # the log file may be on the disk that failed
        log_failure(failure.exc_value or failure.exc_type(), f"{thread} failed")
