"""Hydra's own launcher and sweeper, and the joblib plugin, carry out the same runs."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.commands import ROOT, SMALL, command
from tests.small_runs import record, run_directories, run_small, type_command


def test_hydras_own_launcher_trains_the_grid_and_names_the_jobs_that_failed(
    small_mnist: Path, tmp_path: Path
) -> None:
    swept = run_small(tmp_path, "-m", "hydra/launcher=basic", "seed=0,1", "optimizer.lr=1,1e30")
    assert swept.exit_code == 1, swept.errors
    statuses = [record(directory)["status"] for directory in run_directories(tmp_path)]
    assert sorted(statuses) == ["completed", "completed", "failed", "failed"]
    failed = [line for line in swept.errors.splitlines() if line.startswith("FAILED ")]
    assert len(failed) == 2
    for seed, line in zip((0, 1), failed, strict=True):
        assert f"seed={seed} optimizer.lr=1e+30: DivergedError: the loss became" in line
    assert swept.errors.splitlines()[-1] == "error: 2 of 4 jobs failed"


@pytest.mark.parametrize(
    ("choice", "said"), [("hydra/sweeper=basic", "2 done; "), ("hydra/launcher=basic", "seed_1: ")]
)
def test_hydras_own_sweeper_and_launcher_work_with_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, choice: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)  # it leaves a multirun.yaml in hydra.sweep.dir
    words = ("max_epochs=2", "train_points=20", "val_points=20", "test_points=20")
    outputs = f"paths.outputs={tmp_path}"
    swept = type_command("project.disk.__main__", "-m", choice, "seed=0,1", *words, outputs)
    assert swept.exit_code == 0, swept.errors
    assert said in swept.output
    assert len(run_directories(tmp_path)) == 2


@pytest.mark.long
def test_the_joblib_plugin_trains_the_grid_in_processes_of_its_own(tmp_path: Path) -> None:
    words = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "model=basic")
    arguments = command("project.train", tmp_path / "out", *SMALL, "data=mnist_pairs", *words)
    swept = subprocess.run(
        [*arguments, "-m", "optimizer.lr=1,1e30"],
        capture_output=True,
        text=True,
        timeout=600,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert swept.returncode == 1, swept.stderr
    statuses = [
        json.loads((directory / "run.json").read_text())["status"]
        for directory in run_directories(tmp_path / "out")
    ]
    assert sorted(statuses) == ["completed", "failed"]
    lines = swept.stderr.splitlines()
    assert any("optimizer.lr=1e+30: DivergedError: the loss became" in line for line in lines)
    assert lines[-1] == "error: 1 of 2 jobs failed"
