"""run.log holds what is said while it is open, and nothing after."""

import logging
from pathlib import Path

from project.runs.log import LogFile


def test_lines_go_to_the_file_as_long_as_it_is_entered(tmp_path: Path) -> None:
    log, root = logging.getLogger("a.module"), logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    try:
        with LogFile(tmp_path / "run.log"):
            log.info("inside")
        log.error("outside")
    finally:
        root.setLevel(level)
    (line,) = (tmp_path / "run.log").read_text().splitlines()
    assert line.endswith("INFO inside")
    assert root.handlers == handlers


def test_a_second_session_appends(tmp_path: Path) -> None:
    level = logging.getLogger().level
    try:
        for word in ("first", "second"):
            with LogFile(tmp_path / "run.log"):
                logging.getLogger().info(word)
    finally:
        logging.getLogger().setLevel(level)
    text = (tmp_path / "run.log").read_text()
    assert [line.split()[-1] for line in text.splitlines()] == ["first", "second"]
