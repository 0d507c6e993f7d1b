"""SIGKILL at random moments: what was typed again ends as if nothing had happened."""

import json
import random
from pathlib import Path

import pytest

from tests.commands import command, run_directories
from tests.faults.campaign import VICTIMS, Campaign
from tests.faults.forked import begin
from tests.faults.sweeps import BUDGET, results, until

SEED = 20  # of what is drawn; printed, as every kill is, when a test fails
SWEEP_KILLS = 11
RUN_KILLS = 10


@pytest.mark.timeout(1800)
def test_a_sweep_that_is_killed_and_typed_again_ends_as_an_undisturbed_one(
    tmp_path: Path,
) -> None:
    """Launcher, jobs, jobs that write, fork server; after each the session leaves no process."""
    campaign = Campaign(tmp_path, ("model=basic,ws_al", "seed=range(3)"), SEED, print)
    campaign.run(SWEEP_KILLS)
    assert campaign.kills.total() >= SWEEP_KILLS
    assert campaign.kills.keys() >= VICTIMS.keys()
    assert campaign.complete >= 1
    assert campaign.resumed >= 1


@pytest.mark.timeout(900)
def test_a_single_run_that_is_killed_and_typed_again_ends_as_an_undisturbed_one(
    tmp_path: Path,
) -> None:
    drawn = random.Random(SEED)
    outputs = {name: tmp_path / name for name in ("undisturbed", "killed")}
    words = {
        name: command("project.train", path, "model=ws_al_do", *BUDGET)[3:]
        for name, path in outputs.items()
    }
    printed = tmp_path / "printed"
    undisturbed = begin(words["undisturbed"], printed)
    undisturbed.join()
    assert undisturbed.exitcode == 0, printed.read_text()
    (directory,) = run_directories(outputs["undisturbed"])
    seconds = json.loads((directory / "run.json").read_text())["seconds"]["session"]
    kills = completed = 0
    while kills < RUN_KILLS:
        process = begin(words["killed"], printed)
        # Twice as likely at the end as at the beginning: a run that goes on has less to do.
        process.join(max(drawn.uniform(0, seconds), drawn.uniform(0, seconds)))
        process.kill()
        process.join()
        if process.exitcode == 0:
            assert results(outputs["killed"]) == results(outputs["undisturbed"])
            completed += 1
            outputs["killed"].rename(tmp_path / f"complete-{completed}")
        else:
            assert process.exitcode == -9, printed.read_text()
            kills += 1
            print(f"kill {kills}")
    last = begin(words["killed"], printed)
    last.join()
    assert last.exitcode == 0, printed.read_text()
    assert results(outputs["killed"]) == results(outputs["undisturbed"])


def test_until_fails_with_its_claim(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.faults.sweeps.PATIENCE", 0.05)
    with pytest.raises(AssertionError, match="a claim"):
        until(lambda: False, "a claim")
