"""Claims about sweeps: what is run, skipped, survived and reported."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from project.launchers.launching import GridLauncher, check_numbers
from project.launchers.local import LocalLauncher
from project.launchers.ray.launcher import RayLauncher
from project.launchers.slurm.launcher import SlurmLauncher
from project.refusing import ConfigurationError
from tests.commands import ROOT, SMALL, command, run_directories, train


def test_a_sweep_runs_the_grid_then_skips_it_then_does_only_what_is_new(tmp_path: Path) -> None:
    words = ("model=basic", "-m", "seed=range(2)")  # -m in the middle, as users type it
    first = train(tmp_path, *words)
    assert first.returncode == 0, first.stderr
    assert [path.name for path in run_directories(tmp_path)] == ["seed=0", "seed=1"]
    assert "2 done" in first.stdout
    written = {path: path.read_bytes() for path in tmp_path.glob("runs/*/*/run.json")}

    again = train(tmp_path, *words)
    assert again.returncode == 0
    assert "0 done, 2 skipped" in again.stdout

    wider = train(tmp_path, "model=basic", "-m", "seed=range(3)")
    assert "1 done, 2 skipped" in wider.stdout
    assert {path: path.read_bytes() for path in written} == written


def test_a_sweep_gives_the_numbers_of_single_runs(tmp_path: Path) -> None:
    train(tmp_path / "sweep", "-m", "seed=3,4")
    train(tmp_path / "single", "seed=4")
    (single,) = run_directories(tmp_path / "single")
    swept = tmp_path / "sweep" / single.relative_to(tmp_path / "single")
    assert (swept / "history.csv").read_bytes() == (single / "history.csv").read_bytes()
    metrics = [json.loads((each / "run.json").read_text())["metrics"] for each in (swept, single)]
    assert metrics[0] == metrics[1]


@pytest.mark.parametrize("launcher", ["local", "basic"])
def test_a_failed_job_is_a_row_and_the_others_go_on(tmp_path: Path, launcher: str) -> None:
    mixed = train(
        tmp_path, "model=basic", "-m", "optimizer.lr=1e30,1", f"hydra/launcher={launcher}"
    )
    assert mixed.returncode == 1
    statuses = {
        json.loads((path / "run.json").read_text())["status"] for path in run_directories(tmp_path)
    }
    assert statuses == {"completed", "failed"}
    if launcher == "local":
        assert "FAILED basic-" in mixed.stderr
        assert "a smaller optimizer.lr usually helps" in mixed.stderr
        (log,) = [line.split("log: ")[1] for line in mixed.stderr.splitlines() if "log: " in line]
        assert "NonFiniteLossError" in Path(log).read_text()


BADLY_BEHAVED = '''
"""Nets that end their process in ways that no try block sees."""
import ctypes, os, resource, signal, sys, time
import torch
from project.models import Basic

class Exits(Basic):
    def forward(self, pairs): sys.exit(0)

class Killed(Basic):
    def forward(self, pairs): os.kill(os.getpid(), signal.SIGKILL)

class Segfaults(Basic):
    def forward(self, pairs): ctypes.string_at(0)

class Exhausts(Basic):
    def forward(self, pairs):
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (2**34, hard))
        torch.zeros(2**34)

class Hangs(Basic):
    def forward(self, pairs): time.sleep(3600)
'''


def test_jobs_that_exit_crash_or_hang_are_failed_rows(tmp_path: Path) -> None:
    (tmp_path / "badly_behaved.py").write_text(BADLY_BEHAVED)
    targets = ["Hangs", "Exits", "Killed", "Segfaults", "Exhausts"]  # the first takes longest
    names = ",".join(f"badly_behaved.{target}" for target in targets)
    swept = subprocess.run(
        command(
            "project.train",
            tmp_path / "out",
            *SMALL,
            "model=basic",
            "-m",
            f"model._target_={names},project.models.Basic",
            "hydra.launcher.timeout_minutes=0.25",
        ),
        capture_output=True,
        text=True,
        timeout=280,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
    )
    assert swept.returncode == 1, swept.stderr
    assert "1 done, 5 failed" in swept.stdout
    for reason in (
        "killed by SIGKILL",
        "killed by SIGSEGV",
        "ran past hydra.launcher.timeout_minutes",
        "the run's own code called sys.exit(0)",
        "can't allocate memory",
    ):
        assert reason in swept.stderr, reason


def test_max_failures_starts_no_more_jobs(tmp_path: Path) -> None:
    stopped = train(
        tmp_path,
        "model=basic",
        "optimizer.lr=1e30",
        "-m",
        "seed=range(6)",
        "hydra.launcher.jobs=1",
        "hydra.launcher.max_failures=2",
    )
    assert stopped.returncode == 1
    assert "0 done, 2 failed, 4 not started" in stopped.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("seed=0,1", "hydra.launcher.jobs=-1"),
            "hydra.launcher.jobs=-1: must be a whole number above 0, or null (as many as there are "
            "cores)",
        ),
        (("seed=range(0)",), "seed=range(0) holds no value, so there is no job"),
        (
            ("seed=0,1", "hydra/launcher=ray", "hydra.launcher.memory_gb=abc"),
            "hydra.launcher.memory_gb=abc: must be a number above 0, or null (not counted)",
        ),
        (
            ("seed=0,1", "hydra/launcher=ray", "hydra.launcher.num_gpus=1.5"),
            "hydra.launcher.num_gpus=1.5: above 1 it must be a whole number, since jobs can share "
            "no more than one GPU",
        ),
        (
            ("seed=0,1", "hydra/launcher=ray", "hydra.launcher.address=6379"),
            "hydra.launcher.address=6379: must be null, auto, or HOST:PORT of the cluster's head "
            "(the port is 6379 unless `ray start` was given another)",
        ),
    ],
)
def test_a_sweep_that_cannot_be_is_refused_in_a_line(
    tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    refused = train(tmp_path, "-m", *words, timeout=60)
    assert (refused.returncode, refused.stderr) == (2, f"error: {said}\n")
    assert not list(tmp_path.iterdir())


LAUNCHERS = {"local": LocalLauncher, "ray": RayLauncher, "slurm": SlurmLauncher}


def values_of(launcher: str) -> dict[str, Any]:
    return yaml.safe_load((ROOT / "conf/hydra/launcher" / f"{launcher}.yaml").read_text())


@pytest.mark.parametrize(("name", "launcher"), LAUNCHERS.items())
def test_what_stands_in_a_launchers_file_is_allowed_and_every_number_has_a_rule(
    name: str, launcher: type[GridLauncher]
) -> None:
    values = values_of(name)
    check_numbers(values, launcher.numbers)
    assert {key for key, value in values.items() if type(value) is int} <= launcher.numbers.keys()


COUNT = "must be a whole number above 0"
AMOUNT = "must be a number above 0"


@pytest.mark.parametrize(
    ("launcher", "key", "value", "said"),
    [
        *[("local", "jobs", value, COUNT) for value in (0, -1, 1.5, "abc", True)],
        *[("local", "timeout_minutes", value, AMOUNT) for value in (0, -1, "abc", float("inf"))],
        *[("local", "max_failures", value, f"{COUNT}, or null") for value in (0, "x")],
        *[("ray", "num_cpus", value, AMOUNT) for value in (0, "abc", None)],
        *[("ray", "num_gpus", value, "must be a number of at least 0") for value in (-1, "abc")],
        ("ray", "memory_gb", "abc", f"{AMOUNT}, or null"),
        *[("ray", "checkpoint_seconds", value, AMOUNT) for value in (0, "abc")],
        *[("ray", "retries", value, "a whole number of at least 0") for value in (-1, None)],
        ("ray", "timeout_minutes", 0, AMOUNT),
        *[("slurm", "array_parallelism", value, f"{COUNT}, or null") for value in (0, -1)],
        *[("slurm", "array_size", value, COUNT) for value in (0, None)],
    ],
)
def test_a_number_that_a_launcher_cannot_use_is_refused_by_its_key(
    launcher: str, key: str, value: Any, said: str
) -> None:
    values = values_of(launcher) | {key: value}
    shown = "null" if value is None else str(value)
    with pytest.raises(ConfigurationError) as refused:
        check_numbers(values, LAUNCHERS[launcher].numbers)
    assert str(refused.value).startswith(f"hydra.launcher.{key}={shown}: ")
    assert said in str(refused.value)


@pytest.mark.parametrize("value", [None, 1, 0.25])
def test_a_number_that_a_launcher_can_use_is_not_refused(value: float | None) -> None:
    check_numbers(values_of("local") | {"timeout_minutes": value}, LocalLauncher.numbers)


def _start_long_sweep(outputs: Path) -> subprocess.Popen[str]:
    words = (*SMALL[:-1], "trainer.max_epochs=3000", "model=basic", "-m", "seed=range(3)")
    sweep = subprocess.Popen(
        command("project.train", outputs, *words, "hydra.launcher.jobs=2"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 120
    while len(list(outputs.glob("runs/*/seed=*/last.ckpt"))) < 2:
        assert sweep.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return sweep


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_the_jobs_at_a_batch_boundary(
    tmp_path: Path, number: signal.Signals, exit_code: int
) -> None:
    sweep = _start_long_sweep(tmp_path)
    sweep.send_signal(number)
    output, errors = sweep.communicate(timeout=60)
    assert sweep.returncode == exit_code, errors
    assert "0 done, 2 interrupted, 1 not started" in output
    assert "the same command goes on with what is left" in errors
    for directory in run_directories(tmp_path):
        assert json.loads((directory / "run.json").read_text())["status"] == "interrupted"


def test_killing_the_launcher_leaves_no_orphans(tmp_path: Path) -> None:
    sweep = _start_long_sweep(tmp_path)
    records = [json.loads((each / "run.json").read_text()) for each in run_directories(tmp_path)]
    workers = [record["process"]["pid"] for record in records]
    sweep.kill()
    sweep.communicate()
    deadline = time.monotonic() + 20
    while any(Path(f"/proc/{pid}").exists() for pid in workers):
        assert time.monotonic() < deadline, "a job outlived its launcher"
        time.sleep(0.05)


def test_a_sweep_over_a_directory_that_holds_another_run_is_refused(tmp_path: Path) -> None:
    """Finished runs are held against their names too, before they are counted."""
    words = ("model=basic", "-m", "seed=0,1")
    assert train(tmp_path, *words).returncode == 0
    stored = run_directories(tmp_path)[1] / "config.yaml"
    stored.write_text(stored.read_text().replace("lr: 1.0", "lr: 0.5"))
    refused = train(tmp_path, *words)
    assert refused.returncode == 4
    assert f"{stored.parent} holds another run than its name says:" in refused.stderr
    assert '-      "lr": 0.5' in refused.stderr
    assert "Traceback" not in refused.stderr
