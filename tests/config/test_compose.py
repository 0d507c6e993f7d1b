"""From words to a configuration: as the commands do it, with the report's rows and all studies."""

import functools
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra.errors import HydraException
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from project.config.compose import (
    CONF,
    UNUSED_SEED,
    combinations,
    compose,
    expand_path,
    options,
    parse_overrides,
    quote,
    refuse_shadowing,
    study_choices,
    study_variants,
    study_words,
)
from project.config.errors import ConfigurationError
from project.config.identity import seeds_of
from project.config.instantiate import build
from project.config.keys import check_keys
from project.config.schema import TrainConfig
from project.models import Basic, ResNet, Siamese

GROUPS = (
    "model", "data", "optimizer", "scheduler", "augmentation", "trainer", "seeds", "logger",
    "callbacks", "task",
)  # fmt: skip


def compose_own(folder: Path, *words: str) -> dict[str, Any]:
    return compose("train", words, [folder])


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return folder


# The files of conf/


@pytest.mark.parametrize("word", [f"{group}={name}" for group in GROUPS for name in options(group)])
def test_every_file_of_conf_is_valid_and_its_keys_are_those_of_its_class(word: str) -> None:
    if word in ("model=none", "optimizer=none"):
        word = f"{word} "  # valid with a task that brings its own
    values = compose("train", [word.strip()])
    TrainConfig.checked(values)
    check_keys(values)


def test_the_best_model_is_the_default_with_seed_0() -> None:
    values = compose("train")
    assert (values["model"]["name"], values["seed"]) == ("ws_al_bn_do", 0)
    assert (values["trainer"]["max_epochs"], values["data"]["batch_size"]) == (25, 100)
    assert (values["task"]["name"], values["data"]["name"]) == ("digit_pairs", "epfl_pairs")
    assert values["paths"] == {"outputs": "outputs", "data": "outputs/data"}
    assert set(values["seeds"].values()) == {None}


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


@functools.cache
def row(name: str) -> dict[str, Any]:
    return compose("train", [f"model={name}"])


@pytest.mark.parametrize("name", ROWS)
def test_a_models_file_alone_is_its_row_of_the_report(name: str) -> None:
    values = row(name)
    target, parameters, learning_rate = ROWS[name]
    assert values["model"]["name"] == name
    assert values["optimizer"]["_target_"] == "torch.optim.Adadelta"
    assert (values["scheduler"], values["augmentation"]) == (None, None)
    assert values["optimizer"]["lr"] == learning_rate
    net = build("model", "model", values["model"], nn.Module, {})
    assert type(net) is target
    if parameters is not None:
        assert sum(p.numel() for p in net.parameters()) == parameters
    assert net(torch.zeros(2, 2, 14, 14)).comparison.shape == (2, 2)


def test_the_rows_differ_in_what_the_report_says_they_differ() -> None:
    rows = {name: row(name)["model"] for name in ROWS}
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


@pytest.mark.parametrize("name", ["frontier", "sprint"])
def test_what_goes_beyond_the_report_keeps_to_its_budget(name: str) -> None:
    values = compose("train", [f"model={name}"])
    net = build("model", "model", values["model"], nn.Module, {})
    assert sum(p.numel() for p in net.parameters()) <= 76_846
    # The report's number of pairs, which null stands for.
    assert [values["data"][key] for key in ("train_pairs", "test_pairs")] == [None, None]


@pytest.mark.parametrize(
    ("words", "learning_rate"),
    [
        (["model=ws_al"], 0.1),
        (["model=ws_al", "optimizer=adam"], 1e-3),
        (["optimizer=adam", "model=ws_al"], 1e-3),
        (["model=frontier", "optimizer=sgd"], 0.1),
        (["model=frontier"], 0.023),
        (["model=ws_al", "optimizer.lr=0.3"], 0.3),
        (["optimizer.lr=0.3", "model=ws_al"], 0.3),
    ],
)
def test_a_models_learning_rate_is_that_of_its_optimizer(
    words: list[str], learning_rate: float
) -> None:
    values = compose("train", words)
    assert values["optimizer"]["lr"] == learning_rate
    assert not {"learning_rates", "task"}.intersection(values["model"])


