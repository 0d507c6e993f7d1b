"""An ended trial is stored at once; an interrupted one leaves nothing and is proposed again."""

from pathlib import Path
from typing import Any

import optuna
import pytest
import yaml
from omegaconf import OmegaConf
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.trial import TrialState

from project.config.errors import ConfigurationError, ConflictError
from project.launchers.optuna import trials
from project.launchers.optuna.settings import SearchSettings
from project.launchers.optuna.trials import StoredTrials, build_optunas, read
from project.launchers.settings import read_settings
from tests.commands import ROOT

SPACE: dict[str, BaseDistribution] = {
    "lr": FloatDistribution(0.1, 1.0),
    "model": CategoricalDistribution(["a", "b"]),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "a study"


def opened(
    folder: Path, question: str = "which?", direction: str = "min", sampler: str = "RandomSampler"
) -> StoredTrials:
    values = yaml.safe_load((ROOT / "conf/hydra/sweeper/optuna.yaml").read_text())
    values |= {"sampler": {"_target_": f"optuna.samplers.{sampler}"}}
    settings = read_settings(SearchSettings, OmegaConf.create(values), "hydra.sweeper.")
    return StoredTrials(folder, {"question": question, "direction": direction}, settings, SPACE)


def answers(study: StoredTrials) -> list[tuple[str, dict[str, Any]]]:
    return [(read(each).state, each.params) for each in study.done()]


def proposed(study: StoredTrials) -> Any:
    trial = study.propose()
    assert trial is not None
    return trial


def complete(study: StoredTrials, value: float = 0.5) -> dict[str, Any]:
    trial = proposed(study)
    study.tell(trial, TrialState.COMPLETE, {"100": value, "101": value + 0.25}, "")
    return dict(trial.params)


def test_a_trial_holds_its_values_by_seed_and_their_mean(folder: Path) -> None:
    params = complete(opened(folder))
    stored = read(opened(folder).done()[0])
    assert (stored.number, stored.state, stored.values) == (0, "complete", params)
    assert (stored.errors, stored.value) == ({"100": 0.5, "101": 0.75}, 0.625)


@pytest.mark.parametrize("sampler", ["RandomSampler", "TPESampler"])
def test_what_was_interrupted_is_proposed_again_and_is_no_answer(
    folder: Path, sampler: str
) -> None:
    undisturbed = opened(folder.with_name("undisturbed"), sampler=sampler)
    expected = [complete(undisturbed, 1 / (1 + number)) for number in range(14)]
    for number in range(14):
        proposed(opened(folder, sampler=sampler))  # and then the process is killed
        study = opened(folder, sampler=sampler)
        assert answers(study) == [("complete", params) for params in expected[:number]]
        assert complete(study, 1 / (1 + number)) == expected[number]
        assert study.failures() == []
    assert [read(each) for each in study.done()] == [read(each) for each in undisturbed.done()]


def test_failures_are_named_and_divergence_is_none(folder: Path) -> None:
    study = opened(folder)
    for reason in ("ValueError: no", "DivergedError: the loss became nan", trials.REPEATED):
        study.tell(proposed(study), TrialState.FAIL, {}, reason)
    assert [read(each).state for each in opened(folder).done()] == ["failed", "failed"]
    assert opened(folder).failures() == ["trial 0: ValueError: no"]
    complete(study)
    assert [each.number for each in opened(folder).done()] == [0, 1, 3]


def test_another_question_under_the_same_name_is_refused(folder: Path) -> None:
    opened(folder)
    with pytest.raises(
        ConflictError, match="holds a study with other settings; name another study"
    ):
        opened(folder, "why?")


@pytest.mark.parametrize(("direction", "stored"), [("min", "MINIMIZE"), ("max", "MAXIMIZE")])
def test_the_direction_is_optunas(folder: Path, direction: str, stored: str) -> None:
    opened(folder, direction=direction)
    study = optuna.load_study(study_name=folder.name, storage=f"sqlite:///{folder}/study.db")
    assert study.direction.name == stored


@pytest.mark.parametrize("target", ["subprocess.Popen", "os.system", "optunas.Evil"])
def test_only_optunas_own_samplers_and_pruners_are_built(target: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{target} is not a class of Optuna"):
        build_optunas({"_target_": target})
