"""A search that is killed goes on with what it has, repeats nothing, and never sees test pairs."""

import json
import os
import signal
import sqlite3
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from hydra.core.override_parser.overrides_parser import OverridesParser
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from project.launchers.tuning.space import SpaceError, split
from project.runs.trials import COMPLETE, FAILED, PRUNED, History, read_histories
from tests.commands import SMALL, command

SEARCH = (
    "-m",
    "hydra/sweeper=optuna",
    "model=basic",
    "hydra.sweeper.trials=5",
    "hydra.sweeper.seeds=[100,101]",
    "hydra.sweeper.sampler._target_=optuna.samplers.RandomSampler",
    "optimizer.lr=tag(log,interval(0.01,2.0))",
    "data.batch_size=10,20",
)


def search(outputs: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command("project.train", outputs, *SMALL, *SEARCH, *words),
        capture_output=True,
        text=True,
        timeout=240,
    )


def history_of(outputs: Path) -> History:
    (history,) = read_histories(outputs)
    return history


def tried(history: History) -> list[tuple[Any, ...]]:
    return [(each.state, each.values, each.errors) for each in history.trials]


def overrides(*words: str) -> Any:
    return OverridesParser.create().parse_overrides(list(words))


def test_the_space_is_what_hydras_grammar_says() -> None:
    words, space = split(
        overrides(
            "model=basic",
            "a=interval(1.0,2.0)",
            "b=tag(log,interval(0.1,10))",
            "c=int(interval(1,9))",
            "d=range(1,7,2)",
            "e=x,[1,2]",
            "model=resnet",  # what is said last holds
        )
    )
    assert words == ["model=resnet"]
    assert space == {
        "a": FloatDistribution(1.0, 2.0),
        "b": FloatDistribution(0.1, 10.0, log=True),
        "c": IntDistribution(1, 9),
        "d": CategoricalDistribution(["1", "3", "5"]),
        "e": CategoricalDistribution(["x", "[1,2]"]),
    }


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("model=basic",), "there is nothing to search"),
        (("seed=range(3)", "a=1,2"), "seed is no part of the search"),
        (("a=tag(log,interval(-1,2))",), "a: "),
    ],
)
def test_what_is_no_search_is_refused(words: tuple[str, ...], message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        split(overrides(*words))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search that nobody disturbed."""
    outputs = tmp_path_factory.mktemp("whole")
    done = search(outputs)
    assert done.returncode == 0, done.stderr
    assert "best of 5 trials, val/error" in done.stdout
    return outputs


def test_a_trial_is_the_mean_of_its_seeds_runs(whole: Path) -> None:
    history = history_of(whole)
    assert len(history.trials) == 5
    records = [
        json.loads(path.read_text()) for path in whole.glob("tuning/tuning/runs/*/*/run.json")
    ]
    measured = {(each["arm"], each["seed"]): each["metrics"]["val/error"] for each in records}
    assert {seed for _, seed in measured} == {100, 101}
    by_arm = {
        tuple(measured[arm, seed] for seed in (100, 101)) for arm in {arm for arm, _ in measured}
    }
    for trial in history.trials:
        if trial.state == COMPLETE:
            assert tuple(trial.errors[seed] for seed in ("100", "101")) in by_arm
            assert trial.value == pytest.approx(sum(trial.errors.values()) / 2)
    best = history.best
    assert best is not None
    assert best.value == min(t.value for t in history.trials if t.value and t.state == COMPLETE)
    assert not list(whole.glob("runs/*"))  # no report's table is flooded with trials


def test_asked_again_a_finished_search_answers_from_its_storage(whole: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in whole.glob("tuning/*/runs/*/*/run.json")}
    again = search(whole)
    assert again.returncode == 0, again.stderr
    assert "best of 5 trials" in again.stdout
    assert "[1/5]" not in again.stdout
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_search_that_is_killed_goes_on_to_the_same_trials(whole: Path, tmp_path: Path) -> None:
    """Killed in the middle of its third trial; what that had finished is not run again."""
    process = subprocess.Popen(
        command("project.train", tmp_path, *SMALL, *SEARCH, "hydra.sweeper.at_once=1"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 200
    while len(list(tmp_path.glob("tuning/*/runs/*/seed=*/run.json"))) < 5:
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    storage = sqlite3.connect(tmp_path / "tuning/tuning/study.db")
    (running,) = storage.execute("select count(*) from trials where state='RUNNING'").fetchone()
    storage.close()
    assert running == 1
    resumed = search(tmp_path, "hydra.sweeper.at_once=1")
    assert resumed.returncode == 0, resumed.stderr
    assert tried(history_of(tmp_path)) == tried(history_of(whole))
    runs = sorted(path.parent.name for path in tmp_path.glob("tuning/*/runs/*/seed=*"))
    assert sorted(path.parent.name for path in whole.glob("tuning/*/runs/*/seed=*")) == runs


def test_more_trials_go_on_where_the_search_was_and_another_question_is_refused(
    whole: Path, tmp_path: Path
) -> None:
    def first(trials: int, *words: str) -> subprocess.CompletedProcess[str]:
        return search(tmp_path, f"hydra.sweeper.trials={trials}", *words)

    assert first(2).returncode == 0
    assert first(3).returncode == 0
    assert tried(history_of(tmp_path)) == tried(history_of(whole))[:3]
    other = first(3, "model=ws_al")
    assert other.returncode == 4
    assert "asks another question; name another study (hydra.sweeper.study=NAME)" in other.stderr
    with FileLock(tmp_path / "tuning/tuning/.lock"):
        held = first(4)
    assert held.returncode == 4
    assert "another process works on" in held.stderr


def test_no_values_are_tried_twice_and_a_small_space_comes_to_its_end(tmp_path: Path) -> None:
    words = (*SEARCH[:-2], "data.batch_size=10,20", "optimizer.lr=1")
    done = subprocess.run(
        command("project.train", tmp_path, *SMALL, *words),
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    assert "every value of the space has been tried" in done.stderr
    assert sorted(each.values["data.batch_size"] for each in history_of(tmp_path).trials) == [
        "10",
        "20",
    ]


def test_hopeless_and_diverging_trials_are_given_up_and_counted(tmp_path: Path) -> None:
    done = search(
        tmp_path,
        "hydra.sweeper.seeds=[100,101,102,103,104,105,106,107]",
        "hydra.sweeper.at_once=4",
        "hydra.sweeper.objective=val/loss",
        "hydra.sweeper.trials=3",
        "data.batch_size=20",
        "optimizer.lr=1.0,1.0e-9,1.0e+30",
    )
    assert done.returncode == 0, done.stderr
    history = history_of(tmp_path)
    states = {float(each.values["optimizer.lr"]): each.state for each in history.trials}
    # The first complete trial is the best so far, so it is not given up however bad it is.
    hopeless = COMPLETE if [*states].index(1e-9) < [*states].index(1.0) else PRUNED
    assert states == {1.0: COMPLETE, 1e-9: hopeless, 1e30: FAILED}
    assert history.best is not None
    assert float(history.best.values["optimizer.lr"]) == 1.0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("hydra.sweeper.seeds=[0,100]",), "must be different numbers from 100 on"),
        (("hydra.sweeper.seeds=[100,100]",), "must be different numbers from 100 on"),
        (("hydra.sweeper.objective=test/error",), "what is chosen by the test pairs cannot"),
        (("hydra.sweeper.trials=0",), "must be at least 1"),
        (("hydra.sweeper.study=../x",), "must be a plain name"),
        (("hydra.sweeper.trails=3",), "hydra.sweeper.trials"),
    ],
)
def test_a_question_that_would_be_dishonest_or_wrong_is_refused(
    tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    refused = search(tmp_path, *words)
    assert refused.returncode == 2, refused.stderr
    assert message in refused.stderr
    assert not list(tmp_path.glob("tuning/*/study.db"))
