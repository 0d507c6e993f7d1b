"""run.log, the log file of a run."""

import logging
import sys
import threading
from contextlib import suppress
from pathlib import Path

log = logging.getLogger(__name__)


class _RunLog(logging.FileHandler):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Raise the error of a failed write, as for any other file of the run.

        logging itself would print a traceback for every line and go on.
        """
        raise


class LogFile:
    """Context manager that writes log messages to a file, and to stderr if that is no terminal.

    Messages of level INFO and above are written, also about exceptions that end a thread.

    Args:
        path: The log file; messages are appended.

    Raises:
        OSError: The file cannot be opened, or a message cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.handlers: list[logging.Handler] = [_RunLog(path)]
        if not sys.stderr.isatty():
            self.handlers.append(logging.StreamHandler())

    def __enter__(self) -> None:
        root = logging.getLogger()
        root.setLevel(logging.INFO)
        for handler in self.handlers:
            handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
            root.addHandler(handler)
        self._excepthook, threading.excepthook = threading.excepthook, log_thread_failure

    def __exit__(self, *exception: object) -> None:
        threading.excepthook = self._excepthook
        for handler in self.handlers:
            logging.getLogger().removeHandler(handler)
        for handler in self.handlers:
            handler.close()


def log_failure(error: BaseException, what: str = "the run failed") -> None:
    """Log an error: one line if the user can fix it, with its traceback if it is a bug.

    The user can fix an OSError, and an exception with an `exit_code`.

    Args:
        error: The error.
        what: The beginning of the message.
    """
    expected = hasattr(error, "exit_code") or isinstance(error, OSError)
    log.error("%s: %s", what, error, exc_info=None if expected else error)


def log_thread_failure(failure: threading.ExceptHookArgs) -> None:
    """Log an exception that ended a thread; used as `threading.excepthook`.

    This replaces the traceback on stderr. TensorBoard, which writes in a thread, raises the same
    error again in the main thread.
    """
    thread = failure.thread.name if failure.thread else "a thread"
    with suppress(OSError):  # the log file may be on the disk that failed
        log_failure(failure.exc_value or failure.exc_type(), f"{thread} failed")
