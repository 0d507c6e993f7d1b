"""run.log: what a run says while it works."""

import logging
import sys
from pathlib import Path


class LogFile:
    """As long as it is entered, log lines go to `path`, and off a terminal to stderr as well."""

    def __init__(self, path: Path) -> None:
        self.handlers: list[logging.Handler] = [logging.FileHandler(path)]
        if not sys.stderr.isatty():
            self.handlers.append(logging.StreamHandler())

    def __enter__(self) -> None:
        root = logging.getLogger()
        root.setLevel(logging.INFO)
        for handler in self.handlers:
            handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
            root.addHandler(handler)

    def __exit__(self, *exception: object) -> None:
        for handler in self.handlers:
            logging.getLogger().removeHandler(handler)
            handler.close()
