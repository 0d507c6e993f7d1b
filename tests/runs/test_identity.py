"""One configuration, one directory; two that differ in their science never share one."""

import copy
import math
import random
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from project.runs.identity import Run, canonical, identify, settled

CONFIG: dict[str, Any] = {
    "seed": 3,
    "model": {
        "name": "ws_al",
        "_target_": "project.models.Siamese",
        "channels": [32, 64],
        "dropout_conv": 0.0,
        "batch_norm": False,
        "auxiliary": "late",
    },
    "data": {"source": "auto", "train_pairs": 1000, "shuffle": True},
    "optimizer": {"_target_": "torch.optim.Adam", "lr": 1.0, "betas": [0.9, 0.999]},
    "loss": {"auxiliary_weight": 1.0},
    "trainer": {"max_epochs": 25, "accelerator": "cpu", "threads": 1},
    "paths": {"outputs": "outputs", "data": "outputs/data"},
    "dashboard": {"images": True},
    "checkpoints": {"time_share": 0.01},
    "rerun": False,
}


def changed(path: str, value: Any) -> dict[str, Any]:
    config = copy.deepcopy(CONFIG)
    *sections, key = path.split(".")
    place = config
    for section in sections:
        place = place[section]
    place[key] = value
    return config


def name(config: dict[str, Any], dataset: str = "mnist") -> str:
    return identify(config, dataset).name


def test_the_name_is_model_arm_hash_and_seed() -> None:
    run = identify(CONFIG, "mnist")
    assert re.fullmatch(r"ws_al-[0-9a-f]{8}/seed=3", run.name)
    assert run.directory(Path("out")) == Path("out/runs") / run.name


def test_the_hash_is_the_published_one() -> None:
    # Golden value: whoever changes the derivation orphans every run that is stored.
    assert identify(CONFIG, "mnist").arm_hash == "847de0b4"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("model._target_", "project.models.Basic"),
        ("model.channels", [64, 32]),
        ("model.channels", [32, 65]),
        ("model.dropout_conv", 0.1),
        ("model.batch_norm", True),
        ("model.auxiliary", "early"),
        ("model.new_key", None),
        ("data.train_pairs", 1001),
        ("data.shuffle", False),
        ("optimizer._target_", "torch.optim.SGD"),
        ("optimizer.lr", 1.0000000000000002),
        ("optimizer.betas", [0.999, 0.9]),
        ("loss.auxiliary_weight", 0.0),
        ("loss.label_smoothing", 0.1),
        ("trainer.max_epochs", 26),
        ("trainer.accelerator", "gpu"),
        ("trainer.threads", 2),
        ("trainer.devices", 2),
    ],
)
def test_every_scientific_change_leads_to_another_arm(path: str, value: Any) -> None:
    before, after = identify(CONFIG, "mnist"), identify(changed(path, value), "mnist")
    assert before.arm_hash != after.arm_hash
    assert before.name != after.name


def test_another_data_set_is_another_arm() -> None:
    assert name(CONFIG, "mnist") != name(CONFIG, "mnist_5k")


def test_another_seed_is_another_run_of_the_same_arm() -> None:
    one, other = identify(CONFIG, "mnist"), identify(changed("seed", 0), "mnist")
    assert one.arm == other.arm
    assert (one.arm_hash, other.name) == (other.arm_hash, f"ws_al-{one.arm_hash}/seed=0")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("paths.outputs", "/elsewhere"),
        ("paths.data", "/elsewhere"),
        ("rerun", True),
        ("dashboard.images", False),
        ("checkpoints.time_share", 1.0),
        ("data.source", "npm"),
        ("model.dropout_conv", 0),
        ("model.dropout_conv", -0.0),
        ("model.channels", (32, 64)),
        ("optimizer.lr", 1),
        ("trainer.max_epochs", 25.0),
        ("trainer.devices", 1),
    ],
)
def test_where_a_run_is_and_how_it_is_spelled_does_not_matter(path: str, value: Any) -> None:
    assert name(changed(path, value)) == name(CONFIG)


def test_the_rows_name_is_in_the_directory_and_not_in_the_arm() -> None:
    renamed = identify(changed("model.name", "mine"), "mnist")
    assert renamed.name == f"mine-{identify(CONFIG, 'mnist').arm_hash}/seed=3"


SEEDS = {"data": 3, "init": 3, "order": 3}


def test_seeds_that_follow_the_runs_seed_leave_the_arm_as_it_was_before_they_were_split() -> None:
    assert identify(CONFIG | {"seeds": SEEDS}, "mnist") == identify(CONFIG, "mnist")


