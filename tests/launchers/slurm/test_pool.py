"""Sweeps through submitit: its local executor, and Slurm as far as its commands can be imitated."""

import json
import os
import signal
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from project.config.compose import compose_with_hydra
from project.launchers.pool import JobEnd
from project.launchers.settings import read_settings
from project.launchers.slurm.launcher import SlurmLauncher
from project.launchers.slurm.settings import SlurmSettings
from tests.commands import ROOT
from tests.faults.sweeps import Sweep, kill, results, until
from tests.launchers.odd_jobs import TASK, odd_job
from tests.launchers.slurm import fake_slurm
from tests.launchers.sweeps import sweep
from tests.small_runs import record, run_directories

# Long enough that a signal finds a job at work.
WORDS = ("model=basic", "seed=0,1", "trainer.max_epochs=40")
HERE = "hydra/launcher=submitit_local"


class Odd:
    """An experiment of jobs that need no configuration."""

    task = TASK


def launcher(name: str, **changes: Any) -> SlurmLauncher:
    """As its file says, but for `changes`."""
    section = compose_with_hydra("train", [f"hydra/launcher={name}"]).hydra.launcher
    made = SlurmLauncher()
    made.settings = read_settings(
        SlurmSettings, OmegaConf.merge(section, changes), "hydra.launcher."
    )
    made.experiment = Odd()  # type: ignore[misc, assignment]
    return made


def ended(folder: Path, made: SlurmLauncher, *acts: str) -> dict[str, JobEnd]:
    """How the job of each act ended."""
    jobs = [odd_job(folder, number, act) for number, act in enumerate(acts)]
    with made.pool(jobs) as pool:
        ends = pool.run(jobs, lambda job: None)
        return {each.job.spec.config["act"]: each for each in ends}


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The state of a Slurm whose commands are found; no job of it is left."""
    state, commands = tmp_path / "slurm", tmp_path / "bin"
    state.mkdir()
    commands.mkdir()
    for name in ("sbatch", "srun", "squeue", "scancel", "scontrol"):
        script = commands / name
        script.write_text(f'#!/bin/sh\nexec {sys.executable} {fake_slurm.__file__} {name} "$@"\n')
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{commands}:{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_SLURM", str(state))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    yield state
    until(lambda: not [each for each in state.iterdir() if not each.suffix], "no job is left")


def test_without_slurm_the_launcher_says_so_and_names_the_one_for_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    refused = sweep(tmp_path, "hydra/launcher=slurm", "seed=0,1")
    assert refused.exit_code == 2
    assert "there is no sbatch on this machine" in refused.errors
    assert "hydra/launcher=submitit_local" in refused.errors
    assert not list(tmp_path.iterdir())


def test_without_submitit_the_command_that_installs_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "submitit", None)
    refused = sweep(tmp_path, HERE, "seed=0,1")
    assert refused.exit_code == 2
    assert "pip install -c .ci/constraints.txt -e '.[slurm]'" in refused.errors
    assert not list(tmp_path.iterdir())


ENDS = {
    "nothing": (0, "done"),
    "raise": (1, "in two lines"),
    "explain": (3, "ExplainedError: a message for the user in two lines"),
    "exit 7": (0, "left no result: it has printed nothing"),
    "segfault": (0, "left no result: Fatal Python error: Segmentation fault"),
    "kill": (0, "left no result: it has printed nothing"),
}


@pytest.mark.cluster
def test_jobs_end_as_they_like_and_their_logs_are_kept(tmp_path: Path) -> None:
    found = ended(tmp_path, launcher("submitit_local"), *ENDS, "locked once")
    assert {act: (found[act].exit_code, found[act].reason()) for act in ENDS} == ENDS
    assert found["locked once"].exit_code == 0
    assert "printed before the error" in found["raise"].log.read_text()


@pytest.mark.cluster
def test_slurm_gets_one_array_with_what_was_asked_for(tmp_path: Path, slurm: Path) -> None:
    asked = launcher(
        "slurm",
        partition="short",
        timeout_minutes=30,
        cpus_per_task=2,
        gpus_per_node=1,
        mem_gb=4,
        array_parallelism=2,
        setup=["export PREPARED=yes"],
        additional_parameters={"nice": 100},
    )
    found = ended(tmp_path, asked, "nothing", "explain", "raise")
    assert {act: found[act].reason() for act in found} == {
        act: ENDS[act][1] for act in ("nothing", "explain", "raise")
    }
    (script,) = slurm.glob("*.sh")
    lines = script.read_text().splitlines()
    for line in (
        "#SBATCH --array=0-2%2",
        "#SBATCH --partition=short",
        "#SBATCH --time=30",
        "#SBATCH --cpus-per-task=2",
        "#SBATCH --gpus-per-node=1",
        "#SBATCH --mem=4GB",
        "#SBATCH --nice=100",
        "#SBATCH --requeue",
        "#SBATCH --signal=USR2@90",
        "export PREPARED=yes",
    ):
        assert line in lines, line
    assert not any("--account" in line or "--qos" in line for line in lines)


@pytest.mark.cluster
def test_a_job_that_slurm_has_killed_is_found_missing(
    tmp_path: Path, slurm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("project.launchers.slurm.pool.STATE_SECONDS", 0.3)
    found = ended(tmp_path, launcher("slurm"), "kill")
    assert found["kill"].reason() == ENDS["kill"][1]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The results of the local launcher."""
    outputs = tmp_path_factory.mktemp("local")
    local = Sweep(outputs, *WORDS)
    assert local.wait() == 0, local.errors
    return results(outputs)


