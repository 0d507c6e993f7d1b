"""A search that is killed goes on with what it has, repeats nothing, and never sees test pairs."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from filelock import FileLock
from hydra.core.override_parser.overrides_parser import OverridesParser
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from project.composition import CONFIGURATION_FOLDER
from project.launchers.tuning.space import SpaceError, probes, quoted, split
from project.launchers.tuning.sweeper import NoOptunaError, OptunaSweeper

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
        (("+seed=3", "a=1,2"), "seed is no part of the search"),
        (("a=tag(log,interval(-1,2))",), "a: "),
        (("seeds.data=0", "a=1,2"), "seeds.data=0: holds a source of chance"),
        (("seeds.init=0,1",), "seeds.init=0,1: holds a source"),
        (("++seeds.order=7", "a=1,2"), "leave seeds.* out of a search"),
        (("seeds=init_only", "a=1,2"), "seeds=init_only: holds a source"),
        (("seeds=together,init_only",), "seeds=together,init_only: holds a source"),
    ],
)
def test_what_is_no_search_is_refused(words: tuple[str, ...], message: str) -> None:
    with pytest.raises(SpaceError, match=re.escape(message)):
        split(overrides(*words))


def test_the_default_choice_of_seeds_may_be_named() -> None:
    assert split(overrides("seeds=together", "a=1,2"))[0] == ["seeds=together"]


def test_a_question_is_tried_out_at_every_choice_and_in_the_middle_of_ranges() -> None:
    _, space = split(overrides("a=x,y,z", "b=1,2", "c=interval(0,1.0)", "d=int(interval(1,9))"))
    assert probes(space) == [
        {"a": "x", "b": "1", "c": 0.5, "d": 5},
        {"a": "y", "b": "2", "c": 0.5, "d": 5},
        {"a": "z", "b": "2", "c": 0.5, "d": 5},
    ]


@pytest.mark.parametrize(
    "path", ["/tmp/ü", "/tmp/a=b", "/it's \"a\\", "two\nlines", "$HOME {x} [1],%?"]
)
def test_a_folder_of_any_name_is_a_word_of_hydras(path: str) -> None:
    (override,) = overrides(f"paths.outputs={quoted(Path(path))}")
    assert override.value() == path


def sweeper(**settings: Any) -> OptunaSweeper:
    path = CONFIGURATION_FOLDER / "hydra/sweeper/optuna.yaml"
    values = yaml.safe_load(path.read_text()) | settings
    return OptunaSweeper(**{key: each for key, each in values.items() if key[0] != "_"})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"seeds": [0, 100]}, "must be different numbers from 100 on"),
        ({"seeds": [100, 100]}, "must be different numbers from 100 on"),
        ({"seeds": []}, "must be different numbers from 100 on"),
        ({"seeds": "abc"}, "must be different numbers from 100 on"),
        ({"seeds": [100.5]}, "must be different numbers from 100 on"),
        ({"seeds": None}, "must be different numbers from 100 on"),
        ({"trials": 0}, "hydra.sweeper.trials must be a whole number, at least 1, got 0"),
        ({"trials": -1}, "hydra.sweeper.trials must be a whole number"),
        ({"trials": "abc"}, "hydra.sweeper.trials must be a whole number, at least 1, got 'abc'"),
        ({"trials": True}, "hydra.sweeper.trials must be a whole number"),
        ({"at_once": 1.5}, "hydra.sweeper.at_once must be a whole number"),
        ({"sampler_seed": -1}, "hydra.sweeper.sampler_seed must be a whole number, at least 0"),
        ({"study": ""}, "hydra.sweeper.study must be a plain name, got ''"),
        ({"study": "../x"}, "hydra.sweeper.study must be a plain name, got '../x'"),
        ({"study": "a/b"}, "hydra.sweeper.study must be a plain name"),
        ({"study": "a\0b"}, "hydra.sweeper.study must be a plain name"),
        ({"study": None}, "hydra.sweeper.study must be a plain name"),
        ({"objective": 3}, "hydra.sweeper.objective must be a name such as val/error, got 3"),
        ({"objective": "test/error"}, "what is chosen by the test pairs cannot"),
    ],
)
def test_a_setting_that_is_none_is_refused_in_a_line(
    settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(SpaceError, match=re.escape(message)) as refused:
        sweeper(**settings).sweep([])
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(("study", "name"), [(2026, "2026"), (float("nan"), "nan"), ("ü x", "ü x")])
def test_a_number_may_be_the_name_of_a_study(study: Any, name: str) -> None:
    assert sweeper(study=study).name == name


def test_without_optuna_the_sweeper_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(NoOptunaError, match="needs Optuna: pip install"):
        sweeper().sweep([])


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


def test_a_trial_that_failed_by_an_error_is_a_failed_job(tmp_path: Path) -> None:
    """As in any sweep, exit code 1, however often it is asked; what was best is said all the same.

    In a folder whose name has what Hydra's grammar and an address of SQLite have no place for.
    """
    outputs = tmp_path / "ü=it's a%20b?"
    words = ("hydra.sweeper.study=2026", "hydra.sweeper.seeds=100")
    done = search(outputs, *words, "hydra.sweeper.trials=1")
    assert done.returncode == 0, done.stderr
    words = (*words, "hydra.sweeper.trials=2")
    for timeout in ("1.0e-6", "null"):
        failed = search(outputs, *words, f"hydra.launcher.timeout_minutes={timeout}")
        assert failed.returncode == 1, failed.stderr
        assert "best of 2 trials, val/error" in failed.stdout
        assert "error: 1 of 2 trials failed; trial 1: job 0 failed: ran past" in failed.stderr
    assert (outputs / "tuning/2026/study.db").exists()
    assert [each.name for each in tmp_path.iterdir()] == [outputs.name]


def test_a_studys_own_file_cannot_hold_a_source_of_chance_either(tmp_path: Path) -> None:
    file = tmp_path / "conf/study/held.yaml"
    file.parent.mkdir(parents=True)
    file.write_text("# @package _global_\nseeds: {init: 7}\n")
    refused = search(tmp_path, f"hydra.searchpath=[file://{tmp_path}/conf]", "+study=held")
    assert refused.returncode == 2, refused.stderr
    assert "seeds.init=7: holds a source of chance" in refused.stderr
    assert not (tmp_path / "tuning").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("hydra.sweeper.study=",), "must be a plain name"),
        (("hydra.sweeper.seeds=abc",), "must be different numbers from 100 on"),
        (("hydra.sweeper.trails=3",), "hydra.sweeper.trials"),
        (("seeds.data=0", "seeds.init=0", "seeds.order=0"), "leave seeds.* out of a search"),
        (("data.batch_size=20,0",), "data.batch_size=0: should be greater than or equal to 1"),
    ],
)
def test_a_question_that_would_be_dishonest_or_wrong_is_refused(
    tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    refused = search(tmp_path, *words)
    assert refused.returncode == 2, refused.stderr
    assert message in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert not (tmp_path / "tuning").exists()
