"""Curves grow while runs train, side by side, and outlive a kill."""

import csv
import json
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.commands import SMALL, command
from tests.dashboards.server import curves, dashboard
from tests.small_runs import run_directories

pytestmark = pytest.mark.cluster

EPOCHS = 100_000  # more than the test has time for
STEPS = 2  # of an epoch


def epochs_seen(run: Path) -> list[int]:
    """Counted from 1; each is shown at its last step, counted from 0."""
    return [(step + 1) // STEPS for step, _ in curves(run).get("error/train", [])]


def test_two_running_jobs_are_shown_live_and_a_kill_costs_no_epoch(tmp_path: Path) -> None:
    words = [word for word in SMALL if "max_epochs" not in word]
    sweep = subprocess.Popen(
        command(
            "project.train", tmp_path, "-m", "model=basic", "seed=0,1", *words,
            f"trainer.max_epochs={EPOCHS}", "checkpoints.max_overhead=1", "hydra.launcher.n_jobs=2",
            "data=mnist_pairs",
        ),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 240
    try:
        with dashboard(tmp_path) as page:
            names = page.wait_for_runs(2, seconds=240)
            shown = dict.fromkeys(names, 0)
            while min(shown.values()) < 3:
                assert sweep.poll() is None, "the sweep ended by itself"
                assert time.monotonic() < deadline, shown
                for name in names:
                    tags = page.get("data/plugin/scalars/tags").get(name, {})
                    if "error/val" in tags:
                        points = page.get("data/plugin/scalars/scalars", run=name, tag="error/val")
                        shown[name] = len(points)
                time.sleep(0.5)
        for run in run_directories(tmp_path):
            assert json.loads((run / "run.json").read_text())["status"] == "running"
    finally:
        sweep.send_signal(signal.SIGKILL)  # its jobs end with it
        sweep.wait()
    assert len(run_directories(tmp_path)) == 2
    for run in run_directories(tmp_path):
        wait_until_still(run / "history.csv")
        rows = list(csv.DictReader((run / "history.csv").read_text().splitlines()))
        seen = epochs_seen(run)
        assert seen == list(range(1, len(seen) + 1))
        # The kill may come between an epoch's row of the history and its events.
        assert abs(len(seen) - len(rows)) <= 1
        assert len(rows) >= 3


def wait_until_still(path: Path) -> None:
    """Until a file has not changed for a while: its writer is gone."""
    before = -1.0
    while before != (now := path.stat().st_mtime):
        before = now
        time.sleep(1)
