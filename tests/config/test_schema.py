"""Every rule of a configuration, by its message: key, value, rule and nearest known key."""

import math
from typing import Any

import pytest

from project.config.errors import ConfigurationError
from project.config.schema import OWNED_TRAINER_KEYS, TrainConfig
from tests.config.configurations import CONFIG, changed


def refusal_of(*changes: tuple[str, Any]) -> str:
    with pytest.raises(ConfigurationError) as error:
        TrainConfig.checked(changed(*changes))
    assert error.value.exit_code == 2
    return str(error.value)


def test_a_valid_configuration_is_returned_with_its_values() -> None:
    checked = TrainConfig.checked(CONFIG)
    assert (checked.seed, checked.trainer.max_epochs, checked.metric.name) == (3, 25, "error")
    assert checked.model is not None
    assert checked.model.target == "project.models.Siamese"
    assert checked.scheduler is None
    assert checked.paths.data == "outputs/data"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("seed", 2**32 - 1),
        ("seeds.data", 0),
        ("trainer.accelerator", "auto"),
        ("trainer.precision", "bf16-mixed"),
        ("model", None),
        ("optimizer", None),
        ("model.name", "my.model_2-b"),
        ("model.anything", "the net's own constructor decides"),
        ("scheduler", {"_target_": "a.Plateau", "monitor": "val/loss", "patience": 3}),
        ("callbacks.mine", {"_target_": "mine.Callback", "every": 2}),
        ("callbacks.mine", None),
        ("metric.direction", "max"),
        ("metric.name", "top5-acc@1"),
        ("checkpoints.max_overhead", 1),
        ("debug", "overfit"),
        ("code", "accept"),
        ("tags", ["a", "b c"]),
        ("paths.data", "not \udcff utf-8"),
        ("notes", "nor \udcff this"),
    ],
)
def test_values_at_the_edge_of_a_rule_are_allowed(path: str, value: Any) -> None:
    TrainConfig.checked(changed((path, value)))


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        # Wrong type
        ("seed", 1.7, "seed=1.7: should be a valid integer"),
        ("seed", 1.0, "seed=1.0: should be a valid integer"),
        ("seed", True, "seed=True: should be a valid integer"),
        ("seed", "1", "seed=1: should be a valid integer"),
        ("seed", None, "seed=None: should be a valid integer"),
        ("trainer.max_epochs", 2.5, "trainer.max_epochs=2.5: should be a valid integer"),
        ("paths.outputs", None, "paths.outputs=None: should be a valid string"),
        ("rerun", 1, "rerun=1: should be a valid boolean"),
        ("tags", "a", "tags=a: should be a valid list"),
        ("model", 3, "model=3: should be a valid dictionary"),
        ("callbacks.ema", 3, "callbacks.ema=3: should be a valid dictionary"),
        # No number
        ("checkpoints.max_overhead", math.nan, "checkpoints.max_overhead=nan: should be a finite"),
        ("model.dropout_conv", math.nan, "model.dropout_conv=nan: should be a finite number"),
        ("model.channels", [32, math.inf], "model.channels=[32, inf]: should be a finite number"),
        ("optimizer.lr", -math.inf, "optimizer.lr=-inf: should be a finite number"),
        ("trainer.gradient_clip_val", math.inf, "trainer.gradient_clip_val=inf: should be a fin"),
        # Out of range
        ("seed", -1, "seed=-1: should be greater than or equal to 0"),
        ("seed", 2**32, "seed=4294967296: should be less than 4294967296"),
        ("seeds.init", -1, "seeds.init=-1: should be greater than or equal to 0"),
        ("trainer.max_epochs", 0, "trainer.max_epochs=0: should be greater than or equal to 1"),
        ("trainer.threads", 0, "trainer.threads=0: should be greater than or equal to 1"),
        ("trainer.threads", 10**5, "trainer.threads=100000: should be less than or equal to 1024"),
        ("trainer.devices", 0, "trainer.devices=0: should be greater than or equal to 1"),
        ("trainer.accelerator", "tpu", "trainer.accelerator=tpu: should be 'cpu', 'gpu', "),
        ("checkpoints.max_overhead", 0, "checkpoints.max_overhead=0: should be greater than 0"),
        ("metric.direction", "up", "metric.direction=up: should be 'min' or 'max'"),
        ("metric.name", "val/error", "metric.name=val/error: must be one word without '/'"),
        ("metric.name", "a b", "metric.name=a b: must be one word without '/'"),
        ("metric.name", "a\x1b[31m", "metric.name=a\x1b[31m: must be one word"),
        ("model.init", "zeros", "model.init=zeros: should be 'constructor' or 'by_module'"),
        ("code", "yes", "code=yes: should be 'accept'"),
        ("paths.data", "", "paths.data=: must not be empty"),
        (
            "paths.outputs",
            "\udcff",
            "paths.outputs=\udcff: is not valid UTF-8, which TensorBoard needs;",
        ),
        ("model._target_", "", "model._target_=: String should have at least 1 character"),
    ],
)
def test_a_value_that_breaks_a_rule_is_refused_by_key_value_and_rule(
    path: str, value: Any, message: str
) -> None:
    found = refusal_of((path, value))
    assert found.startswith(message)
    assert "\n" not in found


@pytest.mark.parametrize("name", ["..", ".", "a/b", "../x", "", "-x", "a b", "x\n", "ü", 65 * "a"])
@pytest.mark.parametrize("key", ["model.name", "task.name", "data.name", "data.dataset"])
def test_a_name_cannot_lead_out_of_its_directory(key: str, name: str) -> None:
    assert refusal_of((key, name)) == (
        f"{key}={name}: must begin with a letter or digit and hold only letters, digits, '.', '_' "
        "and '-', at most 64"
    )


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("sed", "unknown key 'sed'; did you mean 'seed'?"),
        ("seeds.dat", "unknown key 'seeds.dat'; did you mean 'seeds.data'?"),
        ("metric.lr", "unknown key 'metric.lr'; did you mean 'optimizer.lr'?"),
        ("checkpoints.every", "unknown key 'checkpoints.every'"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_known_one(path: str, message: str) -> None:
    assert refusal_of((path, 1)) == message


def test_a_missing_key_is_named() -> None:
    for section, key in (("trainer", "max_epochs"), ("model", "name"), ("data", "_target_")):
        config = changed()
        del config[section][key]
        with pytest.raises(ConfigurationError) as error:
            TrainConfig.checked(config)
        assert str(error.value) == f"{section}.{key}: is missing"
    config = changed()
    del config["optimizer"]
    with pytest.raises(ConfigurationError, match=r"^optimizer: is missing$"):
        TrainConfig.checked(config)


def test_all_broken_rules_come_in_one_message() -> None:
    message = refusal_of(("seed", -1), ("trainer.threads", 0), ("metric.weight", 1))
    assert [line.split(":")[0].split(";")[0] for line in message.splitlines()] == [
        "seed=-1",
        "unknown key 'metric.weight'",
        "trainer.threads=0",
    ]


def test_a_checked_configuration_cannot_be_changed() -> None:
    checked = TrainConfig.checked(CONFIG)
    with pytest.raises(ValueError, match="frozen"):
        setattr(checked, "seed", 1)  # noqa: B010 - the type checker knows that it cannot be done


def test_the_trainers_keys_that_belong_to_the_platform_are_lightnings() -> None:
    """One that Lightning renames would be let through."""
    import inspect

    from pytorch_lightning import Trainer

    assert set(OWNED_TRAINER_KEYS) <= set(inspect.signature(Trainer).parameters)
