"""Ctrl-C and SIGTERM: what stops, how, and the command with which to go on."""

import json
import os
import pty
import re
import select
import shlex
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.commands import SMALL, command
from tests.faults.sweeps import TIMEOUT, family, proc_file, until
from tests.small_runs import run_directories

LONG = (*SMALL[:-1], "data=mnist_pairs", "trainer.max_epochs=100000", "model=basic")
CTRL_C = b"\x03"


class Terminal:
    """A command in a terminal of its own: Ctrl-C goes to all its processes, as from a keyboard."""

    def __init__(self, arguments: list[str], width: int = 120) -> None:
        self.arguments = arguments
        self.pid, self._terminal = pty.fork()
        if self.pid == 0:
            os.environ |= {"COLUMNS": str(width), "LINES": "40", "TERM": "xterm"}
            os.execv(arguments[0], arguments)
        self.printed = ""

    def press(self, key: bytes) -> None:
        """As from its keyboard."""
        os.write(self._terminal, key)

    @property
    def text(self) -> str:
        """What has been printed, without colours and cursor movements."""
        return re.sub(r"\x1b\[[?0-9;]*[A-Za-z]", "", self.printed)

    def read(self, seconds: float = 0.1) -> bool:
        """Take in what has been printed; False once the command has ended."""
        if select.select([self._terminal], [], [], seconds)[0]:
            try:
                self.printed += os.read(self._terminal, 65536).decode(errors="replace")
            except OSError:  # the last process of the terminal is gone
                return False
        return True

    def until(self, condition: Callable[[], bool]) -> None:
        """Read until `condition` holds."""
        deadline = time.monotonic() + TIMEOUT
        while not condition():
            assert self.read(), self.printed
            assert time.monotonic() < deadline, self.printed

    def wait(self) -> int:
        """The exit code."""
        deadline = time.monotonic() + TIMEOUT
        while self.read():
            assert time.monotonic() < deadline, self.printed
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self._terminal)
        until(lambda: not family(self.pid), "no process outlives the command")
        return code


def statuses(outputs: Path) -> list[str]:
    return [
        json.loads((directory / "run.json").read_text())["status"]
        for directory in run_directories(outputs)
    ]


def running(outputs: Path) -> int:
    return len(list(outputs.glob("runs/*/seed_*/last.ckpt")))


@pytest.mark.timeout(600)
def test_ctrl_c_in_a_terminal_stops_a_sweep_and_says_how_to_go_on(tmp_path: Path) -> None:
    words = ("-m", "seed=range(3)", "hydra.launcher.n_jobs=2")
    sweep = Terminal(command("project.train", tmp_path, *LONG, *words))
    sweep.until(lambda: running(tmp_path) == 2)
    # The jobs' epochs, as they go.
    sweep.until(lambda: bool(re.search(r"seed_1 +\d+/100000 +\d+:\d\d", sweep.text)))
    sweep.press(CTRL_C)
    assert sweep.wait() == 130, sweep.printed
    assert "0 done, 2 interrupted, 1 not started; " in sweep.printed
    assert sweep.printed.splitlines()[-1] == f"to go on: {shlex.join(sweep.arguments)}"
    assert "Traceback" not in sweep.printed
    assert statuses(tmp_path) == ["interrupted", "interrupted"]


HANGS = """
import multiprocessing
import time
from pathlib import Path
from project.models import Basic

class Hangs(Basic):
    def forward(self, pairs):
        if multiprocessing.current_process().name.startswith("job-"):
            Path("{flag}").touch()
            time.sleep(3600)
        return super().forward(pairs)
"""


@pytest.mark.faults
@pytest.mark.timeout(600)
def test_a_second_ctrl_c_ends_a_sweep_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a job hangs and will never come to the end of its batch."""
    flag = tmp_path / "hanging"
    (tmp_path / "hanging_net.py").write_text(HANGS.format(flag=flag))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    net = ("model._target_=hanging_net.Hangs", "model.channels=[4,6]", "model.hidden=8")
    words = (*LONG, *net, "-m", "seed=0,1", "hydra.launcher.n_jobs=1")
    sweep = Terminal(command("project.train", tmp_path / "out", *words))
    sweep.until(flag.exists)
    sweep.press(CTRL_C)
    for _ in range(10):  # the first one waits for the batch
        assert sweep.read(), sweep.printed
    sweep.press(CTRL_C)
    assert sweep.wait() == 130, sweep.printed
    assert "0 done, 1 interrupted, 1 not started" in sweep.printed
    assert f"to go on: {shlex.join(sweep.arguments)}" in sweep.printed


@pytest.mark.faults
@pytest.mark.timeout(600)
def test_ctrl_c_in_a_single_run_says_how_to_go_on_with_a_rerun_too(tmp_path: Path) -> None:
    run = Terminal(command("project.train", tmp_path, *LONG, "rerun=true"))
    run.until(lambda: running(tmp_path) == 1)
    # One bar over all epochs, counted from 1, with the time that is left.
    run.until(lambda: bool(re.search(r"epoch \d+/100000 .* \d+:\d\d.* val/error 0\.", run.text)))
    run.press(CTRL_C)
    assert run.wait() == 130, run.printed
    # With rerun=true it would begin once more, and not go on.
    going_on = shlex.join(word for word in run.arguments if word != "rerun=true")
    assert run.printed.splitlines()[-1] == f"to go on: {going_on}"
    assert statuses(tmp_path) == ["interrupted"]


@pytest.mark.faults
@pytest.mark.parametrize(
    ("number", "exit_code", "words"),
    [(signal.SIGINT, 130, ("-m", "seed=0,1")), (signal.SIGTERM, 143, ())],
)
def test_a_signal_in_the_first_seconds_is_answered_at_once(
    tmp_path: Path, number: signal.Signals, exit_code: int, words: tuple[str, ...]
) -> None:
    arguments = command("project.train", tmp_path, *LONG, *words)
    with subprocess.Popen(
        arguments, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        # torch's file is open: its import has begun, and there is no run yet.
        until(
            lambda: any(b"libtorch" in proc_file(each.pid, "maps") for each in family(process.pid)),
            "torch is being imported",
        )
        os.killpg(process.pid, number)  # as a terminal, `timeout` or a batch system does
        _, errors = process.communicate(timeout=TIMEOUT)
    assert process.returncode == exit_code, errors
    assert errors.splitlines()[-2:] == [
        f"interrupted by {number.name}",
        f"to go on: {shlex.join(arguments)}",
    ]
    assert "Traceback" not in errors
    assert running(tmp_path) == 0
    until(lambda: not family(process.pid), "no process outlives the command")