def test_a_model_may_set_the_keys_of_its_task_and_the_command_line_wins() -> None:
    assert compose("train", ["model=frontier"])["task"]["label_smoothing"] == 0.1
    assert compose("train", ["model=ws_al"])["task"]["label_smoothing"] == 0.0
    words = ["model=frontier", "task.label_smoothing=0.2"]
    assert compose("train", words)["task"]["label_smoothing"] == 0.2


@pytest.mark.parametrize(("key", "other"), [("learning_rates", "optimizer.lr"), ("task", "task.")])
def test_a_section_of_a_models_file_cannot_be_made_a_value(key: str, other: str) -> None:
    """It would be ignored otherwise."""
    with pytest.raises(ConfigurationError, match=rf"^model.{key}=0.3: this section .* {other}"):
        compose("train", [f"++model.{key}=0.3"])


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
    found = seeds_of(compose("train", ["seed=3", f"seeds={name}"]))
    assert (found["data"], found["init"], found["order"]) == seeds


# Composition


def test_a_class_that_is_typed_drops_the_keys_of_the_file() -> None:
    words = ["optimizer._target_=torch.optim.RMSprop", "++optimizer.lr=0.5"]
    assert compose("train", words)["optimizer"] == {
        "_target_": "torch.optim.RMSprop", "lr": 0.5,
    }  # fmt: skip
    section = compose("train", ["model._target_=mine.Net", "++model.width=3"])["model"]
    assert section == {
        "name": "ws_al_bn_do", "_target_": "mine.Net", "init": "by_module", "width": 3,
    }  # fmt: skip


def test_the_class_of_the_file_keeps_the_keys_of_the_file() -> None:
    section = compose("train", ["optimizer.lr=0.5"])["optimizer"]
    assert section["rho"] == 0.9


def test_a_callback_that_is_null_is_off() -> None:
    assert "pictures" in compose("train")["callbacks"]
    assert compose("train", ["callbacks.pictures=null"])["callbacks"] == {}
    several = compose("train", ["callbacks=[ema,early_stopping]"])["callbacks"]
    assert list(several) == ["ema", "early_stopping", "pictures"]
    assert several["early_stopping"]["monitor"] == "val/error"


def test_own_files_are_found_and_may_override_what_stands_before_them(tmp_path: Path) -> None:
    write(tmp_path, "data/mine", "_target_: mine.Data\nsize: 3\n")
    write(tmp_path, "task/mine", "\n".join([
        "# @package _global_",
        "defaults:",
        "  - override /model: none",
        "  - override /optimizer: none",
        "  - override /data: mine",
        "metric: {name: auc, direction: max}",
        "task: {_target_: mine.Task, width: 2}",
    ]))  # fmt: skip
    values = compose_own(tmp_path, "task=mine", "++task.width=4")
    assert (values["model"], values["optimizer"]) == (None, None)
    assert values["data"] == {"name": "mine", "_target_": "mine.Data", "size": 3}
    assert values["task"] == {"name": "mine", "_target_": "mine.Task", "width": 4}
    assert values["metric"] == {"name": "auc", "direction": "max"}
    with pytest.raises(HydraException):  # only there
        compose("train", ["task=mine"])


def test_a_file_of_ones_own_may_extend_one_of_ours(tmp_path: Path) -> None:
    text = "# @package _global_\ndefaults: [ws_al]\nmodel: {name: wide, channels: [64, 64]}\n"
    values = compose_own(write(tmp_path, "model/wide", text), "model=wide")
    assert (values["model"]["name"], values["model"]["channels"]) == ("wide", [64, 64])
    assert values["optimizer"]["lr"] == 0.1


