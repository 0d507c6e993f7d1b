"""A run says which code, versions and machine its numbers come from."""

import json
import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from project.runs.provenance import (
    PACKAGES,
    available_cores,
    git_state,
    package_version,
    provenance,
    uncommitted_changes,
)


def git(repository: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@t", "-C", str(repository)]
    environment = {"PATH": os.environ["PATH"], "HOME": str(repository)}
    return subprocess.run(
        [*command, *arguments], check=True, capture_output=True, text=True, env=environment
    ).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q")
    (tmp_path / "code.py").write_text("1")
    git(tmp_path, "add", "code.py")
    git(tmp_path, "commit", "-q", "-m", "first")
    return tmp_path


def test_a_clean_tree_is_its_commit(repository: Path) -> None:
    state = {"commit": git(repository, "rev-parse", "HEAD"), "dirty": False}
    assert git_state(repository) == state
    (repository / "outputs").mkdir()
    (repository / "outputs" / "new").write_text("untracked files are no change of the code")
    assert git_state(repository) == state


def test_changed_code_is_dirty(repository: Path) -> None:
    (repository / "code.py").write_text("2")
    assert git_state(repository) == {"commit": git(repository, "rev-parse", "HEAD"), "dirty": True}


def test_without_git_there_is_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = {"commit": None, "dirty": None}
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert git_state(tmp_path) == unknown
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_state(tmp_path) == unknown


def test_versions_machine_and_threads_are_named() -> None:
    facts = provenance(threads=3)
    assert sorted(facts) == ["git", "machine", "threads", "versions"]
    assert facts["versions"]["python"] == platform.python_version()
    assert {name: facts["versions"][name] for name in PACKAGES} == {
        name: version(name) for name in PACKAGES
    }
    assert facts["threads"] == 3
    assert facts["machine"]["cores"] == os.cpu_count()
    assert facts["machine"]["processor"]
    assert json.loads(json.dumps(facts)) == facts


def test_a_system_without_proc_names_its_processor_too(monkeypatch: pytest.MonkeyPatch) -> None:
    read_text = Path.read_text

    def missing(path: Path, *given: Any, **named: Any) -> str:
        if path == Path("/proc/cpuinfo"):
            raise FileNotFoundError(path)
        return read_text(path, *given, **named)

    monkeypatch.setattr(Path, "read_text", missing)
    monkeypatch.setattr(platform, "processor", lambda: "arm")
    assert provenance(threads=1)["machine"]["processor"] == "arm"
    monkeypatch.setattr(platform, "processor", lambda: "")
    assert provenance(threads=1)["machine"]["processor"] == platform.machine()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ONEDNN_MAX_CPU_ISA", "AVX2"),
        ("MKL_CBWR", "COMPATIBLE"),
        ("OMP_NUM_THREADS", "3"),
        ("TORCH_ALLOW_TF32_CUBLAS_OVERRIDE", "1"),
        ("NVIDIA_TF32_OVERRIDE", "0"),
    ],
)
def test_variables_that_change_how_numbers_are_computed_are_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv("A_SECRET", "hidden")
    monkeypatch.setenv(name, value)
    found = provenance(threads=1)["machine"]["environment"]
    assert found[name] == value
    assert "hidden" not in json.dumps(found)


@pytest.mark.parametrize("value", [":4096:8", ":16:8"])
def test_what_lightning_sets_is_no_choice_of_the_users(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", value)
    found = provenance(threads=1)["machine"]["environment"]
    assert ("CUBLAS_WORKSPACE_CONFIG" in found) == (value == ":16:8")


def test_a_package_that_is_not_installed_has_no_version() -> None:
    assert package_version("numpy") == version("numpy")
    assert package_version("no-such-package") is None


def test_changes_that_are_not_committed_are_a_diff(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert uncommitted_changes(repository) == ""
    (repository / "code.py").write_text("2")
    assert "+2" in uncommitted_changes(repository)
    (repository / "code.py").write_text("x" * 2_000_000)
    assert uncommitted_changes(repository) == ""
    monkeypatch.setenv("PATH", str(repository))
    assert uncommitted_changes(repository) == ""


def test_of_code_that_was_sent_it_is_said_where_it_came_from(tmp_path: Path) -> None:
    state = {"commit": "a" * 40, "dirty": True}
    (tmp_path / "sent_from.json").write_text(json.dumps(state))
    assert git_state(tmp_path) == state


def test_cores_are_counted_where_nobody_says_which_may_be_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As on macOS."""
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    assert available_cores() == 7
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert available_cores() == 1
