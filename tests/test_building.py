"""Sections become objects; every key in `conf/` is a parameter of a constructor."""

import copy
import inspect
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf
from torch import nn

from project import train
from project.building import build_net, check_last_batch, optimizer_factory, schedule_factory
from project.command import CONFIGURATION_FOLDER
from project.configuration import check_train
from project.data.pairs import PairsDataModule
from project.models import Basic, PosteriorNet, ResNet, Siamese
from project.refusing import ConfigurationError
from project.runs.identity import OPTIONAL_SECTIONS, settled

BASIC: dict[str, Any] = {
    "name": "basic",
    "_target_": "project.models.Basic",
    "channels": [32, 64],
    "hidden": 200,
}
SIAMESE: dict[str, Any] = {
    "name": "ws_al",
    "_target_": "project.models.Siamese",
    "channels": [4, 6],
    "hidden_digit": 8,
    "hidden_comparison": 7,
    "batch_norm": True,
    "dropout_conv": 0.1,
    "dropout_linear": 0.2,
    "auxiliary": "both",
    "auxiliary_on": "logits",
}


def choices(group: str) -> list[str]:
    return sorted(path.stem for path in (CONFIGURATION_FOLDER / group).glob("*.yaml"))


def composed(*overrides: str) -> dict[str, Any]:
    """The resolved configuration that the command line's `overrides` lead to."""
    train.register_plugins()
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(CONFIGURATION_FOLDER), version_base="1.3"):
        values: Any = OmegaConf.to_container(compose("train", list(overrides)), resolve=True)
    return values


def parameters_of(target: Any) -> set[str]:
    return set(inspect.signature(target).parameters)


def test_a_net_is_built_from_its_section() -> None:
    net = build_net(SIAMESE)
    assert isinstance(net, Siamese)
    assert net.auxiliary_on == "logits"
    assert net.late
    assert net.early is not None
    dropouts = (net.convolutions.dropout1, net.convolutions.dropout2, net.dropout_linear)
    assert [dropout.p for dropout in dropouts] == [0.1, 0.1, 0.2]
    assert net.digit1.weight.shape == (8, 24)
    assert net.comparison1.weight.shape == (7, 20)
    assert isinstance(net.digit_norm, nn.BatchNorm1d)


def test_building_changes_nothing_in_the_section() -> None:
    section = copy.deepcopy(SIAMESE)
    build_net(section)
    assert section == SIAMESE


