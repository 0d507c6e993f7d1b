"""run.log holds what is said while it is open, and nothing after."""

import errno
import logging
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from project.runs.log import log_failure, log_to


@pytest.fixture(autouse=True)
def level_as_before() -> Iterator[None]:
    level = logging.getLogger().level
    yield
    logging.getLogger().setLevel(level)


def test_lines_go_to_the_file_as_long_as_it_is_entered(tmp_path: Path) -> None:
    log, root = logging.getLogger("a.module"), logging.getLogger()
    handlers = list(root.handlers)
    with log_to(tmp_path / "run.log"):
        log.info("inside")
    log.error("outside")
    (line,) = (tmp_path / "run.log").read_text().splitlines()
    assert line.endswith("INFO inside")
    assert root.handlers == handlers


def test_a_second_session_appends(tmp_path: Path) -> None:
    for word in ("first", "second"):
        with log_to(tmp_path / "run.log"):
            logging.getLogger().info(word)
    text = (tmp_path / "run.log").read_text()
    assert [line.split()[-1] for line in text.splitlines()] == ["first", "second"]


def test_a_line_that_cannot_be_written_is_an_error_and_no_handler_stays() -> None:
    root = logging.getLogger()
    handlers, excepthook = list(root.handlers), threading.excepthook

    def write() -> None:
        with log_to(Path("/dev/full")):
            logging.getLogger().info("a line")

    with pytest.raises(OSError, match="No space left"):
        write()
    assert (root.handlers, threading.excepthook) == (handlers, excepthook)


class MessageError(Exception):
    """What the user can mend."""

    exit_code = 2


@pytest.mark.parametrize(
    ("error", "is_bug"),
    [
        (MessageError("a message"), False),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "a/path"), False),
        (KeyError("a bug"), True),
    ],
)
def test_a_bug_keeps_its_traceback_and_a_message_has_none(
    tmp_path: Path, error: Exception, is_bug: bool
) -> None:
    def fail() -> None:
        raise error

    with log_to(tmp_path / "run.log"):
        try:
            fail()
        except Exception as caught:
            log_failure(caught)
    text = (tmp_path / "run.log").read_text()
    assert f"ERROR the run failed: {error}" in text
    assert ("Traceback" in text) == is_bug


def test_a_failure_in_a_thread_is_a_line_of_the_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with log_to(tmp_path / "run.log"):
        thread = threading.Thread(target=fail, name="the writer")
        thread.start()
        thread.join()
    (line,) = (tmp_path / "run.log").read_text().splitlines()
    assert line.endswith("ERROR the writer failed: [Errno 5] Input/output error")
    assert "Traceback" not in capsys.readouterr().err
