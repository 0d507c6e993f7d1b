"""What travels of the code, and that it says where it is from."""

import subprocess
import sys
from pathlib import Path

import pytest

from project.launchers.grid import Job
from project.launchers.ray.sent_code import PROJECT, copied_code
from project.runs.provenance import git_state


def job(target: str) -> Job:
    return Job(0, (), "", {"model": {"_target_": target, "inner": [1]}}, Path())


def test_the_copy_has_the_project_and_its_configuration_and_nothing_else() -> None:
    with copied_code([job("project.models.Basic"), job("torch.nn.Linear")]) as code:
        assert sorted(path.name for path in code.iterdir()) == ["conf", "project"]
        assert (code / "conf" / "train.yaml").is_file()
        assert not list(code.rglob("__pycache__"))
    assert not code.exists()


def test_the_copy_has_the_users_own_modules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_nets.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    with copied_code([job("my_nets.Mine"), job("tests.launchers.odd_jobs.act")]) as code:
        assert (code / "my_nets.py").is_file()
        assert (code / "tests" / "launchers" / "odd_jobs.py").is_file()


def test_runs_made_of_the_copy_say_the_commit_that_it_is_of() -> None:
    with copied_code([]) as code:
        told = subprocess.run(
            [sys.executable, "-c", "from project.runs import provenance as p; "
             "print(p.__file__); print(p.provenance(1)['git'])"],
            cwd=code, capture_output=True, text=True, check=True,
        )  # fmt: skip
        file, git = told.stdout.splitlines()
        assert Path(file).is_relative_to(code)
        assert git == str(git_state(PROJECT))
