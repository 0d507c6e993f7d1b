"""Every rule of a configuration, by its message: key, value, rule and nearest known key."""

import copy
import math
from typing import Any

import pytest

from project.configuration import check_report, check_train
from project.refusing import ConfigurationError, suggestion

VALUES: dict[str, Any] = {
    "seed": 0,
    "model": {"name": "basic", "_target_": "project.models.Basic", "channels": [32, 64]},
    "data": {
        "source": "auto",
        "train_pairs": 1000,
        "val_pairs": 1000,
        "test_pairs": 1000,
        "batch_size": 100,
        "shuffle": True,
        "normalise": False,
        "re_pair": False,
    },
    "optimizer": {
        "_target_": "torch.optim.Adadelta",
        "lr": 1.0,
        "rho": 0.9,
        "eps": 1e-6,
        "weight_decay": 0.0,
    },
    "augmentation": None,
    "schedule": None,
    "averaging": None,
    "loss": {"auxiliary_weight": 1.0, "label_smoothing": 0.0},
    "seeds": {"data": 0, "init": 0, "order": 0},
    "trainer": {"max_epochs": 25, "accelerator": "cpu", "devices": 1, "threads": 1},
    "dashboard": {"images": True},
    "checkpoints": {"time_share": 0.01},
    "paths": {"outputs": "outputs", "data": "outputs/data"},
    "rerun": False,
    "verify": None,
}
ADAM = {
    "_target_": "torch.optim.Adam",
    "lr": 1e-3,
    "betas": [0.9, 0.999],
    "eps": 1e-8,
    "weight_decay": 0.0,
}
SGD = {
    "_target_": "torch.optim.SGD",
    "lr": 0.1,
    "momentum": 0.9,
    "weight_decay": 0.0,
    "nesterov": False,
}


def changed(*changes: tuple[str, Any], **sections: Any) -> dict[str, Any]:
    """The valid configuration with `("section.key", value)` put in; with other sections."""
    values = copy.deepcopy(VALUES | sections)
    for path, value in changes:
        *parents, key = path.split(".")
        place = values
        for parent in parents:
            place = place[parent]
        place[key] = value
    return values


def refusal_of(values: dict[str, Any]) -> str:
    with pytest.raises(ConfigurationError) as error:
        check_train(values)
    assert error.value.exit_code == 2
    return str(error.value)


def test_a_valid_configuration_is_returned_with_its_values() -> None:
    checked = check_train(VALUES)
    assert checked.model_dump(by_alias=True) == VALUES