@pytest.mark.parametrize(
    ("section", "message"),
    [
        (
            BASIC | {"hiden": 3},
            "unknown key 'model.hiden' for Basic; did you mean 'model.hidden'?",
        ),
        (
            BASIC | {"dropout": 0.1},
            "unknown key 'model.dropout' for Basic; known keys here: model.channels, model.hidden",
        ),
        (BASIC | {"hidden": 2.5}, "model.hidden=2.5: should be a valid integer"),
        (BASIC | {"hidden": True}, "model.hidden=True: should be a valid integer"),
        (BASIC | {"hidden": "200"}, "model.hidden=200: should be a valid integer"),
        (BASIC | {"hidden": 0}, "model.hidden must be at least 1, got 0"),
        (BASIC | {"hidden": -5}, "model.hidden must be at least 1, got -5"),
        (BASIC | {"channels": [32]}, "model.channels must be two positive numbers, got [32]"),
        (BASIC | {"channels": [32, 6.4]}, "model.channels.1=6.4: should be a valid integer"),
        (BASIC | {"channels": 32}, "model.channels=32: "),
        ({k: v for k, v in BASIC.items() if k != "hidden"}, "model.hidden: is missing"),
        (SIAMESE | {"batch_norm": 1}, "model.batch_norm=1: should be a valid boolean"),
        (SIAMESE | {"dropout_conv": 1.0}, "model.dropout_conv must be in [0, 1), got 1.0"),
        (
            SIAMESE | {"dropout_linear": float("nan")},
            "model.dropout_linear=nan: should be a finite number",
        ),
        (
            SIAMESE | {"auxiliary": "middle"},
            "model.auxiliary=middle: should be 'early', 'late', 'both' or 'none'",
        ),
        (SIAMESE | {"hidden_comparison": 0}, "model.hidden_comparison must be at least 1, got 0"),
        (
            {"name": "r", "_target_": "project.models.ResNet", "channels": [4, 8], "blocks": [1]},
            "model.channels and blocks must be equally long lists of positive numbers, got "
            "channels=[4, 8], blocks=[1]",
        ),
        (BASIC | {"_target_": "project.models.Basik"}, "model._target_=project.models.Basik: "),
        (BASIC | {"_target_": "no.such.module.Net"}, "model._target_=no.such.module.Net: "),
        (
            {"name": "x", "_target_": "fractions.Fraction", "numerator": 1},
            "model._target_=fractions.Fraction: is no torch.nn.Module",
        ),
    ],
)
def test_a_wrong_section_is_refused_by_its_key(section: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        build_net(section)
    assert str(error.value).startswith(message)
    assert error.value.exit_code == 2


@pytest.mark.parametrize(
    ("section", "pairs", "batch_size", "refused"),
    [
        (SIAMESE, 1000, 27, True),
        (SIAMESE, 1000, 1, True),
        (SIAMESE, 1, 100, True),
        (SIAMESE, 1000, 100, False),
        (SIAMESE, 1000, 998, False),
        (BASIC, 1000, 27, False),
        (SIAMESE | {"batch_norm": False}, 1000, 27, False),
    ],
)
def test_batch_statistics_of_a_single_pair_are_refused(
    section: dict[str, Any], pairs: int, batch_size: int, refused: bool
) -> None:
    data = {"train_pairs": pairs, "batch_size": batch_size}
    expected = pytest.raises(ConfigurationError, match="choose another data")
    with expected if refused else nullcontext():
        check_last_batch(build_net(section), data)


@pytest.mark.parametrize("steps", [2, 3, 4, 5, 100])
def test_a_schedule_has_a_rate_for_every_step_however_few_there_are(steps: int) -> None:
    parameter = nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=0.5)
    make = schedule_factory({"warm_up": 0.25, "initial_divisor": 25.0, "final_divisor": 1e4})
    assert make is not None
    schedule = make(optimizer, steps)
    rates = [optimizer.param_groups[0]["lr"]]
    for _ in range(steps - 1):
        optimizer.step()
        schedule.step()
        rates.append(optimizer.param_groups[0]["lr"])
    assert max(rates) <= 0.5
    assert rates[-1] == pytest.approx(0.5 / 25 / 1e4)
    if steps == 4:  # the rise has one step, and that is the top
        assert rates[0] == pytest.approx(0.5)


def test_an_optimizer_is_made_with_the_values_of_its_section() -> None:
    factory = optimizer_factory({"_target_": "torch.optim.Adam", "lr": 0.5, "betas": [0.1, 0.2]})
    parameter = nn.Parameter(torch.zeros(2))
    optimizer = factory([parameter])
    assert isinstance(optimizer, torch.optim.Adam)
    assert optimizer.param_groups[0]["params"] == [parameter]
    assert (optimizer.defaults["lr"], list(optimizer.defaults["betas"])) == (0.5, [0.1, 0.2])


ROWS = {
    "basic": (Basic, 70_906, 1.0),
    "resnet": (ResNet, 186_978, 1.0),
    "resnet_progressive": (ResNet, None, 1.0),
    "ws_al": (Siamese, 75_908, 0.1),
    "ws_al_bn": (Siamese, 76_820, 1.0),
    "ws_al_bn_do": (Siamese, 76_820, 1.0),
    "ws_al_do": (Siamese, 75_908, 0.2),
    "ws_al_early": (Siamese, 75_908 + 2_570, 0.1),
}


BEYOND = ("frontier", "sprint")


def test_there_is_a_file_for_each_row() -> None:
    assert choices("model") == sorted([*ROWS, *BEYOND])


@pytest.mark.parametrize("name", BEYOND)
def test_what_goes_beyond_the_report_keeps_to_its_budget(name: str) -> None:
    values = settled(composed(f"model={name}"))
    check_train(values)
    net = build_net(values["model"])
    assert sum(p.numel() for p in net.parameters()) <= 76_846
    assert [values["data"][key] for key in ("train_pairs", "test_pairs")] == [1000, 1000]
    assert set(values["model"]) - {"name", "_target_"} == parameters_of(PosteriorNet)
    assert (
        values["optimizer"]["lr"] == composed(f"model={name}")["model"]["learning_rates"]["adamw"]
    )


@pytest.mark.parametrize(
    ("words", "learning_rate"),
    [
        (("model=ws_al",), 0.1),
        (("model=ws_al", "optimizer=adam"), 1e-3),
        (("model=ws_al", "optimizer=adamw"), 1e-3),
        (("model=frontier", "optimizer=sgd"), 0.1),
        (("model=frontier", "optimizer=adadelta"), 1.0),
        (("model=ws_al", "optimizer.lr=0.3"), 0.3),
    ],
)
def test_a_models_learning_rate_is_that_of_its_optimizer(
    words: tuple[str, ...], learning_rate: float
) -> None:
    assert composed(*words)["optimizer"]["lr"] == learning_rate


