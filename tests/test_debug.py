"""`debug=...`: scratch runs, made anew each time, which no reader of runs sees."""

import json
from pathlib import Path

import pytest

from project.results import runs
from tests.small_runs import IMAGES, record, run_directories, run_images, type_command

pytest.importorskip("sklearn")


def scratch(outputs: Path, *words: str) -> Path:
    """Carry out a scratch run; return its directory."""
    small = [word for word in IMAGES if not word.startswith("trainer.")]
    end = type_command("project.train", *small, f"paths.outputs={outputs}", *words)
    assert end.exit_code == 0, end.errors
    assert run_directories(outputs) == []
    return run_directories(outputs / "debug")[0]


def test_fast_is_two_batches_of_each_stage_and_is_made_anew_each_time(tmp_path: Path) -> None:
    directory = scratch(tmp_path, "debug=fast", "logger=tensorboard")
    first = record(directory)
    assert (first["epochs"], first["limited"]) == (1, True)
    assert first["config"]["trainer"]["limit_test_batches"] == 2
    assert scratch(tmp_path, "debug=fast") == directory
    second = record(directory)
    assert second["metrics"] == first["metrics"]
    assert second["process"]["pid"] == first["process"]["pid"]
    assert (tmp_path / "debug" / "trash" / directory.parent.name / "seed_0.1").is_dir()


def test_no_reader_of_runs_sees_them(tmp_path: Path) -> None:
    directory = scratch(tmp_path, "debug=fast")
    assert len(runs(tmp_path)) == 0
    assert run_images(tmp_path).exit_code == 0
    assert len(runs(tmp_path)) == 1
    assert directory.is_dir()


def test_changed_code_is_no_reason_to_refuse_a_scratch_run(tmp_path: Path) -> None:
    directory = scratch(tmp_path, "debug=fast")
    facts = record(directory)
    facts["provenance"]["code"]["digest"] = "0" * 64
    facts["config"]["seed"] = 1
    facts["seed"], facts["name"] = 1, f"{directory.parent.name}/seed_1"
    other = directory.with_name("seed_1")
    other.mkdir()
    (other / "run.json").write_text(json.dumps(facts))
    assert scratch(tmp_path, "debug=fast", "seed=0") == directory


def test_overfit_learns_one_batch_by_heart(tmp_path: Path) -> None:
    directory = scratch(tmp_path, "debug=overfit", "trainer.max_epochs=60", "optimizer.lr=0.02")
    metrics = record(directory)["metrics"]
    assert metrics["train/accuracy"] == 1.0
    assert metrics["train/loss"] < 0.05
    lines = (directory / "history.csv").read_text().splitlines()
    assert len(lines) == 61


def test_profile_says_where_the_time_goes(tmp_path: Path) -> None:
    directory = scratch(tmp_path, "debug=profile")
    assert record(directory)["epochs"] == 1
    for stage in ("fit", "test"):
        text = (directory / f"{stage}-profile.txt").read_text()
        assert "Profiler Report" in text
    assert "run_training_batch" in (directory / "fit-profile.txt").read_text()


def test_what_is_typed_wins_over_the_file(tmp_path: Path) -> None:
    directory = scratch(tmp_path, "debug=fast", "trainer.max_epochs=2")
    assert record(directory)["epochs"] == 2
