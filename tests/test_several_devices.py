"""`trainer=ddp` as a user meets it: typed, interrupted, killed, in a sweep."""

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from project.composition import compose_values
from project.configuration import Trainer
from project.refusing import ConfigurationError
from project.runs.identity import identify
from project.train import check_devices
from tests.commands import command, run_directories
from tests.faults.sweeps import BUDGET, PATIENCE, family, kill, results, until

DDP = ("trainer=ddp", *BUDGET)


@pytest.mark.parametrize(
    ("words", "arm_hash"),
    [([], "419b4345"), (["model=basic"], "4281e31f"), (["trainer=gpu"], "fbf17109")],
)
def test_runs_on_one_device_are_the_runs_that_they_were(words: list[str], arm_hash: str) -> None:
    """Golden values, of before there could be several devices."""
    assert identify(compose_values("train", words), "mnist").arm_hash == arm_hash


def test_on_several_devices_a_run_is_another() -> None:
    """Sums are rounded in another order: the bits differ."""
    hashes = {
        identify(compose_values("train", ["trainer=ddp", f"trainer.devices={n}"]), "mnist").arm_hash
        for n in (1, 2, 3)
    }
    assert len(hashes) == 3
    assert "419b4345" in hashes


def test_more_gpus_than_there_are_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    asked: dict[str, Any] = {"max_epochs": 1, "accelerator": "gpu", "threads": 1}
    check_devices(Trainer(**asked, devices=2))
    with pytest.raises(ConfigurationError, match=r"trainer\.devices=4: torch sees 2 GPUs"):
        check_devices(Trainer(**asked, devices=4))


class Run:
    """`python -m project.train trainer=ddp` in a session of its own."""

    def __init__(self, outputs: Path) -> None:
        self.outputs = outputs
        self.process = subprocess.Popen(
            command("project.train", outputs, *DDP),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def await_checkpoint(self) -> None:
        """Until it has trained an epoch more."""
        before = self._checkpoints()
        until(lambda: self._checkpoints() != before, "a checkpoint is written")

    def _checkpoints(self) -> list[int]:
        return [path.stat().st_mtime_ns for path in self.outputs.glob("runs/*/*/last.ckpt")]

    def other_rank(self) -> int:
        (rank,) = (each.pid for each in family(self.process.pid) if each.pid != self.process.pid)
        return rank

    def end(self) -> tuple[int, str, str]:
        """Exit code and output; fails if a process of it is left."""
        output, errors = self.process.communicate(timeout=PATIENCE)
        until(lambda: not family(self.process.pid), "no rank outlives the run")
        return self.process.returncode, output, errors

    def status(self) -> str:
        (directory,) = run_directories(self.outputs)
        return json.loads((directory / "run.json").read_text())["status"]


@pytest.mark.cluster
def test_whatever_ends_a_run_on_two_devices_it_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    whole = Run(tmp_path / "whole")
    code, output, errors = whole.end()
    assert code == 0, errors
    assert "test error" in output

    outputs = tmp_path / "disturbed"
    run = Run(outputs)
    run.await_checkpoint()
    os.killpg(run.process.pid, signal.SIGINT)  # as a terminal does it
    code, _, errors = run.end()
    assert (code, run.status()) == (130, "interrupted"), errors
    assert "the same command goes on from here" in errors

    run = Run(outputs)
    run.await_checkpoint()
    kill(run.other_rank())
    code, _, errors = run.end()
    assert (code, run.status()) == (1, "failed")
    assert errors.splitlines()[-1].startswith("error: rank 1 was killed by SIGKILL; the same comma")

    run = Run(outputs)
    run.await_checkpoint()
    run.process.kill()
    run.end()
    assert run.status() == "running"

    assert Run(outputs).end()[0] == 0
    assert results(outputs) == results(tmp_path / "whole")


@pytest.mark.cluster
def test_a_sweep_on_two_devices_and_threads_gives_the_numbers_of_single_runs(
    tmp_path: Path,
) -> None:
    """Ranks are forked from a forked job here; with more threads they are started anew."""
    words = (*DDP, "trainer.max_epochs=2")
    for outputs, more in (("single", ("trainer.threads=1,2", "-m")), ("alone", ())):
        done = subprocess.run(
            command("project.train", tmp_path / outputs, *words, *more),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert done.returncode == 0, done.stderr
    swept, alone = results(tmp_path / "single"), results(tmp_path / "alone")
    assert len(swept) == 2
    assert swept.items() > alone.items()
