"""A search that is killed goes on with what it has, repeats nothing, and sees no test examples."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from project.runs.trials import COMPLETE, FAILED, PRUNED, History, read_histories
from tests.faults.sweeps import until
from tests.launchers.sweeps import small_words
from tests.small_runs import CommandEnd, type_command

SEARCH = (
    "-m",
    "hydra/sweeper=optuna",
    "hydra.sweeper.trials=3",
    "hydra.sweeper.seeds=[100,101]",
    "hydra.sweeper.sampler._target_=optuna.samplers.RandomSampler",
    "optimizer.lr=tag(log,interval(0.01,2.0))",
    "data.batch_size=10,20",
)


def search(outputs: Path, *words: str) -> CommandEnd:
    return type_command("project.train", *small_words(outputs), *SEARCH, *words)


def history_of(outputs: Path) -> History:
    (history,) = read_histories(outputs)
    return history


def tried(history: History) -> list[tuple[Any, ...]]:
    return [(each.state, each.values, each.errors) for each in history.trials]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search that nobody disturbed."""
    outputs = tmp_path_factory.mktemp("whole")
    found = search(outputs)
    assert found.exit_code == 0, found.errors
    assert "best of 3 trials, val/error" in found.output
    return outputs


def test_a_trial_is_the_mean_of_its_seeds_runs(whole: Path) -> None:
    history = history_of(whole)
    assert len(history.trials) == 3
    assert (history.objective, history.direction) == ("val/error", "min")
    records = [
        json.loads(path.read_text()) for path in whole.glob("tuning/tuning/runs/*/*/run.json")
    ]
    measured = {(each["variant"], each["seed"]): each["metrics"]["val/error"] for each in records}
    assert {seed for _, seed in measured} == {100, 101}
    by_variant = {
        tuple(measured[variant, seed] for seed in (100, 101))
        for variant in {variant for variant, _ in measured}
    }
    complete = [trial for trial in history.trials if trial.state == COMPLETE]
    for trial in complete:
        assert tuple(trial.errors[seed] for seed in ("100", "101")) in by_variant
        assert trial.value == pytest.approx(sum(trial.errors.values()) / 2)
    assert history.best is not None
    assert history.best.value == min(trial.value or 0.0 for trial in complete)
    assert not list(whole.glob("runs/*"))  # no report's table is flooded with trials
    assert not any("+" in word for word in history.words)  # as one types them


