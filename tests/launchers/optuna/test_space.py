"""The words of a search are read as Hydra's grammar says, or refused in a line."""

import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from project.config.compose import quote
from project.config.errors import ConfigurationError
from project.launchers.optuna.settings import SearchSettings
from project.launchers.optuna.space import probes, split
from project.launchers.settings import read_settings
from tests.commands import ROOT
from tests.launchers.sweeps import sweep


def overrides(*words: str) -> Any:
    return OverridesParser.create().parse_overrides(list(words))


def test_the_space_is_what_hydras_grammar_says() -> None:
    search = split(
        overrides(
            "++data.size=1",
            "a=interval(1.0,2.0)",
            "++b.c=tag(log,interval(0.1,10))",
            "c=int(interval(1,9))",
            "d=range(1,7,2)",
            "+e=x,[1,2]",
            "model=resnet",
        )
    )
    assert search.words == ["++data.size=1", "model=resnet"]
    assert search.typed == ["data.size=1", "model=resnet"]
    assert search.space == {
        "a": FloatDistribution(1.0, 2.0),
        "b.c": FloatDistribution(0.1, 10.0, log=True),
        "c": IntDistribution(1, 9),
        "d": CategoricalDistribution(["1", "3", "5"]),
        "e": CategoricalDistribution(["x", "[1,2]"]),
    }
    assert search.overrides({"a": 1.5, "b.c": 2.0, "e": "x"}) == [
        *search.words, "a=1.5", "++b.c=2.0", "+e=x",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("model=basic",), "there is nothing to search"),
        (("seed=range(3)", "a=1,2"), "seed cannot be searched"),
        (("+seed=3", "a=1,2"), "seed cannot be searched"),
        (("a=tag(log,interval(-1,2))",), "a: "),
    ],
)
def test_what_is_no_search_is_refused(words: tuple[str, ...], message: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(message)):
        split(overrides(*words))


def test_a_question_is_tried_out_at_every_choice_and_in_the_middle_of_ranges() -> None:
    search = split(overrides("a=x,y,z", "b=1,2", "c=interval(0,1.0)", "d=int(interval(1,9))"))
    assert probes(search.space) == [
        {"a": "x", "b": "1", "c": 0.5, "d": 5},
        {"a": "y", "b": "2", "c": 0.5, "d": 5},
        {"a": "z", "b": "2", "c": 0.5, "d": 5},
    ]


@pytest.mark.parametrize(
    "path", ["/tmp/ü", "/tmp/a=b", "/it's \"a\\", "two\nlines", "$HOME {x} [1],%?"]
)
def test_a_folder_of_any_name_is_a_word_of_hydras(path: str) -> None:
    (override,) = overrides(f"paths.outputs={quote(path)}")
    assert override.value() == path


def settings(**changes: Any) -> SearchSettings:
    values = yaml.safe_load((ROOT / "conf/hydra/sweeper/optuna.yaml").read_text())
    config = OmegaConf.create(values | changes)
    return read_settings(SearchSettings, config, "hydra.sweeper.")


def test_what_stands_in_the_file_is_allowed() -> None:
    settings()
    settings(objective="val/auc", direction="max", study="ü x")


@pytest.mark.parametrize("name", [2026, float("nan")])
def test_a_study_may_be_named_by_what_hydra_reads_as_a_number(name: float) -> None:
    assert settings(study=name).study == str(name)


WHOLE = "should be a valid integer"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        *[
            ({"seeds": seeds}, "must be distinct numbers, at least 100")
            for seeds in ([0, 100], [100, 100], [], ["abc"], [100.5], [None])
        ],
        *[({"trials": each}, f"trials={each}: {WHOLE}") for each in ("abc", True)],
        *[({"trials": each}, f"trials={each}: should be greater than 0") for each in (0, -1)],
        ({"at_once": 1.5}, f"hydra.sweeper.at_once=1.5: {WHOLE}"),
        ({"sampler_seed": -1}, "hydra.sweeper.sampler_seed=-1: should be greater than or equal to"),
        *[
            ({"study": name}, f"hydra.sweeper.study={name}: must be a plain name")
            for name in ("", "../x", "a/b", "a\0b", None)
        ],
        ({"objective": 3}, "hydra.sweeper.objective=3: should be a valid string"),
        ({"objective": "test/error"}, "a search must not use the test examples"),
        ({"direction": "up"}, "hydra.sweeper.direction=up: should be 'min' or 'max'"),
    ],
)
def test_a_setting_that_is_none_is_refused_in_a_line(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(message)) as refused:
        settings(**changes)
    assert "\n" not in str(refused.value)


def test_without_optuna_the_sweeper_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    done = sweep(tmp_path, "hydra/sweeper=optuna", "optimizer.lr=interval(0.1,1)")
    assert (done.exit_code, done.errors) == (
        2,
        "error: hydra/sweeper=optuna needs optuna: pip install -c .ci/constraints.txt -e "
        "'.[tuning]'\n",
    )
