"""What a run directory says is read whole, and believed only where its parts agree."""

from collections.abc import Callable
from pathlib import Path

import pytest

from project.results import reading
from project.results.reading import read_directory, read_last_sweep, read_runs
from project.runs.record import CorruptRunError
from tests.results.stored_runs import (
    CONFIG,
    DIVERGED,
    HISTORY,
    change_record,
    read,
    write_disk_run,
    write_run,
)


def test_a_completed_run_is_read_with_everything_that_it_says(tmp_path: Path) -> None:
    directory = write_run(tmp_path, seed=3, error=0.125, val_error=0.25)
    (run,) = read(tmp_path)
    assert run.directory == directory
    assert (run.model, run.seed, run.status, run.parameters) == ("ws_al", 3, "completed", 75908)
    assert run.name == f"{run.variant}/seed_3"
    assert (run.prefix, run.task, run.dataset) == ("ws_al", "digit_pairs", "mnist")
    assert run.metrics == {"train/error": 0.0, "val/error": 0.25, "test/error": 0.125}
    assert (run.seconds, run.epochs, run.stopped_early) == (14.0, 2, False)
    assert (run.code, run.test_data) == ("c0de" * 16, "test 3, 1000 pairs")
    assert run.origin("machine", "processor") == "a processor"
    assert run.origin("machine", "processor", "name") is None
    assert run.config == CONFIG | {"seed": 3}
    assert run.columns() == {"epoch": [1, 2], "lr": [1, 1]} | HISTORY
    assert read_directory(directory) == run


def test_runs_come_in_the_order_of_variant_and_seed_and_equal_parts_are_kept_once(
    tmp_path: Path,
) -> None:
    for seed in (10, 9, 0):
        write_run(tmp_path, seed=seed)
    write_disk_run(tmp_path, seed=5)
    disk, *runs = read(tmp_path)
    assert (disk.prefix, disk.seed, disk.task) == ("disk_tanh", 5, "disk")
    assert [run.seed for run in runs] == [0, 9, 10]
    assert len({id(run.config["optimizer"]) for run in runs}) == 1
    assert len({id(run.record["provenance"]["code"]) for run in runs}) == 1


@pytest.mark.parametrize(
    ("patterns", "chosen"),
    [
        (["ws_al-*"], [("ws_al", 0), ("ws_al", 1)]),
        (["*/seed_1"], [("basic", 1), ("ws_al", 1)]),
        (["ws_al-*/seed_[1-9]"], [("ws_al", 1)]),
        (["resnet*"], []),
        (["ws_al*/seed_0", "basic*/seed_1"], [("basic", 1), ("ws_al", 0)]),
        (["runs/basic-*/"], [("basic", 0), ("basic", 1)]),
        (["{outputs}/runs/basic-*/seed_0/"], [("basic", 0)]),
        ([], [("basic", 0), ("basic", 1), ("ws_al", 0), ("ws_al", 1)]),
    ],
)
def test_globs_choose_variants_or_runs(
    tmp_path: Path, patterns: list[str], chosen: list[tuple[str, int]]
) -> None:
    for model in ("ws_al", "basic"):
        for seed in (0, 1):
            write_run(tmp_path, model=model, seed=seed)
    found = read(tmp_path, *(pattern.format(outputs=tmp_path) for pattern in patterns))
    assert [(run.prefix, run.seed) for run in found] == chosen


def test_locks_logs_and_runs_that_were_moved_aside_are_no_runs(tmp_path: Path) -> None:
    directory = write_run(tmp_path)
    directory.with_name(".seed_0.lock").touch()
    directory.with_name(".seed_1.log").touch()
    write_run(tmp_path, seed=1).rename(directory.with_name("seed_1.before"))
    assert [run.seed for run in read(tmp_path)] == [0]
    assert read_runs(tmp_path / "nowhere") == ([], [])


def test_a_run_that_is_replaced_while_it_is_read_is_not_called_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = write_run(tmp_path, status="running")
    record = directory / "run.json"
    whole = record.read_text()
    record.write_text("")

    def arrives(seconds: float) -> None:
        assert 0 < seconds < 1
        record.write_text(whole)

    monkeypatch.setattr(reading.time, "sleep", arrives)
    (run,) = read(tmp_path)
    assert (run.seed, run.status, run.metrics) == (0, "running", {})


