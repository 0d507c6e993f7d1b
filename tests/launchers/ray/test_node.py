"""What can be said of `hydra/launcher=ray` without a cluster: bad addresses, and a node's work."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from project.launchers.processes import ProcessPool
from project.launchers.ray import node as ray_node
from project.launchers.ray.node import Assignment, Begun, Finished, Snapshot, carry_out
from project.launchers.ray.probe import differences, installed
from project.runs.parcels import Packed
from tests.commands import ROOT, SMALL, command

SWEEP = (*SMALL, "-m", "seed=0,1", "hydra/launcher=ray")


def refused(outputs: Path, *words: str) -> str:
    """What a sweep says that is refused with exit code 2, within seconds; nothing is written."""
    done = subprocess.run(
        command("project.train", outputs, *SWEEP, *words),
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert not list(outputs.glob("runs/*/seed=*"))
    return done.stderr


@pytest.fixture
def deaf_port() -> Iterator[int]:
    """Something listens there, and it is no Ray."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_an_address_that_nobody_answers_is_refused(tmp_path: Path, deaf_port: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        free = server.getsockname()[1]
    for port in (free, deaf_port):
        said = refused(tmp_path, f"hydra.launcher.address='127.0.0.1:{port}'")
        assert f"hydra.launcher.address=127.0.0.1:{port}: no Ray answers there" in said


def test_an_address_of_another_form_is_refused(tmp_path: Path) -> None:
    said = refused(tmp_path, "hydra.launcher.address='ray://head:10001'")
    assert "must be null, auto, or HOST:PORT of the cluster's head" in said


def test_without_ray_the_message_says_what_to_install(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['ray'] = None\n"
        "import runpy; runpy.run_module('project.train', run_name='__main__')"
    )
    words = command("project.train", tmp_path, *SWEEP)[3:]
    done = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 2
    assert "pip install -c .ci/constraints.txt -e '.[ray]'" in done.stderr


def test_a_command_that_does_not_ask_for_ray_does_not_import_it() -> None:
    code = "import project.launchers.plugins, sys; print('ray' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout == "False\n"


def test_a_node_that_differs_is_told_by_package_and_version() -> None:
    here = {"python": "3.11.7", "ray": "2.60.0", "torch": "2.14.1", "rich": "15.0", "gone": None}
    exact = ("python", "ray", "torch")
    assert differences(here, here, exact) == []
    there = here | {"torch": "2.13.0", "rich": "14.0", "python": "3.11.9", "gone": "1"}
    assert differences(there, here, exact) == [
        "python is 3.11.9 (here: 3.11.7)",
        "torch is 2.13.0 (here: 2.14.1)",
    ]
    assert differences({"python": "3.11.7", "ray": "2.60.0", "torch": None}, here, exact) == [
        "torch is missing (here: 2.14.1)",
        "rich is missing (here: 15.0)",
    ]


def test_the_probe_finds_what_is_installed_and_needs_nothing_for_it() -> None:
    assert installed(("pytest", "no-such-package")) == {
        "python": sys.version.split()[0],
        "pytest": pytest.__version__,
        "no-such-package": None,
    }
    code = "import sys; sys.path.insert(0, '.'); import project.launchers.ray.probe"
    subprocess.run([sys.executable, "-S", "-c", code], check=True, cwd=ROOT)


def act_in_place(values: dict[str, Any]) -> None:
    """A job that finds its directory as `project.train` does."""
    directory = Path(values["paths"]["outputs"]) / "runs" / "net" / "seed=0"
    directory.mkdir(exist_ok=True)
    (directory / "found").write_text(",".join(sorted(path.name for path in directory.iterdir())))
    (directory / "data").write_text(Path(values["paths"]["data"], "raw", "digits").read_text())
    print(f"works in {directory}")
    (directory / "run.json").write_text("{}")
    if values["hangs"]:
        time.sleep(3600)


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The node's temporary folder."""
    monkeypatch.setattr(ray_node.tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    return tmp_path / "tmp"


def pool() -> ProcessPool:
    return ProcessPool((__name__, "act_in_place"), 1, None, [__name__])


def assignment(checkpoint_seconds: float = 60, hangs: bool = False) -> Assignment:
    values = {"paths": {"outputs": "at/home", "data": "d"}, "rerun": True, "hangs": hangs}
    parcel = {"config.yaml": Packed.of(b"as at home")}
    return Assignment(values, Path("runs", "net", "seed=0"), parcel, "abc", checkpoint_seconds)


def test_a_node_runs_the_job_in_its_own_folder_and_leaves_only_the_data(node: Path) -> None:
    fetched = []

    def fetch() -> dict[str, bytes]:
        fetched.append(1)
        return {"raw/digits": b"0123"}

    for _ in range(2):
        begun, done = carry_out(pool(), assignment(), fetch, lambda: False)
        assert begun == Begun()
        assert isinstance(done, Finished)
        assert done.exit_code == 0
        texts = {name: packed.content for name, packed in done.parcel.items()}
        assert texts["config.yaml"] == b"as at home"
        assert texts["found"] == b"config.yaml"
        assert texts["data"] == b"0123"
        # Who reads it is at home.
        assert done.log == b"works in at/home/runs/net/seed=0\n"
    assert len(fetched) == 1
    assert ray_node._scratch().parent == node
    assert [path.name for path in ray_node._scratch().iterdir()] == ["data-abc"]


def test_what_a_killed_process_has_left_is_removed_and_what_another_uses_is_not(node: Path) -> None:
    names = ["run-left", "run-used", "run-new"]
    for name in names:
        (ray_node._scratch() / name / "runs").mkdir(parents=True)
        os.utime(ray_node._scratch() / name, (0, 0 if name != "run-new" else time.time()))
    with ray_node._locked(ray_node._scratch() / "run-used"):
        list(carry_out(pool(), assignment(), lambda: {"raw/digits": b""}, lambda: False))
    left = sorted(path.name for path in ray_node._scratch().glob("run-*"))
    assert left == ["run-new", "run-used"]


def test_an_unfinished_directory_goes_home_and_a_stop_ends_the_job(node: Path) -> None:
    stop: list[int] = []
    messages = carry_out(
        pool(), assignment(0.2, hangs=True), lambda: {"raw/digits": b""}, lambda: bool(stop)
    )
    assert isinstance(next(messages), Begun)
    for _ in range(2):
        snapshot = next(messages)
        assert isinstance(snapshot, Snapshot)
        assert "run.json" in snapshot.parcel
    stop.append(1)
    *_, done = messages
    assert isinstance(done, Finished)
    assert done.exit_code == -15


def test_jobs_that_begin_together_make_one_data_folder(node: Path) -> None:
    both = threading.Barrier(2)
    found = []

    def fetch() -> dict[str, bytes]:
        both.wait(10)
        return {"raw/digits": b"0123"}

    def look() -> None:
        found.append(ray_node._data_folder("abc", fetch))

    threads = [threading.Thread(target=look) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found[0] == found[1]
    assert (found[0] / "raw" / "digits").read_bytes() == b"0123"
    assert [path.name for path in found[0].parent.iterdir()] == ["data-abc"]