def worker(outputs: Path, seed: int) -> int:
    """The process that trains this seed, which has written a checkpoint."""

    def found() -> list[Path]:
        return list(outputs.glob(f"runs/*/seed_{seed}/last.ckpt"))

    until(lambda: bool(found()), "a checkpoint is written")
    return record(found()[0].parent)["process"]["pid"]


@pytest.mark.cluster
def test_jobs_that_are_interrupted_preempted_or_killed_end_as_undisturbed_ones(
    tmp_path: Path, undisturbed: dict[str, Any]
) -> None:
    words = (HERE, "hydra.launcher.array_parallelism=2", *WORDS)
    swept = Sweep(tmp_path, *words)
    for seed in (0, 1):
        worker(tmp_path, seed)
    os.killpg(swept.process.pid, signal.SIGINT)  # as a terminal does it
    assert swept.wait() == 130, swept.errors
    assert "0 done, 2 interrupted; " in swept.output
    assert "to go on: " in swept.errors
    assert "Traceback" not in swept.errors
    swept.await_end_of_family()

    interrupted = [worker(tmp_path, seed) for seed in (0, 1)]
    swept = Sweep(tmp_path, *words)
    until(lambda: all(worker(tmp_path, s) not in interrupted for s in (0, 1)), "both go on")
    assert kill(worker(tmp_path, 0))
    os.kill(preempted := worker(tmp_path, 1), signal.SIGUSR1)
    assert swept.wait() == 1, swept.errors
    assert "1 done, 1 failed; " in swept.output
    assert "FAILED basic-" in swept.errors
    assert "left no result" in swept.errors
    (log,) = [Path(line.split("log: ")[1]) for line in swept.errors.splitlines() if "log: " in line]
    assert log.exists()
    assert worker(tmp_path, 1) != preempted

    swept = Sweep(tmp_path, *words)
    assert swept.wait() == 0, swept.errors
    assert "1 done, 1 skipped; " in swept.output
    assert results(tmp_path) == undisturbed


@pytest.mark.cluster
def test_slurm_is_asked_to_queue_preempted_jobs_again(
    tmp_path: Path, slurm: Path, undisturbed: dict[str, Any]
) -> None:
    outputs = tmp_path / "out"
    swept = Sweep(outputs, "hydra/launcher=slurm", *WORDS)
    for seed, number in ((0, signal.SIGTERM), (1, signal.SIGUSR2)):
        os.kill(worker(outputs, seed), number)
    assert swept.wait() == 0, swept.errors
    assert {path.name for path in slurm.glob("*.was-requeued")} == {
        "77_0.was-requeued",
        "77_1.was-requeued",
    }
    assert results(outputs) == undisturbed
    assert not (outputs / "submitit").exists()


@pytest.mark.cluster
def test_ctrl_c_cancels_the_jobs_of_slurm_and_none_queues_itself_again(
    tmp_path: Path, slurm: Path
) -> None:
    outputs = tmp_path / "out"
    swept = Sweep(outputs, "hydra/launcher=slurm", "model=basic", "trainer.max_epochs=3000")
    worker(outputs, 0)
    os.kill(swept.process.pid, signal.SIGINT)
    assert swept.wait() == 130, swept.errors
    assert "1 interrupted; " in swept.output
    assert len(list(slurm.glob("*.cancelled"))) == 1
    assert not list(slurm.glob("*requeue*"))
    (directory,) = run_directories(outputs)
    assert json.loads((directory / "run.json").read_text())["status"] == "interrupted"