def test_a_failed_run_says_why_and_whether_it_would_fail_again(tmp_path: Path) -> None:
    write_run(tmp_path, seed=0, status="failed", diverged=True)
    write_run(tmp_path, seed=1, status="failed", failure="OSError: \x1b[31mno\nspace")
    write_run(tmp_path, seed=2, status="interrupted")
    assert [(run.error, run.diverged, run.metrics) for run in read(tmp_path)] == [
        (DIVERGED, True, {}),
        ("OSError: \ufffd[31mno space", False, {}),
        ("", False, {}),
    ]


def test_a_metric_that_is_no_number_is_none(tmp_path: Path) -> None:
    metrics = {"val/error": 0.2, "test/error": 0.1, "test/auc": float("nan"), "test/word": "x"}
    write_run(tmp_path, metrics=metrics)  # type: ignore[arg-type]
    (run,) = read(tmp_path)
    assert run.metrics == {"val/error": 0.2, "test/error": 0.1}


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


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (cut("run.json", 100), "run.json is damaged"),
        (cut("run.json", 0), "run.json is damaged"),
        (change("run.json", '"schema": 2', '"schema": 1'), "is not a run record of schema 2"),
        (lambda directory: (directory / "run.json").unlink(), "holds no run.json"),
        (
            change("run.json", '"name": "ws_al-', '"name": "basic-'),
            "run.json belongs to the run basic-",
        ),
        (change("run.json", '"config": {"seed": 0', '"config": {"seed": 7'), "another seed"),
        (change("run.json", '"direction"', '"way"'), "lacks the metric's name or direction"),
        (change("run.json", '"test/error": 0.2', '"test/error": NaN'), "test/error = nan"),
        (change("run.json", '"test/error": 0.2', '"test/error": "0.2"'), "test/error = 0.2"),
        (change("run.json", '"training"', '"teaching"'), "lacks seconds.training"),
        (lambda directory: change_record(directory, metrics=[]), "lacks metrics"),
        (cut("history.csv", 120), "history.csv is incomplete: 1 whole rows for 2 epochs"),
        (cut("history.csv", 0), "history.csv is incomplete: 0 whole rows for 2 epochs"),
        (change("history.csv", "\n2,", "\n2"), "history.csv is incomplete"),
        (lambda directory: (directory / "history.csv").unlink(), "holds no history.csv"),
        (
            lambda directory: directory.rename(directory.with_name("seed_4")),
            "belongs to the run ws_al-",
        ),
    ],
)  # fmt: skip
def test_a_damaged_run_gives_no_number_and_is_named(
    tmp_path: Path,
    damage: Callable[[Path], None],
    reason: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reading, "PAUSE", 0)
    sound = write_run(tmp_path, seed=1)
    damage(write_run(tmp_path))
    found, (problem,) = read_runs(tmp_path, histories=True)
    assert [run.directory for run in found] == [sound]
    assert problem.directory.parent == sound.parent
    assert reason in problem.reason
    assert "move that directory aside" in problem.reason


def test_an_unfinished_run_needs_no_history_and_a_history_of_words_is_named(tmp_path: Path) -> None:
    running = write_run(tmp_path, status="running")
    directory = write_run(tmp_path, seed=1)
    change("history.csv", "0.25", "0.x")(directory)
    found, problems = read_runs(tmp_path, histories=True)
    assert [run.directory for run in found] == [running, directory]
    assert problems == []
    with pytest.raises(CorruptRunError, match=str(directory / "history.csv")):
        found[1].columns()


def test_the_sweep_typed_last_is_read_and_refused_where_it_is_damaged(tmp_path: Path) -> None:
    assert read_last_sweep(tmp_path) is None
    path = tmp_path / "last_sweep.json"
    path.write_text('{"runs": ["a-0123abcd/seed_0"], "typed": "x"}')
    assert read_last_sweep(tmp_path) == ["a-0123abcd/seed_0"]
    for content in ("", "[]", "{}", '{"runs": 3}', '{"runs": [3]}'):
        path.write_text(content)
        with pytest.raises(CorruptRunError, match="the next sweep writes it anew"):
            read_last_sweep(tmp_path)