@pytest.mark.parametrize("name", sorted(ROWS))
def test_a_models_file_alone_is_its_row_of_the_report(name: str) -> None:
    values = settled(composed(f"model={name}"))
    target, parameters, learning_rate = ROWS[name]
    check_train(values)
    assert values["model"]["name"] == name
    assert values["optimizer"]["_target_"] == "torch.optim.Adadelta"
    assert [values[section] for section in OPTIONAL_SECTIONS] == [None, None, None]
    assert values["optimizer"]["lr"] == learning_rate
    net = build_net(values["model"])
    assert type(net) is target
    if parameters is not None:
        assert sum(p.numel() for p in net.parameters()) == parameters
    assert set(values["model"]) - {"name", "_target_"} == parameters_of(target)
    assert net(torch.zeros(2, 2, 14, 14)).comparison.shape == (2, 2)


def test_the_rows_differ_in_what_the_report_says_they_differ() -> None:
    rows = {name: composed(f"model={name}")["model"] for name in ROWS}
    keys = ("batch_norm", "dropout_conv", "dropout_linear", "auxiliary")
    assert {name: tuple(row[k] for k in keys) for name, row in rows.items() if keys[0] in row} == {
        "ws_al": (False, 0.0, 0.0, "late"),
        "ws_al_do": (False, [0.1, 0.2], 0.0, "late"),
        "ws_al_bn": (True, 0.0, 0.0, "late"),
        "ws_al_bn_do": (True, [0.1, 0.2], 0.0, "late"),
        "ws_al_early": (False, 0.0, 0.0, "early"),
    }
    assert (rows["resnet"]["channels"], rows["resnet"]["blocks"]) == ([32], [10])
    widths = rows["resnet_progressive"]["channels"]
    assert widths == sorted(set(widths))


@pytest.mark.parametrize("name", choices("data"))
def test_the_keys_of_the_data_are_parameters_of_the_data_module(name: str) -> None:
    values = composed(f"data={name}")
    check_train(values)
    assert set(values["data"]) == parameters_of(PairsDataModule) - {"root", "seed", "order_seed"}


@pytest.mark.parametrize("name", choices("optimizer"))
def test_the_keys_of_an_optimizer_are_parameters_of_its_class(name: str) -> None:
    values = composed(f"optimizer={name}")
    check_train(values)
    section = values["optimizer"]
    target = getattr(torch.optim, section["_target_"].rpartition(".")[2])
    assert set(section) - {"_target_"} <= parameters_of(target)
    optimizer = optimizer_factory(section)([nn.Parameter(torch.zeros(1))])
    assert type(optimizer) is target
    assert {
        key: optimizer.defaults[key] for key in section if key not in ("_target_", "betas")
    } == {key: value for key, value in section.items() if key not in ("_target_", "betas")}


@pytest.mark.parametrize("name", choices("trainer"))
def test_every_trainer_is_valid(name: str) -> None:
    check_train(composed(f"trainer={name}"))


@pytest.mark.parametrize(
    ("name", "seeds"),
    [
        ("together", (3, 3, 3)),
        ("data_only", (3, 1000, 1000)),
        ("init_only", (1000, 3, 1000)),
        ("order_only", (1000, 1000, 3)),
    ],
)
def test_one_source_of_chance_can_follow_the_seed_alone(
    name: str, seeds: tuple[int, int, int]
) -> None:
    assert set(choices("seeds")) == {"together", "data_only", "init_only", "order_only"}
    checked = check_train(composed("seed=3", f"seeds={name}"))
    assert (checked.seeds.data, checked.seeds.init, checked.seeds.order) == seeds


def test_the_command_line_wins_over_the_rows_learning_rate() -> None:
    assert composed("model=ws_al", "optimizer.lr=0.3")["optimizer"]["lr"] == 0.3
    assert composed("optimizer=adam", "optimizer.lr=0.3")["optimizer"]["lr"] == 0.3
    assert composed("optimizer=adam", "model=ws_al")["optimizer"]["lr"] == 1e-3


def test_the_best_model_is_the_default_with_seed_0() -> None:
    values = composed()
    assert (values["model"]["name"], values["seed"]) == ("ws_al_bn_do", 0)
    assert (values["trainer"]["max_epochs"], values["data"]["batch_size"]) == (25, 100)
    assert Path(values["paths"]["outputs"]) == Path("outputs")
