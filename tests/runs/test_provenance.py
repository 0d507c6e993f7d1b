"""A run says which code, versions and machine its numbers come from."""

import json
import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from project.runs import provenance as module
from project.runs.provenance import PACKAGES, git_state, other_versions, provenance


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


OURS, THEIRS = 40 * "a", "b7124880" + 32 * "0"


def made_by(commit: str | None, dirty: bool | None = False) -> dict[str, Any]:
    return {"provenance": {"git": {"commit": commit, "dirty": dirty}}}


@pytest.fixture
def this_code(monkeypatch: pytest.MonkeyPatch) -> None:
    def state(repository: Path) -> dict[str, Any]:
        return {"commit": OURS, "dirty": False}

    monkeypatch.setattr(module, "git_state", state)


@pytest.mark.parametrize(
    ("records", "line"),
    [
        ([], None),
        ([made_by(OURS), made_by(OURS)], None),
        ([made_by(None, None), {}, {"provenance": {}}], None),
        (
            [made_by(THEIRS), made_by(OURS)],
            "1 run was made by another version of the code (b712488); it is kept and counted",
        ),
        (
            [made_by(THEIRS), made_by(OURS), made_by(THEIRS), made_by(THEIRS)],
            "3 runs were made by another version of the code (b712488); they are kept and counted",
        ),
        (
            [made_by(THEIRS), made_by(OURS, True)],
            "2 runs were made by another version of the code (aaaaaaa with uncommitted changes, "
            "b712488); they are kept and counted",
        ),
    ],
)
def test_one_line_says_which_runs_another_version_has_made(
    this_code: None, records: list[dict[str, Any]], line: str | None
) -> None:
    assert other_versions(records) == line


def test_code_of_no_known_version_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def state(repository: Path) -> dict[str, Any]:
        return {"commit": None, "dirty": None}

    monkeypatch.setattr(module, "git_state", state)
    assert other_versions([made_by(THEIRS)]) is None
