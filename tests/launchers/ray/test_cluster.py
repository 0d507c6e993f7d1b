"""`hydra/launcher=ray` on real nodes: `ray start`, twice, on the loopback.

In the order in which they stand: the cluster loses a node, and gets one that does not fit.
"""

import contextlib
import json
import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands import ROOT, SMALL, command
from tests.faults.sweeps import BUDGET, Sweep, family, results, until
from tests.faults.test_full_disks import mount, unmount
from tests.launchers.ray.nodes import Cluster
from tests.small_runs import run_directories, type_command

pytestmark = pytest.mark.cluster

GRID = ("model=basic", "optimizer.lr=0.5,1", "seed=range(6)", "trainer.max_epochs=16")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Two nodes of one CPU each."""
    cluster = Cluster()
    try:
        cluster.add()
        yield cluster
    finally:
        cluster.end()


@pytest.fixture
def join(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """The words that let a sweep run on the cluster."""
    for name, value in cluster.environment.items():
        monkeypatch.setenv(name, value)
    return ("hydra/launcher=ray", f"hydra.launcher.address='{cluster.address}'")


def statuses(outputs: Path) -> list[str]:
    """Of the runs that the driver has received."""
    found = []
    for directory in run_directories(outputs):
        # What is received anew takes the place of what is there, which is gone for a moment.
        with contextlib.suppress(FileNotFoundError):
            found.append(json.loads((directory / "run.json").read_text())["status"])
    return found


def typed(outputs: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command("project.train", outputs, *SMALL, "data=mnist_pairs", "-m", *words),
        capture_output=True, text=True, timeout=240,
    )  # fmt: skip


@pytest.mark.timeout(900)
def test_a_sweep_that_loses_a_node_ends_as_the_local_one(
    tmp_path: Path, cluster: Cluster, join: tuple[str, ...]
) -> None:
    victim = cluster.nodes[1]
    sweep = Sweep(tmp_path / "ray", *GRID, *join, "hydra.launcher.checkpoint_seconds=0.2")

    def in_the_middle() -> bool:
        assert sweep.process.poll() is None, sweep.errors
        # A run of the victim has been at work for a while; its directory has been received.
        there = list(victim.folder.glob("honest-ablations-*/run-*/runs/*/seed_*/previous.ckpt"))
        here = [tmp_path / "ray" / Path(*path.parts[-4:]) for path in there]
        return statuses(sweep.outputs).count("completed") >= 3 and any(
            path.exists() for path in here
        )

    until(in_the_middle, "a run of the node that will be lost has been received in part")
    victim.kill_raylet()
    assert sweep.wait() == 0, sweep.errors + sweep.output
    assert "12 done; " in sweep.output
    assert re.search(r"seed_\d \(.*\): lost \(.*\); goes on elsewhere", sweep.output)
    logs = [(each / "run.log").read_text() for each in run_directories(sweep.outputs)]
    assert any("resuming from" in log for log in logs), "no lost run went on from its checkpoint"
    until(lambda: not jobs_of(victim.process.pid), "no job outlives its node")

    local = tmp_path / "local"
    words = command("project.train", local, *BUDGET, "-m", *GRID)[3:]
    assert type_command("project.train", *words).exit_code == 0
    assert results(sweep.outputs) == results(local)
    assert origins(sweep.outputs) == origins(local)
    hidden = {path.name for path in sweep.outputs.glob("runs/*/.*")}
    assert all(name.endswith(".lock") for name in hidden), hidden

    again = typed(sweep.outputs, *sweep.arguments[4:], "hydra.launcher.address=127.0.0.1:9")
    assert again.returncode == 0, again.stderr
    assert "0 done, 12 skipped; " in again.stdout


def jobs_of(session: int) -> list[int]:
    """Processes of jobs, each of which leads a group of its own."""
    return [each.pid for each in family(session) if each.pid == each.group != session]


def origins(outputs: Path) -> dict[str, tuple[str, str, str, str]]:
    """What a run says of where it is from: the driver's machine, wherever it was made."""
    found = {}
    for directory in run_directories(outputs):
        record = json.loads((directory / "run.json").read_text())
        config = (directory / "config.yaml").read_text().replace(str(outputs), "OUTPUTS")
        origin = {name: record["provenance"][name] for name in ("git", "versions", "data", "code")}
        found[f"{directory.parent.name}/{directory.name}"] = (
            config,
            json.dumps(record["config"]).replace(str(outputs), "OUTPUTS"),
            json.dumps(origin),
            json.dumps([record[name] for name in ("variant", "model", "seed", "status")]),
        )
    return found


OWN_NET = """
from my_layers import Layer
from project.models import Basic

class Mine(Basic):
    def forward(self, pairs):
        return super().forward(Layer.passed(pairs))
"""
OWN_LAYER = """
class Layer:
    @staticmethod
    def passed(pairs):
        return pairs
"""