@pytest.mark.parametrize("optimizer", [ADAM, SGD, SGD | {"nesterov": True}])
def test_the_other_optimizers_are_valid(optimizer: dict[str, Any]) -> None:
    checked = check_train(changed(optimizer=optimizer))
    assert checked.optimizer.model_dump(by_alias=True) == optimizer


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("seed", 2**32 - 1),
        ("data.train_pairs", 29_000),
        ("data.val_pairs", 0),
        ("data.test_pairs", 5_000),
        ("data.batch_size", 1),
        ("data.source", "npm"),
        ("optimizer.lr", 2),  # 2 is a float where a float is asked for
        ("optimizer.rho", 1.0),
        ("loss.auxiliary_weight", 0.0),
        ("trainer.accelerator", "gpu"),
        ("trainer.devices", 100),  # as many as a batch has pairs
        ("rerun", True),
        ("model.name", "my.model_2-b"),
        ("model.anything", "the net's own constructor decides"),
    ],
)
def test_values_at_the_edge_of_a_rule_are_allowed(path: str, value: Any) -> None:
    check_train(changed((path, value)))


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        # Wrong type
        ("seed", 1.7, "seed=1.7: should be a valid integer"),
        ("seed", 1.0, "seed=1.0: should be a valid integer"),
        ("seed", True, "seed=True: should be a valid integer"),
        ("seed", "1", "seed=1: should be a valid integer"),
        ("seed", None, "seed=None: should be a valid integer"),
        ("data.batch_size", True, "data.batch_size=True: should be a valid integer"),
        ("data.shuffle", 1, "data.shuffle=1: should be a valid boolean"),
        ("data.normalise", "yes", "data.normalise=yes: should be a valid boolean"),
        ("optimizer.lr", "fast", "optimizer.lr=fast: should be a valid number"),
        ("optimizer.lr", True, "optimizer.lr=True: should be a valid number"),
        ("trainer.max_epochs", 2.5, "trainer.max_epochs=2.5: should be a valid integer"),
        ("paths.outputs", None, "paths.outputs=None: should be a valid string"),
        ("rerun", 1, "rerun=1: should be a valid boolean"),
        # No number
        ("optimizer.lr", math.nan, "optimizer.lr=nan: should be a finite number"),
        ("optimizer.lr", math.inf, "optimizer.lr=inf: should be a finite number"),
        ("loss.auxiliary_weight", -math.inf, "loss.auxiliary_weight=-inf: should be a finite"),
        ("model.dropout_conv", math.nan, "model.dropout_conv=nan: should be a finite number"),
        ("model.channels", [32, math.inf], "model.channels=[32, inf]: should be a finite number"),
        # Out of range
        ("seed", -1, "seed=-1: should be greater than or equal to 0"),
        ("seed", 2**32, "seed=4294967296: should be less than 4294967296"),
        ("data.train_pairs", 0, "data.train_pairs=0: should be greater than or equal to 1"),
        ("data.train_pairs", 30_001, "data.train_pairs=30001: should be less than or equal to 30"),
        ("data.val_pairs", -1, "data.val_pairs=-1: should be greater than or equal to 0"),
        ("data.test_pairs", 5_001, "data.test_pairs=5001: should be less than or equal to 5000"),
        ("data.test_pairs", 0, "data.test_pairs=0: should be greater than or equal to 1"),
        ("data.batch_size", 0, "data.batch_size=0: should be greater than or equal to 1"),
        ("data.source", "ftp", "data.source=ftp: should be 'auto', 'torchvision', 'npm' or 'mlxte"),
        ("optimizer.lr", 0.0, "optimizer.lr=0.0: should be greater than 0"),
        ("optimizer.rho", 1.1, "optimizer.rho=1.1: should be less than or equal to 1"),
        ("optimizer.eps", 0, "optimizer.eps=0: should be greater than 0"),
        ("optimizer.weight_decay", -1, "optimizer.weight_decay=-1: should be greater than or equ"),
        ("loss.auxiliary_weight", -0.5, "loss.auxiliary_weight=-0.5: should be greater than or e"),
        ("trainer.max_epochs", 0, "trainer.max_epochs=0: should be greater than or equal to 1"),
        ("trainer.threads", 0, "trainer.threads=0: should be greater than or equal to 1"),
        ("trainer.threads", 10**5, "trainer.threads=100000: should be less than or equal to 1024"),
        ("data.batch_size", 10**27, f"data.batch_size={10**27}: should be "),
        ("trainer.devices", 0, "trainer.devices=0: should be greater than or equal to 1"),
        (
            "trainer.devices",
            101,
            "trainer.devices=101: a batch is split over the devices, and",
        ),
        ("trainer.accelerator", "tpu", "trainer.accelerator=tpu: should be 'cpu' or 'gpu'"),
        ("paths.data", "", "paths.data=: String should have at least 1 character"),
    ],
)
def test_a_value_that_breaks_a_rule_is_refused_by_key_value_and_rule(
    path: str, value: Any, message: str
) -> None:
    found = refusal_of(changed((path, value)))
    assert found.startswith(message)
    assert "\n" not in found