def test_a_file_of_the_name_of_ours_is_refused_and_not_ignored(tmp_path: Path) -> None:
    refuse_shadowing([write(tmp_path / "good", "model/mine", "")])
    for name in ("model/basic", "train"):
        folder = write(tmp_path / name.replace("/", "_"), name, "")
        with pytest.raises(ConfigurationError, match=rf"{name}\.yaml has the same name as a file"):
            refuse_shadowing([folder])
    with pytest.raises(ConfigurationError, match="nowhere: there is no such folder"):
        refuse_shadowing([tmp_path / "nowhere"])


def test_what_is_left_open_is_named(tmp_path: Path) -> None:
    write(tmp_path, "model/mine", "# @package _global_\nmodel: {_target_: a.B, width: '???'}\n")
    with pytest.raises(ConfigurationError, match=r"model\.width"):
        compose_own(tmp_path, "model=mine")
    write(tmp_path, "model/mine", "# @package _global_\nmodel: {_target_: a.B, w: '${no.such}'}\n")
    with pytest.raises(ConfigurationError, match=r"no\.such"):
        compose_own(tmp_path, "model=mine")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("~", "{home}"),
        ("~/x", "{home}/x"),
        ("$HOME/x", "{home}/x"),
        ("${HOME}/x", "{home}/x"),
        ("$PLACE", "/somewhere"),
        ("a/~/x", "a/~/x"),
        ("a~", "a~"),
        ("$NOT_THERE/x", "$NOT_THERE/x"),
        ("", ""),
        ("/a b/", "/a b"),
    ],
)
def test_home_and_variables_are_replaced_in_a_path(
    typed: str, meant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("PLACE", "/somewhere")
    monkeypatch.delenv("NOT_THERE", raising=False)
    assert expand_path(typed) == meant.format(home="/home/me")


def test_paths_are_expanded_wherever_they_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    write(tmp_path, "data/mine", "_target_: mine.Data\nfiles: ['~/a', {b: $HOME/b}]\nword: a~b\n")
    values = compose_own(tmp_path, "data=mine", "paths.data='~/d'", "notes='~/n'", "verify='~/v'")
    assert values["paths"]["data"] == "/home/me/d"
    assert values["data"]["files"] == ["/home/me/a", {"b": "/home/me/b"}]
    assert (values["data"]["word"], values["notes"]) == ("a~b", "~/n")
    assert values["verify"] == "/home/me/v"
    # What is taken from a path is expanded too.
    assert compose("train", ["paths.data='~/d'"])["data"]["root"] == "/home/me/d"


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    compose("train")
    assert list(tmp_path.iterdir()) == []


# Words in Hydra's grammar

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0\r${}"), max_size=8)


@given(text=TEXTS)
def test_any_text_that_is_quoted_is_read_as_the_same_text(text: str) -> None:
    (override,) = parse_overrides([f"key={quote(text)}"])
    assert override.value() == text


@pytest.mark.parametrize("text", ["it's", 'a "b"', "a\\'b", "\\", "a\\\n", "true", "null", "NaN"])
def test_an_odd_text_that_is_quoted_is_read_as_the_same_text(text: str) -> None:
    (override,) = parse_overrides([f"key={quote(text)}"])
    assert override.value() == text


@pytest.mark.parametrize(
    ("word", "values"),
    [
        ("seed=range(3)", ["0", "1", "2"]),
        # As they are written: 1.3.8 made other values of these, in silence.
        ("seed=sort(range(1,12,3),reverse=true)", ["10", "7", "4", "1"]),
        ("optimizer.lr=range(0.1,0.4,0.1)", ["0.1", "0.2", "0.3"]),
        ("seed=3,1,2", ["3", "1", "2"]),
        ("model=ws_al", ["ws_al"]),
        ("model.channels=[1,2],[3,4]", ["[1,2]", "[3,4]"]),
    ],
)
def test_a_sweep_holds_the_values_that_it_says(word: str, values: list[str]) -> None:
    key = word.partition("=")[0]
    expected = [[f"{key}={value}"] for value in values]
    assert combinations(parse_overrides([word])) == expected


def test_a_grid_is_every_combination_in_the_order_of_the_words() -> None:
    assert combinations(parse_overrides(["a=1,2", "b=x", "c=3,4"])) == [
        ["a=1", "b=x", "c=3"], ["a=1", "b=x", "c=4"], ["a=2", "b=x", "c=3"], ["a=2", "b=x", "c=4"],
    ]  # fmt: skip


@pytest.mark.parametrize("word", ["seed=range(0)", "seed=range(1,10,0)"])
def test_a_sweep_without_a_value_is_refused(word: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^seed=range"):
        combinations(parse_overrides([word]))


# Studies


def test_a_study_consists_of_every_combination_of_its_values_with_its_seeds() -> None:
    variants = study_variants("train", "auxiliary_position")
    found = [(each.config["model"]["name"], each.config["model"]["auxiliary"]) for each in variants]
    assert found == [
        (model, position)
        for model in ("ws_al", "ws_al_bn_do")
        for position in ("early", "late", "both", "none")
    ]
    assert {each.seeds for each in variants} == {tuple(range(10))}
    assert {each.config["seed"] for each in variants} == {UNUSED_SEED}


def test_what_a_study_holds_fixed_does_not_follow_the_seed() -> None:
    held = [seeds_of(each.config)["data"] for each in study_variants("train", "variance")]
    assert held == [UNUSED_SEED, UNUSED_SEED, 1000, 1000]


def test_part_twos_study_is_none_of_part_one() -> None:
    assert len(study_variants("disk", "disk_learning_rate")) == 14
    with pytest.raises(HydraException):
        study_variants("train", "disk_learning_rate")


def test_the_frontiers_ablation_takes_one_ingredient_away_at_a_time() -> None:
    whole, *others = (each.config for each in study_variants("train", "frontier_ablation"))
    words = ["model=frontier", "trainer.max_epochs=20", f"seed={UNUSED_SEED}"]
    assert whole == compose("train", words)

    def differing(config: dict[str, Any]) -> list[str]:
        found = []
        for section, part in config.items():
            before = whole[section]
            if part is None or before is None:
                found += [section] * (part != before)
            elif isinstance(part, dict):
                keys = part.keys() | before.keys()
                found += [f"{section}.{k}" for k in sorted(keys) if part.get(k) != before.get(k)]
        return found

    assert [differing(config) for config in others] == [
        ["model.head"],
        ["data.resample_pairs"],
        ["augmentation"],
        ["task.label_smoothing"],
        ["callbacks.ema"],
        ["scheduler"],
        ["model.channels"],
    ]


def test_the_largest_sample_of_sample_efficiency_needs_no_digit_twice() -> None:
    swept = study_words("train", "sample_efficiency")
    words = [word for word in swept if word.startswith("data.")]
    data = compose("train", [*words, "+sample=pairs_30000"])["data"]
    assert (data["train_pairs"], data["val_pairs"]) == (30_000, 0)


@pytest.mark.parametrize(
    ("study", "chosen"),
    [
        ("epfl_table", {}),
        ("tune_sprint", {"hydra/sweeper": "optuna"}),
        ("tune_frontier", {"hydra/sweeper": "optuna"}),
        ("no_such_study", {}),
    ],
)
def test_a_study_may_bring_its_sweeper_and_launcher(study: str, chosen: dict[str, str]) -> None:
    assert study_choices(study) == chosen


def test_an_own_study_brings_them_too(tmp_path: Path) -> None:
    write(tmp_path, "study/mine", "\n".join([
        "# @package _global_",
        "defaults:",
        "  - override /hydra/launcher: ray",
        "  - _self_",
        "hydra: {sweeper: {params: {seed: 'range(2)'}}}",
    ]))  # fmt: skip
    assert study_choices("mine", [tmp_path]) == {"hydra/launcher": "ray"}
    assert study_words("train", "mine", [tmp_path]) == ["seed=range(2)"]


def test_every_study_of_conf_composes() -> None:
    """Its choices and keys are there, for the first values of what it sweeps."""
    names = options("study")
    for name in names:
        config_name = "disk" if name.startswith("disk") else "train"
        assert study_words(config_name, name), name
    assert {path.parent for path in names.values()} == {CONF / "study"}
