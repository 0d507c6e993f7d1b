"""run.log: what a run says while it works."""

import logging
import sys
import threading
from contextlib import suppress
from pathlib import Path

log = logging.getLogger(__name__)


class _RunLog(logging.FileHandler):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Let the error out, as that of any other file of the run.

        logging itself would print a traceback for every line and go on.
        """
        raise


class LogFile:
    """As long as it is entered, log lines go to `path`, and off a terminal to stderr as well.

    Raises OSError where they cannot be written.
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
    """One line for what the user can mend (as in `project.command`); a bug with its traceback."""
    expected = hasattr(error, "exit_code") or isinstance(error, OSError)
    log.error("%s: %s", what, error, exc_info=None if expected else error)


def log_thread_failure(failure: threading.ExceptHookArgs) -> None:
    """In the place of a traceback on stderr.

    TensorBoard writes in a thread and raises the same error again in the run's own.
    """
    thread = failure.thread.name if failure.thread else "a thread"
    with suppress(OSError):  # the disk that failed may be this file's too
        log_failure(failure.exc_value or failure.exc_type(), f"{thread} failed")
