"""SIGKILL at random moments: what was typed again ends as if nothing had happened."""

import json
import random
import subprocess
from pathlib import Path

import pytest

from tests.commands import command
from tests.faults.campaign import VICTIMS, Campaign
from tests.faults.sweeps import BUDGET, Sweep, kill, results, until
from tests.small_runs import run_directories, type_command

SEED = 20  # of what is drawn; printed, as every kill is, when a test fails
SWEEP_KILLS = 10
RUN_KILLS = 5
TWO_RUNS = ("model=basic", "seed=range(2)")


@pytest.mark.timeout(900)
def test_a_sweep_whose_launcher_is_killed_leaves_no_process_and_goes_on(tmp_path: Path) -> None:
    """The one proof for sweeps; a job is killed too. The campaign below kills the rest."""
    words = command("project.train", tmp_path / "undisturbed", *BUDGET, "-m", *TWO_RUNS)[3:]
    assert type_command("project.train", *words).exit_code == 0
    outputs = tmp_path / "killed"
    first = Sweep(outputs, *TWO_RUNS)
    until(lambda: any(outputs.glob("runs/*/*/last.ckpt")), "a run has a checkpoint")
    kill(first.jobs()[0])
    first.kill()
    first.await_end_of_family()
    second = Sweep(outputs, *TWO_RUNS)
    assert second.wait() == 0, second.errors
    assert results(outputs) == results(tmp_path / "undisturbed")
    logs = [path.read_text() for path in outputs.glob("runs/*/*/run.log")]
    assert any("resuming from" in log for log in logs)


@pytest.mark.faults
@pytest.mark.timeout(1800)
def test_a_sweep_that_is_killed_often_ends_as_an_undisturbed_one(tmp_path: Path) -> None:
    """Launcher, jobs, jobs that write, fork server; after each the session leaves no process."""
    campaign = Campaign(tmp_path, ("model=basic,ws_al", "seed=range(3)"), SEED, print)
    campaign.run(SWEEP_KILLS)
    assert campaign.kills.total() >= SWEEP_KILLS
    assert campaign.kills.keys() >= VICTIMS.keys()
    assert campaign.complete >= 1
    assert campaign.resumed >= 1


@pytest.mark.faults
@pytest.mark.timeout(1800)
def test_a_single_run_that_is_killed_and_typed_again_ends_as_an_undisturbed_one(
    tmp_path: Path,
) -> None:
    drawn = random.Random(SEED)
    words = ("model=ws_al_do", *BUDGET)
    subprocess.run(command("project.train", tmp_path / "undisturbed", *words), check=True)
    (directory,) = run_directories(tmp_path / "undisturbed")
    seconds = json.loads((directory / "run.json").read_text())["seconds"]["session"]
    outputs = tmp_path / "killed"
    kills = completed = 0
    while kills < RUN_KILLS:
        process = subprocess.Popen(command("project.train", outputs, *words))
        await_begin(outputs, process, record_time(outputs))
        # Twice as likely at the end as at the beginning: a run that goes on has less to do.
        try:
            process.wait(max(drawn.uniform(0, seconds), drawn.uniform(0, seconds)))
        except subprocess.TimeoutExpired:
            process.kill()
        if process.wait() == 0:
            assert results(outputs) == results(tmp_path / "undisturbed")
            completed += 1
            outputs.rename(tmp_path / f"complete-{completed}")
        else:
            assert process.returncode == -9
            kills += 1
            print(f"kill {kills}")
    subprocess.run(command("project.train", outputs, *words), check=True)
    assert results(outputs) == results(tmp_path / "undisturbed")


def await_begin(outputs: Path, process: subprocess.Popen[bytes], before: int) -> None:
    """Wait until the run has written its record anew, or the command has ended."""
    until(
        lambda: record_time(outputs) != before or process.poll() is not None,
        "the run has begun or was completed before",
    )


def record_time(outputs: Path) -> int:
    """When the record was last written; 0 if it is not there."""
    records = [path.stat().st_mtime_ns for path in outputs.glob("runs/*/*/run.json")]
    return max(records, default=0)


def test_until_fails_with_its_claim(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.faults.sweeps.TIMEOUT", 0.05)
    with pytest.raises(AssertionError, match="a claim"):
        until(lambda: False, "a claim")
