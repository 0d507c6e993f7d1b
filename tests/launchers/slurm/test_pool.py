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
from project.composition import compose

from project.launchers.pool import Ended
from project.launchers.slurm.launcher import SlurmLauncher, SubmissionError
from tests.commands import run_directories, train
from tests.faults.sweeps import Sweep, kill, results, until
from tests.launchers import fake_slurm
from tests.launchers.test_processes import job

# Long enough that a signal finds a job at work.
WORDS = ("model=basic", "seed=0,1", "trainer.max_epochs=40")
HERE = "hydra/launcher=submitit_local"


class Odd:
    """An experiment of jobs that need no configuration."""

    task = ("tests.launchers.odd_jobs", "act")


def launcher(name: str, **changes: Any) -> SlurmLauncher:
    """As its file says, but for `changes`."""
    section = compose("train", [f"hydra/launcher={name}"], hydras_own=True).hydra.launcher
    values = {key: value for key, value in section.items() if key != "_target_"}
    made = SlurmLauncher(**values | changes)
    made.experiment = Odd()  # type: ignore[misc, assignment]
    return made


def ended(folder: Path, made: SlurmLauncher, *acts: str) -> dict[str, Ended]:
    """How the job of each act ended."""
    jobs = [job(folder, number, act) for number, act in enumerate(acts)]
    for each in jobs:
        each.values["paths"] = {"outputs": str(folder)}
    with made.pool(jobs) as pool:
        return {each.job.values["act"]: each for each in pool.run(jobs, lambda job: None)}


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
    yield state
    until(lambda: not [each for each in state.iterdir() if not each.suffix], "no job is left")


def test_without_slurm_the_launcher_says_so_and_names_the_one_for_here(tmp_path: Path) -> None:
    refused = train(tmp_path, "-m", "hydra/launcher=slurm", "seed=0,1", timeout=60)
    assert refused.returncode == 2
    assert "there is no sbatch on this machine" in refused.stderr
    assert "hydra/launcher=submitit_local" in refused.stderr
    assert not run_directories(tmp_path)


def test_without_submitit_the_command_that_installs_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(
        SubmissionError, match=r"pip install -c .ci/constraints.txt -e '.\[slurm\]'"
    ):
        ended(tmp_path, launcher("submitit_local"), "nothing")


@pytest.mark.parametrize(
    ("key", "value"), [("timeout_minutes", "soon"), ("cpus_per_task", "many"), ("mem_gb", "much")]
)
def test_a_value_that_submitit_refuses_is_bad_input(tmp_path: Path, key: str, value: str) -> None:
    with pytest.raises(SubmissionError, match=rf"hydra\.launcher: .*{value}"):
        ended(tmp_path, launcher("submitit_local", **{key: value}), "nothing")
    assert not list(tmp_path.glob("submitit/*"))


ENDS = {
    "nothing": (0, "done"),
    "raise": (1, "in two lines"),
    "explain": (3, "RuntimeError: a message for the user in two lines"),
    "exit 7": (0, "left no result: it has printed nothing"),
    "segfault": (0, "left no result: Fatal Python error: Segmentation fault"),
    "kill": (0, "left no result: it has printed nothing"),
}


@pytest.mark.cluster
def test_a_job_ends_as_it_likes_and_its_log_is_kept(tmp_path: Path) -> None:
    found = ended(tmp_path, launcher("submitit_local"), *ENDS, "held once")
    assert {act: (found[act].exit_code, found[act].reason()) for act in ENDS} == ENDS
    assert found["held once"].exit_code == 0
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
    sweep = Sweep(outputs, *WORDS)
    assert sweep.wait() == 0, sweep.errors
    return results(outputs)


def worker(outputs: Path, seed: int) -> int:
    """The process that trains this seed, which has written a checkpoint."""

    def found() -> list[Path]:
        return list(outputs.glob(f"runs/*/seed={seed}/last.ckpt"))

    until(lambda: bool(found()), "a checkpoint is written")
    return json.loads((found()[0].with_name("run.json")).read_text())["process"]["pid"]


@pytest.mark.cluster
def test_jobs_that_are_interrupted_preempted_or_killed_end_as_undisturbed_ones(
    tmp_path: Path, undisturbed: dict[str, Any]
) -> None:
    words = (HERE, "hydra.launcher.array_parallelism=2", *WORDS)
    sweep = Sweep(tmp_path, *words)
    for seed in (0, 1):
        worker(tmp_path, seed)
    os.killpg(sweep.process.pid, signal.SIGINT)  # as a terminal does it
    assert sweep.wait() == 130, sweep.errors
    assert "0 done, 2 interrupted" in sweep.output
    assert "to go on: " in sweep.errors
    assert "Traceback" not in sweep.errors
    sweep.await_end_of_family()

    interrupted = [worker(tmp_path, seed) for seed in (0, 1)]
    sweep = Sweep(tmp_path, *words)
    until(lambda: all(worker(tmp_path, s) not in interrupted for s in (0, 1)), "both go on")
    assert kill(worker(tmp_path, 0))
    os.kill(preempted := worker(tmp_path, 1), signal.SIGUSR1)
    assert sweep.wait() == 1, sweep.errors
    assert "1 done, 1 failed" in sweep.output
    assert "FAILED basic-" in sweep.errors
    assert "left no result" in sweep.errors
    (log,) = [Path(line.split("log: ")[1]) for line in sweep.errors.splitlines() if "log: " in line]
    assert log.exists()
    assert worker(tmp_path, 1) != preempted

    sweep = Sweep(tmp_path, *words)
    assert sweep.wait() == 0, sweep.errors
    assert "1 done, 1 skipped" in sweep.output
    assert results(tmp_path) == undisturbed


@pytest.mark.cluster
def test_slurm_is_asked_to_queue_preempted_jobs_again(
    tmp_path: Path, slurm: Path, undisturbed: dict[str, Any]
) -> None:
    outputs = tmp_path / "out"
    sweep = Sweep(outputs, "hydra/launcher=slurm", *WORDS)
    for seed, number in ((0, signal.SIGTERM), (1, signal.SIGUSR2)):
        os.kill(worker(outputs, seed), number)
    assert sweep.wait() == 0, sweep.errors
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
    sweep = Sweep(outputs, "hydra/launcher=slurm", "model=basic", "trainer.max_epochs=3000")
    worker(outputs, 0)
    os.kill(sweep.process.pid, signal.SIGINT)
    assert sweep.wait() == 130, sweep.errors
    assert "1 interrupted" in sweep.output
    assert len(list(slurm.glob("*.cancelled"))) == 1
    assert not list(slurm.glob("*requeue*"))
    (directory,) = run_directories(outputs)
    assert json.loads((directory / "run.json").read_text())["status"] == "interrupted"
