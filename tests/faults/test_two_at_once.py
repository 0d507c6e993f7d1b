"""Two processes that want the same runs: each run is made once, and the other one waits for it."""

import os
import re
import socket
from pathlib import Path

import pytest

from project.runs.lock import locked
from tests.faults.sweeps import EPOCHS, Sweep, results, until
from tests.small_runs import run_directories

pytestmark = pytest.mark.faults

WORDS = ("model=basic,ws_al", "seed=range(3)", "hydra.launcher.n_jobs=2")
RUNS = 6


def counted(sweep: Sweep, what: str) -> int:
    """A number of the sweep's last line: `4 done, 2 skipped; 8.1 s`."""
    count = re.search(rf"(\d+) {what}", sweep.output.splitlines()[-1])
    return int(count.group(1)) if count else 0


def assert_each_run_was_made_once(outputs: Path) -> None:
    for directory in run_directories(outputs):
        log = (directory / "run.log").read_text()
        for epoch in range(1, EPOCHS + 1):
            assert log.count(f"epoch {epoch}/{EPOCHS}") == 1, directory


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> list[Sweep]:
    """Two sweeps of one command, started at once, when both have ended."""
    outputs = tmp_path_factory.mktemp("two")
    sweeps = [Sweep(outputs, *WORDS), Sweep(outputs, *WORDS)]
    for sweep in sweeps:
        sweep.wait()
    return sweeps


@pytest.mark.timeout(900)
def test_two_sweeps_started_in_the_same_second_make_each_run_once(two: list[Sweep]) -> None:
    assert [sweep.process.returncode for sweep in two] == [0, 0], two[0].errors + two[1].errors
    assert sum(counted(sweep, "done") for sweep in two) == RUNS
    for sweep in two:
        assert counted(sweep, "done") + counted(sweep, "skipped") == RUNS
        assert counted(sweep, "failed") == 0
    assert_each_run_was_made_once(two[0].outputs)


@pytest.mark.timeout(900)
def test_two_resumes_of_a_killed_sweep_end_as_an_undisturbed_one(
    two: list[Sweep], tmp_path: Path
) -> None:
    """One of them is killed as well: the other does what it leaves."""
    killed = Sweep(tmp_path, *WORDS)
    until(lambda: any(tmp_path.glob("runs/*/seed_*/last.ckpt")), "a run has begun")
    killed.kill()
    resumes = [Sweep(tmp_path, *WORDS), Sweep(tmp_path, *WORDS)]
    until(lambda: any(sweep.jobs() for sweep in resumes), "a job has begun")
    resumes[0].kill()
    assert resumes[1].wait() == 0, resumes[1].errors
    assert results(tmp_path) == results(two[0].outputs)
    for sweep in (killed, *resumes):
        sweep.await_end_of_family()


@pytest.mark.timeout(600)
def test_a_sweep_names_the_process_that_it_waits_for_and_goes_on_after_it(
    two: list[Sweep], tmp_path: Path
) -> None:
    variant = next(two[0].outputs.glob("runs/basic-*")).name
    with locked(tmp_path / "runs" / variant / "seed_1"):
        sweep = Sweep(tmp_path, "model=basic", "seed=1,2")
        waits = (
            f"{variant}/seed_1: waits for process {os.getpid()} on {socket.gethostname()}, "
            "which works on it"
        )
        until(lambda: waits in sweep.output, waits)
        until(lambda: f"{variant}/seed_2: val error" in sweep.output, "the other goes on")
        assert sweep.process.poll() is None
        assert sweep.output.count("waits for") == 1
    assert sweep.wait() == 0, sweep.errors
    assert "2 done; " in sweep.output
