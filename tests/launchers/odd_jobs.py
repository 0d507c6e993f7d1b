"""Jobs that need neither torch nor a configuration; each does one thing, usually to itself."""

import ctypes
import os
import resource
import signal
import sys
import time
from pathlib import Path
from typing import Any

from project.runs.directory import HeldError


def act(values: dict[str, Any]) -> None:
    """Do what `values.act` says, with the run directory `values.directory`."""
    ACTS[values["act"]](Path(values["directory"]))


def _nothing(directory: Path) -> None:
    print("done")


def _raise(directory: Path) -> None:
    print("printed before the error")
    raise ValueError("a mistake\nin two lines")


def _explain(directory: Path) -> None:
    error = RuntimeError("a message for the user\nin two lines")
    error.exit_code = 3  # type: ignore[attr-defined]
    raise error


def _exhaust_memory(directory: Path) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (2**31, hard))
    bytearray(2**33)


def _hang_deaf(directory: Path) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    directory.with_name("deaf").touch()
    time.sleep(3600)


def _held_once(directory: Path) -> None:
    directory.mkdir(exist_ok=True)
    try:
        (directory / "held").touch(exist_ok=False)
    except FileExistsError:
        return
    raise HeldError("another process works on it")


ACTS = {
    "nothing": _nothing,
    "raise": _raise,
    "explain": _explain,
    "exit 0": lambda directory: sys.exit(0),
    "exit 7": lambda directory: os._exit(7),
    "segfault": lambda directory: ctypes.string_at(0),
    "kill": lambda directory: os.kill(os.getpid(), signal.SIGKILL),
    "exhaust memory": _exhaust_memory,
    "hang": lambda directory: time.sleep(3600),
    "hang deaf": _hang_deaf,
    "held once": _held_once,
}
