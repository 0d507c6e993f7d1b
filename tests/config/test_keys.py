"""The keys of a section are its class's own: held against it before anything is imported."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from project.config.errors import ConfigurationError
from project.config.keys import KeysError, UnknownKeyError, arguments, check_chosen, check_keys
from tests.config.configurations import CONFIG, changed

STEP = {"_target_": "torch.optim.lr_scheduler.StepLR", "step_size": 3}


def test_a_valid_configuration_passes() -> None:
    check_keys(CONFIG)
    check_keys(changed(("scheduler", STEP | {"interval": "epoch", "frequency": 2})))
    check_keys(changed(("model", None), ("optimizer", None)))
    check_keys(changed(("callbacks.off", None)))


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (
            "model.dropout",
            0.1,
            "unknown key 'model.dropout' for Siamese; did you mean 'model.dropout_conv'?",
        ),
        (
            "optimizer.lrr",
            1,
            "unknown key 'optimizer.lrr' for Adam; did you mean 'optimizer.lr'?",
        ),
        (
            "task.weight",
            1,
            "unknown key 'task.weight' for DigitPairs; known: task.auxiliary_weight, "
            "task.label_smoothing",
        ),
        ("scheduler", STEP | {"gama": 1}, "unknown key 'scheduler.gama' for StepLR; did you mean "),
        (
            "callbacks.ema",
            {"_target_": "project.training.ema.EMA", "decay": 0.9, "decai": 1},
            "unknown key 'callbacks.ema.decai' for EMA; did you mean 'callbacks.ema.decay'?",
        ),
        ("trainer.max_epoch", 3, "unknown key 'trainer.max_epoch'; did you mean 'trainer.max_epo"),
        ("trainer.foo", 3, "unknown key 'trainer.foo'"),
    ],
)
def test_a_key_that_the_class_lacks_is_refused_by_name(path: str, value: Any, message: str) -> None:
    with pytest.raises(UnknownKeyError) as error:
        check_keys(changed((path, value)))
    assert str(error.value).startswith(message)
    assert error.value.exit_code == 2


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("model", {"name": "b", "_target_": "project.models.Basic", "channels": [4, 6]},
         "model.hidden: is missing (Basic needs it)"),
        ("model", {"name": "m", "_target_": "project.models.MLP"},
         "model.classes: is missing (MLP needs it); null lets the data say"),
        ("scheduler", {"_target_": STEP["_target_"]},
         "scheduler.step_size: is missing (StepLR needs it)"),
        ("optimizer.params", [], "optimizer.params: the platform sets the params of Adam; leave"),
        ("data.seed", 3, "data.seed: the platform sets the seed of MnistPairs; leave it out"),
        ("trainer.logger", True, "trainer.logger belongs to the platform: use logger=NAME"),
        ("trainer.strategy", "ddp", "trainer.strategy belongs to the platform: trainer.devices=2"),
        ("trainer.fast_dev_run", True, "trainer.fast_dev_run belongs to the platform: use debug"),
    ],
)  # fmt: skip
def test_a_missing_key_or_one_of_the_platform_is_refused_by_name(
    path: str, value: Any, message: str
) -> None:
    with pytest.raises(KeysError) as error:
        check_keys(changed((path, value)))
    assert str(error.value).startswith(message)
    assert not isinstance(error.value, UnknownKeyError)


def test_ones_own_class_is_held_against_its_source_without_running_it(
    own_modules: Callable[[str, str], Path],
) -> None:
    own_modules(
        "mine",
        """
        raise RuntimeError("imported")
        class Net:
            def __init__(self, width: int, depth: int = 2): ...
    """,
    )
    net = {"name": "net", "_target_": "mine.Net", "width": 3}
    check_keys(changed(("model", net)))
    with pytest.raises(ConfigurationError, match=r"unknown key 'model.widht' for Net; did you mea"):
        check_keys(changed(("model", net | {"widht": 3})))
    with pytest.raises(ConfigurationError, match=r"^model.width: is missing \(Net needs it\)$"):
        check_keys(changed(("model", net | {"width": 3}), ("model", {**net, "_target_": "mine.Net"})
                           ) | {"model": {"name": "net", "_target_": "mine.Net"}})  # fmt: skip
    assert "mine" not in sys.modules


def test_a_class_that_cannot_be_read_is_left_to_python() -> None:
    check_keys(changed(("model._target_", "no.such.module.Net"), ("model.anything", 1)))


def test_the_platforms_keys_are_no_arguments() -> None:
    assert arguments("model", CONFIG["model"]).keys() == CONFIG["model"].keys() - {
        "name", "_target_", "init",
    }  # fmt: skip
    assert not {"dataset", "prepare", "name"}.intersection(arguments("data", CONFIG["data"]))
    section = STEP | {"interval": "step", "frequency": 2, "monitor": "val/loss"}
    assert arguments("scheduler", section) == {"step_size": 3}


def test_data_that_take_their_data_set_get_it(own_modules: Callable[[str, str], Path]) -> None:
    own_modules("mine", "class Data:\n    def __init__(self, dataset, root): ...\n")
    section = {"name": "m", "_target_": "mine.Data", "dataset": "faces", "root": "r"}
    assert arguments("data", section) == {"dataset": "faces", "root": "r"}


def test_a_key_of_a_choice_that_is_off_names_the_files_that_have_it() -> None:
    check_chosen(CONFIG)
    with pytest.raises(KeysError) as error:
        check_chosen(changed(("augmentation.shift", 1.0)))
    assert str(error.value) == (
        "'augmentation.shift' belongs to a choice of augmentation that is off: add "
        "augmentation=deformation or augmentation=shift"
    )
    with pytest.raises(KeysError, match=r"'scheduler.nothing' .* that is off$"):
        check_chosen(changed(("scheduler.nothing", 1.0)))


def test_a_file_that_repeats_the_name_of_its_folder_is_told_what_hydra_does() -> None:
    said = "'scheduler.scheduler': Hydra puts .* under 'scheduler' already: leave 'scheduler:' out"
    with pytest.raises(KeysError, match=said):
        check_chosen(changed(("scheduler.scheduler", {"_target_": "mine.Net", "hidden": 64})))
