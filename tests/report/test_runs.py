"""What a run directory says is read whole, and believed only where its parts agree."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from project.report import runs as runs_module
from project.report.runs import DISK, PAIRS, read_runs
from project.runs.directory import DamagedRunError
from tests.report.runs_on_disk import CONFIG, DIVERGED, provenance, write_disk_run, write_run


def test_a_completed_run_is_read_with_everything_that_it_says(tmp_path: Path) -> None:
    directory = write_run(tmp_path, seed=3, error=0.125, val_error=0.25)
    (run,), problems = read_runs(tmp_path, None)
    assert problems == []
    assert run.directory == directory
    assert (run.model, run.seed, run.status, run.parameters) == ("ws_al", 3, "completed", 75908)
    assert run.name == f"ws_al-{run.arm_hash}/seed=3"
    assert run.metrics == {"train/error": 0.0, "val/error": 0.25, "test/error": 0.125}
    assert run.seconds == {"training": 14.0, "session": 15.0}
    assert run.provenance == provenance()
    assert run.config == CONFIG | {"seed": 3}
    assert run.experiment == PAIRS
    assert run.history() == [
        {"epoch": 1.0, "lr": 1.0, "train/error": 0.5, "val/error": 0.6},
        {"epoch": 2.0, "lr": 1.0, "train/error": 0.2, "val/error": 0.3},
    ]


def test_both_experiments_are_read_and_told_apart(tmp_path: Path) -> None:
    write_run(tmp_path)
    write_disk_run(tmp_path)
    found, problems = read_runs(tmp_path, None)
    assert [(run.model, run.experiment) for run in found] == [("disk_tanh", DISK), ("ws_al", PAIRS)]
    assert problems == []


def test_runs_come_in_the_order_of_model_arm_and_seed(tmp_path: Path) -> None:
    for seed in (10, 9, 0):
        write_run(tmp_path, seed=seed)
    write_run(tmp_path, model="basic", seed=5)
    found, _ = read_runs(tmp_path, None)
    assert [(run.model, run.seed) for run in found] == [
        ("basic", 5), ("ws_al", 0), ("ws_al", 9), ("ws_al", 10),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("pattern", "chosen"),
    [
        ("ws_al-*", [("ws_al", 0), ("ws_al", 1)]),
        ("*/seed=1", [("basic", 1), ("ws_al", 1)]),
        ("ws_al-*/seed=[1-9]", [("ws_al", 1)]),
        ("resnet*", []),
        (None, [("basic", 0), ("basic", 1), ("ws_al", 0), ("ws_al", 1)]),
    ],
)
def test_a_glob_chooses_arms_or_runs(
    tmp_path: Path, pattern: str | None, chosen: list[tuple[str, int]]
) -> None:
    for model in ("ws_al", "basic"):
        for seed in (0, 1):
            write_run(tmp_path, model=model, seed=seed)
    assert [(run.model, run.seed) for run in read_runs(tmp_path, pattern)[0]] == chosen


def test_runs_moved_aside_locks_and_logs_are_no_runs(tmp_path: Path) -> None:
    directory = write_run(tmp_path)
    directory.with_name(".seed=0.lock").touch()
    directory.with_name(".seed=1.log").touch()
    write_run(tmp_path, seed=1).rename(directory.with_name("seed=1.before-1"))
    assert [run.seed for run in read_runs(tmp_path, None)[0]] == [0]


def test_a_run_that_comes_home_while_it_is_read_is_not_called_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = write_run(tmp_path, status="running")
    old = directory.with_name(".seed=0.old")
    listed = runs_module._directories

    def listed_before_it_steps_aside(*arguments: Any) -> list[Path]:
        found = listed(*arguments)
        directory.rename(old)
        return found

    def comes_home(seconds: float) -> None:
        assert 0 < seconds < 1
        old.rename(directory)

    monkeypatch.setattr(runs_module, "_directories", listed_before_it_steps_aside)
    monkeypatch.setattr(runs_module.time, "sleep", comes_home)
    (run,), problems = read_runs(tmp_path, None)
    assert (run.seed, run.status, problems) == (0, "running", [])


def test_no_folder_is_no_run(tmp_path: Path) -> None:
    assert read_runs(tmp_path / "nowhere", None) == ([], [])


def test_a_failed_run_says_why_and_whether_it_would_fail_again(tmp_path: Path) -> None:
    write_run(tmp_path, seed=0, status="failed", failure=DIVERGED)
    write_run(tmp_path, seed=1, status="failed", failure="OSError: the disk is full")
    write_run(tmp_path, seed=2, status="interrupted")
    found, _ = read_runs(tmp_path, None)
    assert [(run.error, run.diverged, run.metrics) for run in found] == [
        (DIVERGED, True, {}),
        ("OSError: the disk is full", False, {}),
        (None, False, {}),
    ]


def test_one_arms_configuration_is_parsed_once_and_each_run_keeps_its_own_seeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in range(5):
        write_run(tmp_path, seed=seed, seeds={"data": seed, "init": 1000, "order": seed})
    parsed = []
    load = yaml.load
    monkeypatch.setattr(
        runs_module.yaml, "load", lambda *words, **named: parsed.append(1) or load(*words, **named)
    )
    found, problems = read_runs(tmp_path, None)
    assert problems == []
    assert len(parsed) == 1
    assert [run.config["seed"] for run in found] == [0, 1, 2, 3, 4]
    assert [run.config["seeds"] for run in found] == [
        {"data": seed, "init": 1000, "order": seed} for seed in range(5)
    ]


def change(name: str, old: str, new: str) -> Callable[[Path], None]:
    def damage(directory: Path) -> None:
        text = (directory / name).read_text()
        assert old in text
        (directory / name).write_text(text.replace(old, new))

    return damage


def cut(name: str, length: int) -> Callable[[Path], None]:
    def damage(directory: Path) -> None:
        content = (directory / name).read_bytes()
        (directory / name).write_bytes(content[:length])

    return damage


def remove(name: str) -> Callable[[Path], None]:
    return lambda directory: (directory / name).unlink()


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (cut("run.json", 100), "run.json is damaged"),
        (cut("run.json", 0), "run.json is damaged"),
        (change("run.json", '"schema": 1', '"schema": 2'), "no run record of schema 1"),
        (remove("run.json"), "holds no run.json"),
        (remove("config.yaml"), "holds no config.yaml"),
        (cut("config.yaml", 40), "config.yaml"),
        (change("config.yaml", "lr: 1.0", "lr: [1.0"), "config.yaml cannot be read"),
        (change("config.yaml", "lr: 1.0", "lr: 0.5"), "config.yaml is that of ws_al-"),
        (change("config.yaml", "seed: 0", "seed: 7"), "config.yaml is that of seed 7"),
        (change("run.json", '"seed": 0', '"seed": 7'), "run.json is that of ws_al-"),
        (change("run.json", '"test/error": 0.2', '"test/error": 2.0'), "test/error = 2.0"),
        (change("run.json", '"test/error": 0.2', '"test/error": NaN'), "test/error = nan"),
        (change("run.json", '"test/error"', '"test/errors"'), "incomplete (KeyError"),
        (change("run.json", '"test/error": 0.2', '"test/error": "0.2"'), "incomplete (TypeError"),
        (change("run.json", '"training"', '"teaching"'), "incomplete (KeyError"),
        (change("run.json", "75908", "null"), "lacks seconds or parameters"),
        (change("run.json", '"sha256"', '"md5"'), "incomplete (KeyError"),
        (cut("history.csv", 45), "history.csv is torn: 1 whole rows for 2 epochs"),
        (cut("history.csv", 10), "history.csv is torn: 0 whole rows for 2 epochs"),
        (cut("history.csv", 0), "history.csv is torn: 0 whole rows for 2 epochs"),
        (change("history.csv", ",0.3\n", "\n"), "history.csv is torn"),
        (remove("history.csv"), "holds no history.csv"),
    ],
)  # fmt: skip
def test_a_damaged_run_gives_no_number_and_is_named(
    tmp_path: Path, damage: Callable[[Path], None], reason: str
) -> None:
    damage(write_run(tmp_path))
    sound = write_run(tmp_path, seed=1)
    found, (problem,) = read_runs(tmp_path, None)
    assert [run.directory for run in found] == [sound]
    assert problem.directory == sound.with_name("seed=0")
    assert reason in problem.reason
    assert "move " in problem.reason
    assert "Traceback" not in str(problem)


def test_a_run_in_another_runs_place_is_named(tmp_path: Path) -> None:
    directory = write_run(tmp_path)
    directory.rename(directory.with_name("seed=4"))
    found, (problem,) = read_runs(tmp_path, None)
    assert found == []
    assert problem.reason.startswith("run.json is that of ws_al-")


def test_an_unfinished_run_needs_no_history(tmp_path: Path) -> None:
    write_run(tmp_path, status="running")
    (run,), problems = read_runs(tmp_path, None)
    assert (run.status, problems) == ("running", [])


def test_a_history_with_a_word_for_a_number_is_named(tmp_path: Path) -> None:
    directory = write_run(tmp_path)
    change("history.csv", "0.3", "0.x")(directory)
    (run,), _ = read_runs(tmp_path, None)
    with pytest.raises(DamagedRunError, match=str(directory / "history.csv")):
        run.history()


def test_runs_without_validation_pairs_are_whole(tmp_path: Path) -> None:
    directory = write_run(tmp_path)
    record = json.loads((directory / "run.json").read_text())
    del record["metrics"]["val/error"]
    (directory / "run.json").write_text(json.dumps(record))
    (run,), problems = read_runs(tmp_path, None)
    assert problems == []
    assert "val/error" not in run.metrics
