"""Hydra's own launcher and sweeper, and the joblib plugin, carry out the same runs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands import ROOT, SMALL, command, run_directories


@pytest.mark.parametrize(
    "words",
    [
        ("hydra/launcher=basic",),
        ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2"),
    ],
)
def test_another_launcher_trains_the_grid_and_names_the_jobs_that_failed(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    grid = ("model=basic", "-m", "seed=0,1", "optimizer.lr=1,1e30")
    swept = subprocess.run(
        command("project.train", tmp_path / "out", *SMALL, *grid, *words),
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert swept.returncode == 1, swept.stderr
    statuses = [
        json.loads((directory / "run.json").read_text())["status"]
        for directory in run_directories(tmp_path / "out")
    ]
    assert sorted(statuses) == ["completed", "completed", "failed", "failed"]
    failed = [line for line in swept.stderr.splitlines() if line.startswith("FAILED ")]
    assert len(failed) == 2
    for seed, line in zip((0, 1), failed, strict=True):
        assert f"seed={seed} optimizer.lr=1e+30" in line
        assert "NonFiniteLossError: the loss became nan in epoch 1" in line
    assert swept.stderr.splitlines()[-1] == "error: 2 of 4 jobs failed"


def test_hydras_own_sweeper_hands_its_jobs_to_our_launcher(tmp_path: Path) -> None:
    words = (*SMALL, "model=basic", "-m", "seed=0,1", "hydra/sweeper=basic")
    # It leaves a multirun.yaml in hydra.sweep.dir, the folder where the command is typed.
    swept = subprocess.run(
        [sys.executable, *command("project.train", tmp_path / "out", *words)[1:]],
        capture_output=True,
        text=True,
        timeout=600,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert swept.returncode == 0, swept.stderr
    assert "2 done" in swept.stdout
    assert len(run_directories(tmp_path / "out")) == 2
