"""engine=framework takes the twins of net, task and optimizer, and refuses what they lack."""

import copy
from typing import Any

import pytest

from project.config.engine import check_engine, is_framework, with_engine
from project.config.errors import ConfigurationError

CONFIG: dict[str, Any] = {
    "engine": "framework",
    "model": {"name": "basic", "_target_": "lab.Net", "framework_target": "own.Net", "hidden": 8},
    "task": {"name": "pairs", "_target_": "lab.Task", "framework_target": "own.Task"},
    "optimizer": {
        "_target_": "torch.optim.SGD", "framework_target": "own.SGD", "lr": 0.1, "foreach": True,
        "fused": None,
    },
    "trainer": {"max_epochs": 2, "accelerator": "cpu", "devices": 1, "precision": 32},
    "scheduler": None,
}  # fmt: skip


def changed(**sections: Any) -> dict[str, Any]:
    config = copy.deepcopy(CONFIG)
    for name, change in sections.items():
        config[name] = config[name] | change if isinstance(config[name], dict) else change
    return config


def test_torch_is_left_as_it_is() -> None:
    for config in (CONFIG | {"engine": "torch"}, {"model": None}):
        assert not is_framework(config)
        assert with_engine(config) is config
        check_engine(config)


def test_the_twins_take_the_place_of_torchs_classes_with_the_same_keys() -> None:
    before = copy.deepcopy(CONFIG)
    found = with_engine(CONFIG)
    assert found["model"] == CONFIG["model"] | {"_target_": "own.Net"}
    assert found["task"]["_target_"] == "own.Task"
    # How torch computes is no matter of the framework's.
    assert found["optimizer"] == {
        "_target_": "own.SGD", "framework_target": "own.SGD", "lr": 0.1,
    }  # fmt: skip
    assert found["trainer"] == CONFIG["trainer"]
    assert before == CONFIG
    check_engine(CONFIG)


@pytest.mark.parametrize(
    ("section", "said"),
    [("model", "model=basic"), ("task", "task=pairs"), ("optimizer", "optimizer")],
)
def test_a_section_without_a_twin_is_named(section: str, said: str) -> None:
    config = changed(**{section: {"framework_target": None}})
    message = f"engine=framework: {said} has no {section}.framework_target "
    with pytest.raises(ConfigurationError) as error:
        check_engine(config)
    assert str(error.value).startswith(message)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scheduler": {"_target_": "lab.Step"}}, "has no learning rate schedules"),
        ({"trainer": {"devices": 2}}, r"trainer\.devices=2 is not supported"),
        ({"trainer": {"accelerator": "gpu"}}, r"trainer\.accelerator=gpu is not supported"),
        ({"trainer": {"precision": "bf16-mixed"}}, r"trainer\.precision=bf16-mixed is not"),
        ({"trainer": {"gradient_clip_val": 1.0}}, r"trainer\.gradient_clip_val=1\.0 is not"),
        ({"optimizer": {"no_weight_decay": ["bias"]}}, r"optimizer\.no_weight_decay="),
    ],
)
def test_what_it_would_ignore_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        check_engine(changed(**changes))


@pytest.mark.parametrize("precision", ["32", 32, "32-true", None])
def test_its_own_precision_may_be_named(precision: Any) -> None:
    check_engine(changed(trainer={"precision": precision}))
