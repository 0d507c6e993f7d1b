"""Jobs that need neither torch nor Hydra; each does one thing, usually to itself."""

import ctypes
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from project.config.identity import Run
from project.launchers.experiment import Job
from project.runs.record import RunLockedError
from project.runs.spec import RunSpec
from project.train import TrainExperiment

MODULE = "tests.launchers.odd_jobs"
TASK = (MODULE, "act")
# One server for all tests of a process: what small sweeps need is in it as well.
PRELOAD = (MODULE, *TrainExperiment.preload)


def odd_job(outputs: Path, number: int, act: str, label: str = "", **config: Any) -> Job:
    """Return job `number`, which does what `act` says."""
    spec = RunSpec(
        command="odd",
        config={"act": act, "seed": number, **config},
        run=Run("odd", None, {"label": label}, number),
        outputs=outputs,
        threads=1,
        data={},
        code={"digest": "", "platform": "", "definitions": {}},
    )
    return Job(number, (), label, spec)


def act(spec: RunSpec) -> None:
    """Do what the configuration's key `act` says."""
    ACTS[spec.config["act"]](spec.directory.path)


def _raise(directory: Path) -> None:
    print("printed before the error")
    raise ValueError("a mistake\nin two lines")


class ExplainedError(Exception):
    """A message for the user."""

    exit_code = 3


def _explain(directory: Path) -> None:
    raise ExplainedError("a message for the user\nin two lines")


def _exhaust_memory(directory: Path) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (2**31, hard))
    bytearray(2**33)


def _hang_deaf(directory: Path) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    directory.with_name("deaf").touch()
    time.sleep(3600)


def _locked_once(directory: Path) -> None:
    directory.mkdir(exist_ok=True)
    try:
        (directory / "locked").touch(exist_ok=False)
    except FileExistsError:
        return
    raise RunLockedError("another process works on it")


def _show_gpus(directory: Path) -> None:
    directory.mkdir(exist_ok=True)
    (directory / "gpus").write_text(os.environ.get("CUDA_VISIBLE_DEVICES", "all"))
    time.sleep(0.5)  # the others begin meanwhile


ACTS: dict[str, Callable[[Path], Any]] = {
    "nothing": lambda directory: print("done"),
    "raise": _raise,
    "explain": _explain,
    "exit 0": lambda directory: sys.exit(0),
    "exit 7": lambda directory: os._exit(7),
    "segfault": lambda directory: ctypes.string_at(0),
    "kill": lambda directory: os.kill(os.getpid(), signal.SIGKILL),
    "exhaust memory": _exhaust_memory,
    "hang": lambda directory: time.sleep(3600),
    "hang deaf": _hang_deaf,
    "locked once": _locked_once,
    "show gpus": _show_gpus,
}
