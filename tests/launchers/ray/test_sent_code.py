"""What travels of the code, and that it says where it is from."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from project.launchers.experiment import Job
from project.launchers.ray.sent_code import PROJECT, copied_code
from project.runs.provenance import git_state
from tests.launchers.odd_jobs import odd_job


def job(target: str, *definitions: str) -> Job:
    made = odd_job(Path(), 0, "nothing", model={"_target_": target, "inner": [1]})
    code = {"digest": "", "platform": "", "definitions": dict.fromkeys(definitions, "sha256")}
    return Job(0, (), "", replace(made.spec, code=code))


def test_the_copy_has_the_project_and_its_configuration_and_nothing_else() -> None:
    with copied_code([job("project.models.Basic"), job("torch.nn.Linear")]) as code:
        assert sorted(path.name for path in code.iterdir()) == ["conf", "project"]
        assert (code / "conf" / "train.yaml").is_file()
        assert not list(code.rglob("__pycache__"))
    assert not code.exists()


def test_the_copy_has_the_users_own_modules_and_what_they_import(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("my_nets.py", "my_layers.py"):
        (tmp_path / name).touch()
    monkeypatch.syspath_prepend(tmp_path)
    jobs = [job("my_nets.Mine", "my_nets:Mine", "my_layers:Own"), job("tests.launchers.odd.act")]
    with copied_code(jobs) as code:
        assert (code / "my_nets.py").is_file()
        assert (code / "my_layers.py").is_file()
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