@pytest.mark.parametrize("name", ["..", ".", "a/b", "../x", "", "-x", "a b", "x\n", "ü", 65 * "a"])
def test_a_models_name_cannot_lead_out_of_its_directory(name: str) -> None:
    assert refusal_of(changed(("model.name", name))).startswith("model.name=")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("data.train_pair", "unknown key 'data.train_pair'; did you mean 'data.train_pairs'?"),
        ("optimizer.lrr", "unknown key 'optimizer.lrr'; did you mean 'optimizer.lr'?"),
        (
            "loss.weight_decay",
            "unknown key 'loss.weight_decay'; did you mean 'optimizer.weight_decay'?",
        ),
        ("sed", "unknown key 'sed'; did you mean 'seed'?"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_known_one(path: str, message: str) -> None:
    assert refusal_of(changed((path, 1))).startswith(message)


def test_a_right_name_in_the_wrong_place_is_led_to_its_place() -> None:
    known = ["seed", "optimizer.lr", "trainer.max_epochs", "data.batch_size"]
    assert suggestion("lr", known) == "; did you mean 'optimizer.lr'?"
    assert suggestion("model.batch_size", known) == "; did you mean 'data.batch_size'?"
    assert suggestion("max_epochs", known) == "; did you mean 'trainer.max_epochs'?"
    assert suggestion("zzz", known) == f"; known keys here: {', '.join(sorted(known))}"


def test_a_missing_key_is_named() -> None:
    values = changed()
    del values["optimizer"]["lr"]
    assert refusal_of(values) == "optimizer.lr: is missing"
    del values["optimizer"]
    assert refusal_of(values) == "optimizer: is missing"


def test_an_unknown_optimizer_is_refused_with_those_that_there_are() -> None:
    message = refusal_of(changed(optimizer=SGD | {"_target_": "torch.optim.Rprop"}))
    assert message.startswith("optimizer: ")
    for name in ("torch.optim.Rprop", "torch.optim.Adadelta", "torch.optim.Adam", "optim.SGD"):
        assert name in message


@pytest.mark.parametrize("betas", [[0.9], [0.9, 0.99, 0.999]])
def test_adam_needs_two_betas(betas: list[float]) -> None:
    message = refusal_of(changed(optimizer=ADAM | {"betas": betas}))
    assert message.startswith(f"optimizer.betas={betas}: List should have at ")


def test_a_wrong_item_of_a_list_is_named_by_its_place() -> None:
    message = refusal_of(changed(optimizer=ADAM | {"betas": [0.9, 1.0]}))
    assert message == "optimizer.betas.1=1.0: should be less than 1"


def test_nesterov_needs_momentum() -> None:
    message = refusal_of(changed(optimizer=SGD | {"momentum": 0.0, "nesterov": True}))
    assert message == "optimizer: nesterov=true needs a momentum above 0"


def test_more_pairs_than_mnist_has_digits_for_are_refused() -> None:
    assert refusal_of(changed(("data.train_pairs", 29_001))) == (
        "data: train_pairs + val_pairs is 30001, but MNIST's 60000 training digits make only "
        "30000 pairs without using one twice"
    )


def test_all_broken_rules_come_in_one_message() -> None:
    message = refusal_of(changed(("seed", -1), ("data.batch_size", 0), ("loss.weight", 1)))
    assert [line.split(":")[0].split(";")[0] for line in message.splitlines()] == [
        "seed=-1",
        "data.batch_size=0",
        "unknown key 'loss.weight'",
    ]


def test_a_checked_configuration_cannot_be_changed() -> None:
    checked = check_train(VALUES)
    with pytest.raises(ValueError, match="frozen"):
        setattr(checked, "seed", 1)  # noqa: B010 - the type checker knows that it cannot be done


REPORT = {
    "runs": None,
    "study_name": "epfl_table",
    "baseline": None,
    "allow_missing": False,
    "paths": {"outputs": "outputs"},
}


def test_a_reports_configuration_is_checked_likewise() -> None:
    assert check_report(REPORT).model_dump() == REPORT


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"allow_missing": "yes"}, "allow_missing=yes: should be a valid boolean"),
        ({"runs": 3}, "runs=3: should be a valid string"),
        ({"baseline": ""}, "baseline=: String should have at least 1 character"),
        ({"paths": {"outputs": ""}}, "paths.outputs=: String should have at least 1 character"),
        ({"alow_missing": True}, "unknown key 'alow_missing'; did you mean 'allow_missing'?"),
    ],
)
def test_a_report_that_breaks_a_rule_is_refused_by_key(
    change: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError) as raised:
        check_report(REPORT | change)
    assert message in str(raised.value)