def test_asked_again_a_finished_search_answers_from_its_storage(whole: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in whole.glob("tuning/*/runs/*/*/run.json")}
    again = search(whole)
    assert again.exit_code == 0, again.errors
    assert "best of 3 trials" in again.output
    assert "[1/3]" not in again.output
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_search_that_is_killed_goes_on_to_the_same_trials(whole: Path, tmp_path: Path) -> None:
    """Killed in the middle of its second trial; what that had finished is not run again."""
    words = (*small_words(tmp_path), *SEARCH, "hydra.sweeper.at_once=1")
    process = subprocess.Popen(
        [sys.executable, "-m", "project.train", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )

    def begun() -> int:
        assert process.poll() is None
        return len(list(tmp_path.glob("tuning/*/runs/*/seed_*/run.json")))

    until(lambda: begun() >= 3, "the second trial has begun")
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    finished = [
        json.loads(path.read_text()) for path in tmp_path.glob("tuning/*/runs/*/*/run.json")
    ]
    started = {each["name"]: each["started"] for each in finished if each["status"] == "completed"}
    resumed = search(tmp_path, "hydra.sweeper.at_once=1")
    assert resumed.exit_code == 0, resumed.errors
    assert tried(history_of(tmp_path)) == tried(history_of(whole))
    runs = {
        record["name"]: record["started"]
        for path in tmp_path.glob("tuning/*/runs/*/*/run.json")
        for record in [json.loads(path.read_text())]
    }
    assert started.items() <= runs.items()
    assert {path.parent.name for path in whole.glob("tuning/*/runs/*/*/run.json")} == {
        f"seed_{seed}" for seed in (100, 101)
    }
    assert runs.keys() == {
        json.loads(path.read_text())["name"] for path in whole.glob("tuning/*/runs/*/*/run.json")
    }


def test_more_trials_go_on_where_the_search_was_and_another_question_is_refused(
    whole: Path, tmp_path: Path
) -> None:
    def first(trials: int, *words: str) -> CommandEnd:
        return search(tmp_path, f"hydra.sweeper.trials={trials}", *words)

    assert first(1).exit_code == 0
    assert first(2).exit_code == 0
    assert tried(history_of(tmp_path)) == tried(history_of(whole))[:2]
    other = first(2, "trainer.max_epochs=3")
    assert other.exit_code == 4
    assert (
        "holds a study with other settings; name another study (hydra.sweeper.study=NAME)"
        in other.errors
    )
    with FileLock(tmp_path / "tuning/.tuning.lock"):
        locked = first(4)
    assert locked.exit_code == 4
    assert "is being worked on by" in locked.errors


def test_no_values_are_tried_twice_and_a_small_space_comes_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("project.launchers.optuna.trials.MAX_REPEATS", 15)
    ended = search(tmp_path, "optimizer.lr=1", "hydra.sweeper.seeds=[100]")
    assert ended.exit_code == 0, ended.errors
    assert "every value of the space has been tried" in ended.errors
    assert sorted(each.values["data.batch_size"] for each in history_of(tmp_path).trials) == [
        "10",
        "20",
    ]


def test_hopeless_and_diverging_trials_are_given_up_and_counted(tmp_path: Path) -> None:
    ended = search(
        tmp_path,
        "hydra.sweeper.seeds=[100,101,102,103,104,105]",
        "hydra.sweeper.at_once=3",
        "hydra.sweeper.objective=val/loss",
        "hydra.sweeper.trials=3",
        "data.batch_size=20",
        "optimizer.lr=1.0,1.0e-9,1.0e+30",
    )
    assert ended.exit_code == 0, ended.errors
    history = history_of(tmp_path)
    states = {float(each.values["optimizer.lr"]): each.state for each in history.trials}
    # The first complete trial is the best so far, so it is not given up however bad it is.
    hopeless = COMPLETE if [*states].index(1e-9) < [*states].index(1.0) else PRUNED
    assert states == {1.0: COMPLETE, 1e-9: hopeless, 1e30: FAILED}
    assert history.best is not None
    assert float(history.best.values["optimizer.lr"]) == 1.0


def test_the_best_trial_goes_by_the_metrics_own_direction(tmp_path: Path) -> None:
    words = ("metric.direction=max", "hydra.sweeper.seeds=[100]", "hydra.sweeper.trials=2")
    ended = search(tmp_path, *words, "optimizer.lr=1.0", "data.batch_size=10,20")
    assert ended.exit_code == 0, ended.errors
    history = history_of(tmp_path)
    assert (history.objective, history.direction) == ("val/error", "max")
    assert history.best is not None
    assert history.best.value == max(each.value or 0.0 for each in history.trials)


def test_a_trial_that_failed_by_an_error_is_a_failed_job(tmp_path: Path) -> None:
    """As in any sweep, exit code 1, however often it is asked; what was best is said all the same.

    In a folder whose name has what Hydra's grammar and an address of SQLite have no place for.
    """
    outputs = tmp_path / "ü=it's a%20b?"
    words = ("hydra.sweeper.study=2026", "hydra.sweeper.seeds=100")
    done = search(outputs, *words, "hydra.sweeper.trials=1")
    assert done.exit_code == 0, done.errors
    words = (*words, "hydra.sweeper.trials=2")
    for timeout in ("1.0e-6", "null"):
        failed = search(outputs, *words, f"hydra.launcher.timeout_minutes={timeout}")
        assert failed.exit_code == 1, failed.errors
        assert "best of 2 trials, val/error" in failed.output
        assert "error: 1 of 2 trials failed; trial 1: ran past" in failed.errors
    assert (outputs / "tuning/2026/study.db").exists()
    assert [each.name for each in tmp_path.iterdir()] == [outputs.name]


def test_a_studys_own_file_cannot_hold_a_source_of_chance_either(tmp_path: Path) -> None:
    file = tmp_path / "conf/study/held.yaml"
    file.parent.mkdir(parents=True)
    file.write_text("# @package _global_\nseeds: {init: 7}\n")
    refused = search(tmp_path / "out", "--config-dir", f"{tmp_path}/conf", "study=held")
    assert refused.exit_code == 2, refused.errors
    assert "seeds.init=7: would fix a source of randomness" in refused.errors
    assert not (tmp_path / "out" / "tuning").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("hydra.sweeper.study=",), "must be a plain name"),
        (("hydra.sweeper.seeds=abc",), "must be distinct numbers, at least 100"),
        (("hydra.sweeper.trails=3",), "hydra.sweeper.trials"),
        (("seeds.data=0",), "leave seeds.* out of a search"),
        (("++seeds.order=7",), "seeds.order=7: would fix a source of randomness"),
        (("seeds.init=null,1",), "seeds.init=1: would fix a source"),
        (("seeds=init_only",), "would fix a source"),
        (("seeds=together,init_only",), "would fix a source"),
        (("trainer.max_epochs=2,0",), "trainer.max_epochs=0: "),
        (("hydra/launcher=basic",), "works only with this platform's launchers"),
        (("hydra.sweeper.sampler._target_=os.system",), "os.system is not a class of Optuna"),
    ],
)
def test_a_question_that_would_be_dishonest_or_wrong_is_refused(
    tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    refused = search(tmp_path, *words)
    assert refused.exit_code == 2, refused.errors
    assert message in refused.errors
    assert "Traceback" not in refused.errors
    assert not list(tmp_path.glob("tuning/*/runs"))
