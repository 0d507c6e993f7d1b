"""The made-up runs are runs to the project, or a benchmark of reading them would say nothing."""

import csv
from pathlib import Path

import yaml

from project.runs.directory import RunDirectory, completed_record
from project.runs.identity import identify
from tests.benchmarks.many_runs import MODELS, SHA256, fake_arms, write_arm


def test_made_up_runs_are_completed_runs_of_different_arms(tmp_path: Path) -> None:
    arms = fake_arms(7)
    for arm in arms:
        write_arm(tmp_path, arm, seeds=3)
    directories = sorted(path for path in tmp_path.glob("runs/*/seed=*"))
    assert len(directories) == 7 * 3
    models = set()
    for directory in directories:
        config = yaml.safe_load((directory / "config.yaml").read_text())
        run = RunDirectory(identify(config, "mnist"), tmp_path, identify)
        assert run.path == directory
        run.check_stored(SHA256)  # raises if the record is that of another run
        record = completed_record(directory)
        assert record is not None
        models.add(record["model"])
        with open(directory / "history.csv", newline="") as file:
            rows = list(csv.DictReader(file, strict=True))
        assert [int(row["epoch"]) for row in rows] == list(range(1, 26))
        assert float(rows[0]["lr"]) == config["optimizer"]["lr"]
        assert float(rows[-1]["val/error"]) == record["metrics"]["val/error"]
    assert models == set(MODELS)
