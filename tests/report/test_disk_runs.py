"""Runs are grouped by activation and learning rate, and never mixed with another setup's."""

from pathlib import Path

import pytest

from project.report.disk_runs import NoRunsError, read_arms
from project.runs.directory import DamagedRunError
from tests.report.disk_runs_on_disk import write_run


def test_arms_hold_their_runs_in_the_order_of_the_seeds(tmp_path: Path) -> None:
    for seed in (10, 9, 0):
        write_run(tmp_path, accuracy=seed / 10, seed=seed)
    write_run(tmp_path, activation="relu", lr=1)
    arms, left_out = read_arms(tmp_path)
    assert list(arms) == [("relu", 1.0), ("tanh", 0.1)]
    assert arms["tanh", 0.1].values("test/accuracy") == [0.0, 0.9, 1.0]
    assert left_out == []


def test_failed_runs_are_counted_and_others_that_did_not_finish_are_not(tmp_path: Path) -> None:
    write_run(tmp_path)
    write_run(tmp_path, seed=1, status="failed")
    write_run(tmp_path, seed=2, status="running")
    write_run(tmp_path, lr=1.0, status="failed")
    arms, _ = read_arms(tmp_path)
    assert {key: (len(arm.runs), arm.failed) for key, arm in arms.items()} == {
        ("tanh", 0.1): (1, 1),
        ("tanh", 1.0): (0, 1),
    }


def test_runs_of_another_setup_are_left_out_and_said_to_be(tmp_path: Path) -> None:
    for seed in range(2):
        write_run(tmp_path, seed=seed)
    write_run(tmp_path, accuracy=0.1, max_epochs=5)
    arms, left_out = read_arms(tmp_path)
    assert arms["tanh", 0.1].values("test/accuracy") == [0.9, 0.9]
    assert left_out == ["1 runs of another setup (epochs, batch, ...)"]


def test_where_outputs_go_is_no_other_setup(tmp_path: Path) -> None:
    write_run(tmp_path)
    write_run(tmp_path, seed=1, paths={"outputs": "elsewhere"}, rerun=True)
    arms, left_out = read_arms(tmp_path)
    assert len(arms["tanh", 0.1].runs) == 2
    assert left_out == []


def test_a_run_that_was_moved_aside_is_none(tmp_path: Path) -> None:
    directory = write_run(tmp_path)
    directory.rename(directory.with_name("seed=0.before-1"))
    write_run(tmp_path / "other", accuracy=0.5)
    (tmp_path / "other/runs" / directory.parent.name / "seed=0").rename(directory)
    arms, _ = read_arms(tmp_path)
    assert arms["tanh", 0.1].values("test/accuracy") == [0.5]


def test_no_completed_run_is_an_error_that_says_how_to_make_one(tmp_path: Path) -> None:
    write_run(tmp_path, status="failed")
    with pytest.raises(NoRunsError, match=r"no completed runs .* project\.disk -m \+study=disk_"):
        read_arms(tmp_path)


@pytest.mark.parametrize(
    ("name", "content"),
    [("run.json", "{"), ("config.yaml", "a: ["), ("config.yaml", "3"), ("config.yaml", "lr: 1")],
)
def test_a_damaged_run_is_named(tmp_path: Path, name: str, content: str) -> None:
    path = write_run(tmp_path) / name
    path.write_text(content)
    with pytest.raises(DamagedRunError, match=str(path)):
        read_arms(tmp_path)


@pytest.mark.parametrize("content", ["", "x,y\n", "x,y\n1\n", "x,y\n1,one\n", None])
def test_a_damaged_table_is_named(tmp_path: Path, content: str | None) -> None:
    path = write_run(tmp_path) / "history.csv"
    path.write_text(content) if content is not None else path.unlink()
    arms, _ = read_arms(tmp_path)
    with pytest.raises(DamagedRunError, match=str(path)):
        arms["tanh", 0.1].runs[0].columns("history.csv")