@pytest.mark.parametrize("source", ["data", "init", "order"])
def test_a_source_of_chance_that_is_held_fixed_makes_another_arm_over_all_seeds(
    source: str,
) -> None:
    def held(seed: int) -> Run:
        together = {"data": seed, "init": seed, "order": seed}
        return identify(CONFIG | {"seed": seed, "seeds": together | {source: 1000}}, "mnist")

    assert held(3).arm == held(4).arm
    assert held(3).arm_hash != identify(CONFIG, "mnist").arm_hash


def test_identifying_changes_nothing_in_the_configuration() -> None:
    config = copy.deepcopy(CONFIG)
    identify(config, "mnist")
    assert config == CONFIG


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_not_finite_have_no_hash(value: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        _ = identify(changed("optimizer.lr", value), "mnist").arm_hash


def test_what_is_no_plain_value_is_refused() -> None:
    with pytest.raises(TypeError, match="a configuration holds plain values, got PosixPath"):
        canonical({"path": Path("x")})


# Strategies over what a resolved YAML configuration can hold.
KEYS = st.text("abcxyz_", min_size=1, max_size=6)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text("aé1.", max_size=5)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
SECTIONS = st.dictionaries(KEYS, VALUES, max_size=4)


def with_optimizer(section: dict[str, Any]) -> Run:
    return identify(changed("optimizer", section), "mnist")


def respelled(value: Any, rng: random.Random) -> Any:
    """The same value: keys in another order, tuples for lists, 1.0 for 1 and 1 for 1.0."""
    if isinstance(value, dict):
        items = [(key, respelled(item, rng)) for key, item in value.items()]
        rng.shuffle(items)
        return dict(items)
    if isinstance(value, list):
        items = [respelled(item, rng) for item in value]
        return tuple(items) if rng.random() < 0.5 else items
    if isinstance(value, bool):
        return value
    if isinstance(value, int) and abs(value) < 2**53:
        return float(value) if rng.random() < 0.5 else value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def strict(value: Any) -> Any:
    """A value that is equal for equal configurations only: true is not 1, and 1.0 is."""
    if isinstance(value, dict):
        return {key: strict(item) for key, item in value.items()}
    if isinstance(value, list):
        return [strict(item) for item in value]
    return ("bool", value) if isinstance(value, bool) else value


@given(section=SECTIONS, rng=st.randoms(use_true_random=False))
def test_the_same_configuration_however_spelled_is_the_same_run(
    section: dict[str, Any], rng: random.Random
) -> None:
    assert with_optimizer(respelled(section, rng)).name == with_optimizer(section).name


@given(one=SECTIONS, other=SECTIONS)
def test_different_configurations_are_different_runs(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    same = strict(one) == strict(other)
    assert (with_optimizer(one).name == with_optimizer(other).name) == same


@given(section=SECTIONS.filter(bool), value=VALUES, data=st.data())
def test_one_changed_value_is_another_run(
    section: dict[str, Any], value: Any, data: st.DataObject
) -> None:
    key = data.draw(st.sampled_from(sorted(section)))
    same = strict(section[key]) == strict(value)
    assert (with_optimizer(section | {key: value}).name == with_optimizer(section).name) == same


def test_ways_to_train_that_are_off_are_no_part_of_the_arm() -> None:
    """So runs of before there were such ways are the runs that they were."""
    off = {"augmentation": None, "schedule": None, "averaging": None}
    assert identify(CONFIG | off, "mnist").arm_hash == "847de0b4"
    assert identify(changed("data.re_pair", False), "mnist").arm_hash == "847de0b4"
    assert identify(changed("loss.label_smoothing", 0.0), "mnist").arm_hash == "847de0b4"
    amounts = {"augmentation": {"shift": 1.0}}, {"augmentation": {"shift": 1.0, "gamma": 1.0}}
    assert len({identify(CONFIG | off | each, "mnist").arm_hash for each in amounts}) == 1
    on = [
        changed("data.re_pair", True),
        *(CONFIG | off | {section: {"amount": 0.5}} for section in off),
        CONFIG | {"averaging": {"amount": 0.25}},
    ]
    assert len({identify(each, "mnist").arm_hash for each in (CONFIG, *on)}) == 6


def test_the_learning_rates_of_a_models_file_are_no_part_of_the_net() -> None:
    given = changed("model.learning_rates", {"adadelta": 0.1})
    assert settled(given) == CONFIG
    assert settled({"activation": "tanh"}) == {"activation": "tanh"}
