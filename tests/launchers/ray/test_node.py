"""What can be said of `hydra/launcher=ray` without a cluster: bad addresses, and a node's work."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from project.config.identity import Run
from project.launchers.local.processes import ProcessPool
from project.launchers.ray import node as ray_node
from project.launchers.ray.node import Assignment, Finished, Snapshot, carry_out, place_data
from project.launchers.ray.probe import differences, installed
from project.runs.archive import ArchivedFile
from project.runs.spec import RunSpec
from tests.commands import ROOT
from tests.launchers.odd_jobs import PRELOAD
from tests.launchers.sweeps import sweep

RAY = ("seed=0,1", "hydra/launcher=ray")


def refused(outputs: Path, *words: str) -> str:
    """What a sweep says that is refused with exit code 2; nothing is written."""
    done = sweep(outputs, *RAY, *words)
    assert done.exit_code == 2, done.errors
    assert "Traceback" not in done.errors
    assert not list(outputs.iterdir())
    return done.errors


@pytest.fixture
def deaf_port() -> Iterator[int]:
    """Something listens there, and it is no Ray."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_an_address_that_nobody_answers_is_refused(
    tmp_path: Path, deaf_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("project.launchers.ray.cluster.CONNECT_TIMEOUT", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:
        free = server.getsockname()[1]
    for port in (free, deaf_port):
        said = refused(tmp_path, f"hydra.launcher.address='127.0.0.1:{port}'")
        assert f"hydra.launcher.address=127.0.0.1:{port}: no Ray answers there" in said


@pytest.mark.parametrize("address", ["ray://head:10001", "6379", "head:99999"])
def test_an_address_of_another_form_is_refused(tmp_path: Path, address: str) -> None:
    said = refused(tmp_path, f"hydra.launcher.address='{address}'")
    assert said == (
        f"error: hydra.launcher.address={address}: must be null, auto, or HOST:PORT of the "
        "cluster's head (the port is 6379 unless `ray start` was given another)\n"
    )


@pytest.mark.parametrize(("address", "asked"), [("null", "local"), ("auto", "auto")])
def test_what_ray_itself_refuses_is_said_with_the_address(
    tmp_path: Path, address: str, asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[str] = []

    def init(address: str, **_: object) -> None:
        given.append(address)
        raise ConnectionError("no Ray\n runs here")

    monkeypatch.setattr("ray.init", init)
    said = refused(tmp_path, f"hydra.launcher.address={address}")
    assert said.endswith(
        f"error: hydra.launcher.address={address}: no Ray runs here (if the cluster asks for a "
        "token, set RAY_AUTH_TOKEN here)\n"
    )
    assert given == [asked]


def test_without_ray_the_message_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    assert "pip install -c .ci/constraints.txt -e '.[ray]'" in refused(tmp_path)


def test_a_command_that_does_not_ask_for_ray_does_not_import_it() -> None:
    code = (
        "import project.launchers.plugins, sys\n"
        "print({'ray', 'optuna', 'submitit', 'torch'} & {*sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout == "set()\n"


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


def act_in_place(spec: RunSpec) -> None:
    """A job that uses its directory and data as `project.train` does."""
    directory = spec.directory.path
    directory.mkdir(exist_ok=True)
    (directory / "found").write_text(",".join(sorted(path.name for path in directory.iterdir())))
    assert spec.data_folder is not None
    (directory / "data").write_text(Path(spec.data_folder, "raw", "digits").read_text())
    print(f"works in {directory}")
    (directory / "run.json").write_text(f"rerun={spec.rerun}")
    if spec.config["hangs"]:
        time.sleep(3600)


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The node's folder for what jobs need."""
    monkeypatch.setattr(ray_node.tempfile, "tempdir", str(tmp_path))
    return tmp_path / f"honest-ablations-{os.getuid()}"


def pool() -> ProcessPool:
    return ProcessPool((__name__, "act_in_place"), 1, None, PRELOAD)


def assignment(checkpoint_seconds: float = 60, hangs: bool = False) -> Assignment:
    spec = RunSpec(
        command="odd",
        config={"hangs": hangs},
        run=Run("net", None, {}, 0),
        outputs=Path("driver/outputs"),
        threads=1,
        data={},
        code={},
        rerun=True,
    )
    archive = {"config.yaml": ArchivedFile.of(b"as on the driver")}
    return Assignment(spec, archive, "abc", checkpoint_seconds)


def test_a_node_runs_the_job_in_its_own_folder_and_leaves_only_the_data(scratch: Path) -> None:
    fetched = []

    def fetch() -> dict[str, bytes]:
        fetched.append(1)
        return {"raw/digits": b"0123"}

    sent = assignment()
    for _ in range(2):
        begun, done = carry_out(pool(), sent, fetch, lambda: False)
        assert begun == Snapshot({})
        assert isinstance(done, Finished)
        assert done.end.exit_code == 0, done.log
        assert {name: file.content for name, file in done.archive.items()} == {
            "config.yaml": b"as on the driver",
            "found": b"config.yaml",
            "data": b"0123",
            "run.json": b"rerun=False",  # the driver has moved the old run aside
        }
        # It is read on the driver's machine.
        assert done.log == f"works in {sent.spec.directory.path}\n".encode()
    assert len(fetched) == 1
    assert [path.name for path in scratch.iterdir()] == ["data-abc"]


def test_what_a_killed_process_has_left_is_removed_and_what_another_uses_is_not(
    scratch: Path,
) -> None:
    for name in ("run-left", "run-used", "run-new"):
        (scratch / name / "runs").mkdir(parents=True)
        os.utime(scratch / name, (0, 0 if name != "run-new" else time.time()))
    with FileLock(scratch / "run-used" / ray_node.LOCK):
        os.utime(scratch / "run-used", (0, 0))
        list(carry_out(pool(), assignment(), lambda: {"raw/digits": b""}, lambda: False))
    assert sorted(path.name for path in scratch.glob("run-*")) == ["run-new", "run-used"]


def test_an_unfinished_directory_is_sent_and_a_stop_ends_the_job(scratch: Path) -> None:
    stop: list[int] = []
    messages = carry_out(
        pool(), assignment(0.2, hangs=True), lambda: {"raw/digits": b""}, lambda: bool(stop)
    )
    assert next(messages) == Snapshot({})
    for _ in range(2):
        snapshot = next(messages)
        assert isinstance(snapshot, Snapshot)
        assert "run.json" in snapshot.archive
    stop.append(1)
    *_, done = messages
    assert isinstance(done, Finished)
    assert done.end.exit_code == -15


def test_jobs_that_begin_together_make_one_data_folder(scratch: Path) -> None:
    both = threading.Barrier(2)
    found = []

    def fetch() -> dict[str, bytes]:
        both.wait(10)
        return {"raw/digits": b"0123"}

    def look() -> None:
        found.append(place_data("abc", fetch))

    threads = [threading.Thread(target=look) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [scratch / "data-abc"] * 2
    assert (found[0] / "raw" / "digits").read_bytes() == b"0123"
    assert [path.name for path in scratch.iterdir()] == ["data-abc"]
