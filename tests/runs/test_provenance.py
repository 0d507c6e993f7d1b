"""A run says which code, versions and machine its numbers come from."""

import json
import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

from project.runs.provenance import PACKAGES, git_state, provenance


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
