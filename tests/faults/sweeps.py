"""Sweeps of few small runs: started in a session of their own, watched, killed, compared."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from tests.commands import SMALL, command
from tests.small_runs import run_directories

# About a second per run, half of it checkpoints: a kill at random hits every phase of a run.
EPOCHS = 8
BUDGET = (
    *SMALL[:-1],
    f"trainer.max_epochs={EPOCHS}",
    "data=mnist_pairs",
    "data.shuffle=true",
    "checkpoints.max_overhead=1",
    "callbacks.pictures=null",
)
TIMEOUT = 240.0  # seconds, for what takes a few on a machine with nothing else to do


@dataclass(frozen=True)
class Process:
    """A living process: its number and its process group."""

    pid: int
    group: int


class Sweep:
    """`python -m project.train -m <words>` in a session of its own; output goes to files."""

    def __init__(self, outputs: Path, *words: str) -> None:
        self.outputs = outputs
        outputs.mkdir(parents=True, exist_ok=True)
        self.arguments = command("project.train", outputs, *BUDGET, "-m", *words)
        self._files = [outputs / f"{time.monotonic_ns()}.{name}" for name in ("out", "err")]
        with open(self._files[0], "w") as out, open(self._files[1], "w") as err:
            self.process = subprocess.Popen(
                self.arguments,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        """What it has printed so far."""
        return self._files[0].read_text()

    @property
    def errors(self) -> str:
        """What it has printed to stderr so far."""
        return self._files[1].read_text()

    def family(self) -> list[Process]:
        """Every living process of the session."""
        return family(self.process.pid)

    def jobs(self) -> list[int]:
        """The jobs' processes: each leads a group of its own."""
        return [each.pid for each in self.family() if each.pid == each.group != self.process.pid]

    def servers(self) -> list[int]:
        """The process from which the jobs are forked, if it has been started."""
        return [
            each.pid
            for each in self.family()
            if each.group == self.process.pid and b"forkserver" in proc_file(each.pid, "cmdline")
        ]

    def wait(self) -> int:
        """The exit code."""
        return self.process.wait(timeout=TIMEOUT)

    def await_end_of_family(self) -> None:
        """Fails if a process of the session outlives the launcher by more than seconds."""
        until(lambda: not self.family(), "no process of a sweep outlives it")

    def kill(self) -> None:
        """SIGKILL for the launcher."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def until(condition: Callable[[], bool], claim: str) -> None:
    """Wait until `condition` holds; an AssertionError with the claim if it never does."""
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < deadline, claim
        time.sleep(0.01)


def family(session: int) -> list[Process]:
    """Every living process of `session`."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            # pid (name) state parent group session ...; the name may hold anything
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[3]) == session and fields[0] not in "ZX":
            found.append(Process(int(entry.name), int(fields[2])))
    return found


def proc_file(pid: int, name: str) -> bytes:
    """What the system tells of a process (proc(5)), empty if it is gone."""
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def kill(pid: int) -> bool:
    """SIGKILL; False if the process is gone already."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def results(outputs: Path) -> dict[str, tuple[bytes, dict[str, Any], list[bytes]]]:
    """Of every run: the bytes of history.csv, the record's results, the bytes of all tensors."""
    found = {}
    for directory in run_directories(outputs):
        record = json.loads((directory / "run.json").read_text())
        checkpoint = torch.load(directory / "last.ckpt", weights_only=True)
        found[f"{directory.parent.name}/{directory.name}"] = (
            (directory / "history.csv").read_bytes(),
            {key: record.get(key) for key in ("status", "parameters", "metrics")},
            _bytes_of_tensors([checkpoint["state_dict"], checkpoint["optimizer_states"]]),
        )
    return found


def _bytes_of_tensors(value: Any) -> list[bytes]:
    if isinstance(value, torch.Tensor):
        return [value.contiguous().numpy().tobytes()]
    items = value.values() if isinstance(value, dict) else value
    inner = [each for each in items if isinstance(each, torch.Tensor | dict | list | tuple)]
    return [part for each in inner for part in _bytes_of_tensors(each)]
