"""`trainer=ddp` as a user meets it: typed, killed, in a sweep."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from project.config.compose import compose
from project.config.errors import ConfigurationError
from project.config.identity import identify
from project.config.schema import Trainer
from project.training.devices import check_devices
from tests.commands import SMALL, command, train
from tests.small_runs import only_run, run_directories

DDP = ("trainer=ddp", *SMALL, "checkpoints.max_overhead=1")


def test_on_several_devices_a_run_is_another() -> None:
    """Sums are rounded in another order: the bits differ."""
    words = [[], ["trainer=ddp"], ["trainer=ddp", "trainer.devices=3"]]
    assert len({identify(compose("train", each)).hash for each in words}) == 3
    one = identify(compose("train", ["trainer=ddp", "trainer.devices=1"]))
    assert one == identify(compose("train"))


def test_more_devices_than_there_are_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {"max_epochs": 1, "accelerator": "gpu", "threads": 1}
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: False)
    with pytest.raises(ConfigurationError, match=r"trainer\.accelerator=gpu: torch sees none"):
        check_devices(Trainer(**asked))
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    monkeypatch.setattr(torch.accelerator, "device_count", lambda: 2)
    check_devices(Trainer(**asked, devices=2))
    with pytest.raises(ConfigurationError, match=r"trainer\.devices=4: torch sees 2 on this"):
        check_devices(Trainer(**asked, devices=4))


def until(happened: Callable[[], bool], what: str, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.02)


def children(process: int) -> list[int]:
    """The processes that a process has started and that live."""
    try:
        return [
            int(each)
            for each in Path(f"/proc/{process}/task/{process}/children").read_text().split()
        ]
    except FileNotFoundError:
        return []


class Run:
    """A command with `trainer=ddp` in a session of its own."""

    def __init__(self, outputs: Path) -> None:
        self.outputs = outputs
        self.process = subprocess.Popen(
            command("project.train", outputs, *DDP, "trainer.max_epochs=6"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def await_checkpoint(self) -> int:
        """Wait until it has trained an epoch more; returns the other process."""
        before = self._checkpoints()
        until(lambda: self._checkpoints() != before, "a checkpoint is written")
        (other,) = children(self.process.pid)
        return other

    def _checkpoints(self) -> list[int]:
        return [path.stat().st_mtime_ns for path in self.outputs.glob("runs/*/*/last.ckpt")]

    def end(self) -> tuple[int, str]:
        """Return exit code and errors."""
        _, errors = self.process.communicate(timeout=240)
        return self.process.returncode, errors


def status(outputs: Path) -> str:
    return json.loads((only_run(outputs) / "run.json").read_text())["status"]


def results(outputs: Path) -> dict[str, Any]:
    """Metrics, history and digest of the weights of every run."""
    found = {}
    for run in run_directories(outputs):
        facts = json.loads((run / "run.json").read_text())
        history = (run / "history.csv").read_text()
        found[facts["name"]] = (facts["metrics"], facts["weights_sha256"], history)
    return found


@pytest.mark.cluster
def test_whatever_ends_a_run_on_two_devices_it_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    code, errors = Run(tmp_path / "whole").end()
    assert code == 0, errors
    outputs = tmp_path / "disturbed"

    run = Run(outputs)
    other = run.await_checkpoint()
    os.killpg(run.process.pid, signal.SIGINT)  # as a terminal does it
    code, errors = run.end()
    assert (code, status(outputs)) == (130, "interrupted"), errors
    assert "the same command goes on from here" in errors
    until(lambda: not Path(f"/proc/{other}").exists(), "the other process ends")

    run = Run(outputs)
    os.kill(run.await_checkpoint(), signal.SIGKILL)
    code, errors = run.end()
    assert (code, status(outputs)) == (1, "failed")
    assert errors.splitlines()[-1].startswith("error: rank 1 was killed by SIGKILL; the same comma")

    run = Run(outputs)
    other = run.await_checkpoint()
    run.process.kill()
    run.end()
    assert status(outputs) == "running"
    until(lambda: not Path(f"/proc/{other}").exists(), "the other process dies with the first")

    code, errors = Run(outputs).end()
    assert code == 0, errors
    assert results(outputs) == results(tmp_path / "whole")


@pytest.mark.cluster
def test_a_sweep_on_two_devices_and_threads_gives_the_numbers_of_single_runs(
    tmp_path: Path,
) -> None:
    """Processes are forked from a forked job here; with more threads they are started anew."""
    for outputs, more in (("swept", ("trainer.threads=1,2", "-m")), ("alone", ())):
        done = train(tmp_path / outputs, *DDP, *more, small=False)
        assert done.returncode == 0, done.stderr
    swept, alone = results(tmp_path / "swept"), results(tmp_path / "alone")
    assert len(swept) == 2
    assert swept.items() > alone.items()
