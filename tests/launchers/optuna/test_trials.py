"""What was interrupted is asked again, once, whenever the kill came."""

from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.study import Study
from optuna.trial import TrialState

from project.config.errors import ConfigurationError, ConflictError
from project.launchers.optuna import trials
from project.launchers.optuna.trials import (
    build_optunas,
    done,
    failures,
    open_study,
    proposals,
    read,
    tell,
)

SPACE: dict[str, BaseDistribution] = {
    "lr": FloatDistribution(0.1, 1.0),
    "model": CategoricalDistribution(["a", "b"]),
}
PRUNER = {"_target_": "optuna.pruners.NopPruner"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "a study"


def opened(folder: Path, question: str = "which?", direction: str = "min") -> Study:
    asked = {"question": question, "direction": direction}
    study = open_study(folder, asked, PRUNER, SPACE)
    study.sampler = optuna.samplers.RandomSampler(seed=proposals(study))
    return study


def answers(study: Study) -> list[tuple[str, dict[str, Any]]]:
    return [(read(each).state, each.params) for each in done(study)]


def complete(study: Study, value: float = 0.5) -> dict[str, Any]:
    trial = study.ask(SPACE)
    tell(study, trial, TrialState.COMPLETE, {"100": value, "101": value + 0.25}, "")
    return dict(trial.params)


def test_a_trial_holds_its_values_by_seed_and_their_mean(folder: Path) -> None:
    study = opened(folder)
    params = complete(study)
    stored = read(done(opened(folder))[0])
    assert (stored.number, stored.state, stored.values) == (0, "complete", params)
    assert (stored.errors, stored.value) == ({"100": 0.5, "101": 0.75}, 0.625)


def test_what_was_interrupted_is_asked_again_and_is_no_answer(folder: Path) -> None:
    study = opened(folder)
    first = complete(study)
    study.sampler = optuna.samplers.RandomSampler(seed=proposals(study))
    interrupted = dict(study.ask(SPACE).params)  # and then the process is killed
    again = opened(folder)
    assert answers(again) == [("complete", first)]
    assert proposals(again) == 1
    assert complete(again) == interrupted
    assert [params for _, params in answers(again)] == [first, interrupted]
    assert proposals(again) == 2
    assert failures(again) == []


def test_a_kill_before_all_values_were_drawn_draws_the_same(folder: Path) -> None:
    other = folder.with_name("undisturbed")
    other.mkdir()
    undisturbed = dict(opened(other).ask(SPACE).params)
    half = opened(folder).ask()
    half.suggest_float("lr", 0.1, 1.0)
    assert opened(folder).ask(SPACE).params == undisturbed


@pytest.mark.parametrize("killed_at", ["set_user_attr", "enqueue_trial", "tell"])
def test_a_kill_while_it_is_queued_again_costs_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, killed_at: str
) -> None:
    interrupted = dict(opened(folder).ask(SPACE).params)

    class Killed(BaseException):
        pass

    def kill(*given: Any, **named: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Study, killed_at, kill)
        with pytest.raises(Killed):
            opened(folder)
    study = opened(folder)
    assert complete(study) == interrupted
    assert answers(study) == [("complete", interrupted)]
    assert not study.get_trials(states=(TrialState.WAITING, TrialState.RUNNING))


def test_failures_are_named_and_divergence_is_none(folder: Path) -> None:
    study = opened(folder)
    for reason in ("ValueError: no", "DivergedError: the loss became nan", trials.REPEATED):
        tell(study, study.ask(SPACE), TrialState.FAIL, {}, reason)
    assert [read(each).state for each in done(study)] == ["failed", "failed"]
    assert failures(study) == ["trial 0: ValueError: no"]
    assert proposals(study) == 3


def test_another_question_under_the_same_name_is_refused(folder: Path) -> None:
    opened(folder)
    with pytest.raises(
        ConflictError, match="holds a study with other settings; name another study"
    ):
        opened(folder, "why?")


def test_the_direction_is_optunas(folder: Path) -> None:
    assert opened(folder, direction="max").direction.name == "MAXIMIZE"


@pytest.mark.parametrize("target", ["subprocess.Popen", "os.system", "optunas.Evil"])
def test_only_optunas_own_samplers_and_pruners_are_built(target: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{target} is not a class of Optuna"):
        build_optunas({"_target_": target})