def test_own_modules_of_the_working_directory_are_sent(
    tmp_path: Path, join: tuple[str, ...]
) -> None:
    (tmp_path / "my_nets.py").write_text(OWN_NET)
    (tmp_path / "my_layers.py").write_text(OWN_LAYER)
    words = (*SMALL, "data=mnist_pairs", "model=basic", "model._target_=my_nets.Mine")
    keys = ("model.channels=[4,6]", "model.hidden=8")
    done = subprocess.run(
        [*command("project.train", tmp_path / "out", *words, *keys), "-m", "seed=0,1", *join],
        capture_output=True, text=True, timeout=240, cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "2 done; " in done.stdout
    first, _ = run_directories(tmp_path / "out")
    code = json.loads((first / "run.json").read_text())["provenance"]["code"]["definitions"]
    assert {"my_nets:Mine", "my_layers:Layer"} <= code.keys()


def test_a_job_that_fails_is_a_row_of_the_table_and_the_others_go_on(
    tmp_path: Path, join: tuple[str, ...]
) -> None:
    words = ("model=basic", *join)
    ended = typed(tmp_path, "optimizer.lr=1,1e30", *words)
    assert ended.returncode == 1, ended.stderr
    assert "1 done, 1 failed; " in ended.stdout
    assert "the loss became" in ended.stdout
    (log,) = tmp_path.glob("runs/*/.seed_0.log")
    assert str(log) in ended.stderr
    assert "the loss became" in log.read_text()

    stopped = typed(
        tmp_path, "optimizer.lr=1e30", "seed=range(6)", *words, "hydra.launcher.max_failures=1"
    )
    assert stopped.returncode == 1, stopped.stderr
    assert (
        "jobs were not started, because hydra.launcher.max_failures was reached" in stopped.stderr
    )


@pytest.mark.long
def test_a_rerun_moves_the_old_run_aside_on_the_drivers_machine(
    tmp_path: Path, join: tuple[str, ...]
) -> None:
    for words in ((), ("rerun=true",)):
        done = typed(tmp_path, "model=basic", *words, *join)
        assert done.returncode == 0, done.stderr
    (old,) = tmp_path.glob("trash/*/seed_0.1")
    (new,) = run_directories(tmp_path)
    assert (new / "history.csv").read_bytes() == (old / "history.csv").read_bytes()
    assert (new / "run.json").read_bytes() != (old / "run.json").read_bytes()


def test_more_than_any_node_has_is_refused_with_what_there_is(
    tmp_path: Path, join: tuple[str, ...]
) -> None:
    refused = typed(tmp_path, "seed=0,1", *join, "hydra.launcher.num_cpus=3")
    assert refused.returncode == 2, refused.stderr
    assert "no node of the cluster has what hydra.launcher asks for a job, num_cpus=3:" in (
        refused.stderr
    )
    assert re.search(r"node [\d.]+ \(\w{8}\): num_cpus=1", refused.stderr)
    assert not run_directories(tmp_path)


def test_a_full_disk_of_the_driver_leaves_nothing_half_written(
    tmp_path: Path, join: tuple[str, ...]
) -> None:
    disk = mount(tmp_path / "disk", "1m")
    try:
        outputs = disk / "outputs"
        words = ("model=basic", "seed=0,1", *join)
        stopped = typed(outputs, *words)
        assert stopped.returncode == 3, stopped.stderr
        assert re.search(
            r"error: No space left on device \(.*/\.seed_\d\.coming/\S+\); check", stopped.stderr
        )
        assert "Traceback" not in stopped.stderr
        assert set(statuses(outputs)) <= {"completed"}
        subprocess.run(["mount", "-o", "remount,size=16m", str(disk)], check=True)
        done = typed(outputs, *words)
        assert done.returncode == 0, done.stderr
        assert statuses(outputs) == ["completed"] * 2
    finally:
        unmount(disk)


WITHOUT_SCIPY = """
from importlib import metadata

found = metadata.version

def version(package):
    if package == "scipy":
        raise metadata.PackageNotFoundError(package)
    return found(package)

metadata.version = version
"""


def test_a_node_with_another_version_is_refused_by_name_and_package(
    tmp_path: Path, cluster: Cluster, join: tuple[str, ...]
) -> None:
    other = tmp_path / "other" / "torch-0.0.1.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: torch\nVersion: 0.0.1\n")
    (other.parent / "sitecustomize.py").write_text(WITHOUT_SCIPY)
    node = cluster.add(PYTHONPATH=str(other.parent))
    refused = typed(tmp_path, "seed=0,1", *join)
    assert refused.returncode == 2, refused.stderr
    assert re.search(rf"node {node.address} \(\w+\): torch is 0\.0\.1 \(here: 2", refused.stderr)
    assert re.search(rf"node {node.address} \(\w+\): scipy is missing", refused.stderr)
    assert not run_directories(tmp_path)


def test_another_version_of_ray_is_refused(
    tmp_path: Path, join: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text("import ray; ray.__version__ = '2.0.0'")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    refused = typed(tmp_path, "seed=0,1", *join)
    assert refused.returncode == 2, refused.stderr
    assert "Version mismatch" in refused.stderr
    assert "Ray: 2.0.0" in refused.stderr


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A temporary folder for the command alone, of a short name: Ray makes sockets in it."""
    with tempfile.TemporaryDirectory(prefix="t") as folder:
        monkeypatch.setenv("TMPDIR", folder)
        yield Path(folder)


@pytest.mark.parametrize(
    ("number", "exit_code"),
    [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 143, marks=pytest.mark.long)],
)
def test_a_signal_fetches_the_runs_and_leaves_nothing_behind(
    tmp_path: Path, temporary: Path, number: signal.Signals, exit_code: int
) -> None:
    """On a Ray of its own."""
    words = ("model=basic", "seed=range(4)", "trainer.max_epochs=3000", "hydra/launcher=ray")
    sweep = Sweep(tmp_path, *words, "hydra.launcher.checkpoint_seconds=0.5")
    until(lambda: statuses(tmp_path).count("running") == 2, "two runs are at work")
    began = time.monotonic()
    sweep.process.send_signal(number)
    assert sweep.wait() == exit_code, sweep.errors
    assert time.monotonic() - began < 60
    assert "0 done, 2 interrupted, 2 not started; " in sweep.output
    assert "run the same command again for the remaining jobs" in sweep.errors
    assert statuses(tmp_path) == ["interrupted", "interrupted"]
    sweep.await_end_of_family()
    assert list(temporary.glob("ray-*")) == []
