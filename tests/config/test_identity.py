"""One configuration, one directory; two that differ in what decides a result never share one."""

import copy
import math
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from project.config.compose import compose
from project.config.identity import (
    Run,
    canonical,
    flatten,
    identify,
    identity_settings,
    seeds_of,
)
from project.runs.prepare import prepare_run
from tests.config.configurations import CONFIG, changed

MINE = "mine.Net"


def name(config: dict[str, Any]) -> str:
    return identify(config).name


def test_the_name_is_model_hash_and_seed() -> None:
    run = identify(CONFIG)
    assert re.fullmatch(r"ws_al-[0-9a-f]{8}/seed_3", run.name)
    assert run.directory(Path("out")) == Path("out/runs") / run.name


def test_the_hash_is_the_published_one() -> None:
    # Golden value: a change of the derivation orphans every run that is stored.
    assert identify(CONFIG).hash == "725ce4bd"


@pytest.mark.parametrize(
    ("words", "variant"),
    [
        (["model=basic"], "basic-1e742bd1"),
        (["model=ws_al"], "ws_al-2664e551"),
        (["model=ws_al_bn_do"], "ws_al_bn_do-7977517e"),
        (["model=frontier"], "frontier-7308c527"),
        (["model=sprint", "seeds=init_only"], "sprint-44fe852d"),
    ],
)
def test_the_reports_variants_keep_their_names(
    small_mnist: Path, words: list[str], variant: str
) -> None:
    """Nothing that is added to the platform may rename what has been trained."""
    assert prepare_run(compose("train", words)).run.variant == variant


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("model._target_", "project.models.Basic"),
        ("model.init", "constructor"),
        ("model.channels", [64, 32]),
        ("model.channels", [32, 65]),
        ("model.dropout_conv", 0.1),
        ("model.batch_norm", True),
        ("model.auxiliary", "early"),
        ("model.new_key", None),
        ("data._target_", "mine.Pairs"),
        ("data.train_pairs", 1001),
        ("data.shuffle", True),
        ("data.dataset", "mnist_5k"),
        ("optimizer._target_", "torch.optim.SGD"),
        ("optimizer.lr", 1.0000000000000002),
        ("optimizer.betas", [0.999, 0.9]),
        ("optimizer.eps", 1e-8),  # torch's default, which may be another one in the next version
        ("optimizer.no_weight_decay", ["bias"]),
        ("scheduler", {"_target_": "torch.optim.lr_scheduler.StepLR", "step_size": 3}),
        ("augmentation", {"_target_": "project.data.augmentation.Deformation", "shift": 1.0}),
        ("callbacks.ema", {"_target_": "project.training.ema.EMA", "decay": 0.995}),
        ("task.auxiliary_weight", 0.0),
        ("task.label_smoothing", 0.1),
        ("task.new_key", None),
        ("metric.name", "digit_error"),
        ("trainer.max_epochs", 26),
        ("trainer.accelerator", "auto"),
        ("trainer.threads", 2),
        ("trainer.devices", 2),
        ("trainer.precision", "bf16-mixed"),
        ("seeds.data", 1000),
        ("a_key_that_is_new", 1),
    ],
)
def test_what_may_change_the_result_leads_to_another_variant(path: str, value: Any) -> None:
    before, after = identify(CONFIG), identify(changed((path, value)))
    assert before.hash != after.hash
    assert before.name != after.name


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("paths.outputs", "/elsewhere"),
        ("paths.data", "/elsewhere"),
        ("data.root", "/elsewhere"),
        ("data.source", "npm"),
        ("data.prepare", None),
        ("rerun", True),
        ("verify", "some/run"),
        ("code", "accept"),
        ("trust_code", True),
        ("debug", "profile"),
        ("tags", ["a"]),
        ("notes", "a note"),
        ("checkpoints.max_overhead", 1.0),
        ("logger.tensorboard", {"_target_": "project.training.tensorboard.RunTensorBoardLogger"}),
        ("callbacks.pictures", {"_target_": "project.tasks.pictures.PairPictures"}),
        ("callbacks.rates", {"_target_": "pytorch_lightning.callbacks.LearningRateMonitor"}),
        ("trainer.profiler", "simple"),
        ("trainer.enable_progress_bar", False),
        ("trainer.log_every_n_steps", 1),
        ("model.dropout_conv", 0),
        ("model.dropout_conv", -0.0),
        ("model.channels", (32, 64)),
        ("optimizer.lr", 1),
        ("trainer.max_epochs", 25.0),
    ],
)
def test_what_cannot_change_the_result_leads_to_the_same_run(path: str, value: Any) -> None:
    assert name(changed((path, value))) == name(CONFIG)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("trainer.devices", 1),
        ("trainer.threads", 1),
        ("trainer.accelerator", "cpu"),
        ("optimizer.no_weight_decay", []),
        ("task.auxiliary_weight", 1.0),
        ("task.label_smoothing", 0),
        ("seeds", {"data": None}),
        ("scheduler", None),
        ("callbacks", {}),
    ],
)
def test_an_option_at_its_default_says_as_much_as_one_left_out(path: str, value: Any) -> None:
    section, _, key = path.partition(".")
    without = changed()
    if key:
        without[section].pop(key, None)
    else:
        del without[section]
    assert name(changed((path, value))) == name(without)


NET = """
from torch import nn

class Net(nn.Module):
    def __init__(self, width: int, depth: int = 2, slopes: tuple = (1, 2), rate: float = 2 * 3):
        super().__init__()
"""


def test_an_option_with_a_default_that_is_added_to_ones_own_class_renames_no_run(
    own_modules: Callable[[str, str], Path],
) -> None:
    section = {"name": "net", "_target_": MINE, "width": 3}
    own_modules("mine", NET)
    before = name(changed(("model", section)))
    assert name(changed(("model", section | {"depth": 2.0, "slopes": [1, 2]}))) == before
    assert name(changed(("model", section | {"depth": 3}))) != before
    # A default that is no literal is not known without running it.
    assert name(changed(("model", section | {"rate": 6}))) != before
    own_modules("mine", NET.replace("depth: int = 2", "depth: int = 2, bias: bool = True"))
    assert name(changed(("model", section | {"bias": True}))) == before
    assert name(changed(("model", section | {"bias": False}))) != before
    assert name(changed(("model", section | {"bias": 1}))) != before


def test_defaults_count_inside_of_arguments_too(own_modules: Callable[[str, str], Path]) -> None:
    own_modules("mine", NET)
    inner = {"_target_": MINE, "width": 3}
    before = name(changed(("model.blocks", [inner])))
    assert name(changed(("model.blocks", [inner | {"depth": 2}]))) == before
    assert name(changed(("model.blocks", [inner | {"depth": 3}]))) != before


def test_another_seed_is_another_run_of_the_same_variant() -> None:
    one, other = identify(CONFIG), identify(changed(("seed", 0)))
    assert one.variant == other.variant
    assert other.name == f"ws_al-{one.hash}/seed_0"


def test_the_models_name_is_in_the_directory_and_not_in_the_hash() -> None:
    renamed = identify(changed(("model.name", "mine")))
    assert renamed.name == f"mine-{identify(CONFIG).hash}/seed_3"


@pytest.mark.parametrize(
    ("changes", "variant"),
    [
        ([], "ws_al"),
        ([("data.dataset", "mnist_5k")], "ws_al-mnist_5k"),
        ([("data.dataset", None)], "ws_al"),
        ([("data.name", "mnist_pairs")], "ws_al"),
        ([("data.name", "new_digits")], "ws_al-new_digits"),
        ([("data.name", "faces"), ("data.dataset", None)], "ws_al-faces"),
        ([("model", None), ("task.name", "vision")], "vision"),
        ([("model", None), ("task.name", "vision"), ("data.name", "faces")], "vision-faces"),
    ],
)
def test_runs_are_named_by_model_or_task_and_by_their_data(
    changes: list[tuple[str, Any]], variant: str
) -> None:
    assert identify(changed(*changes)).variant.rpartition("-")[0] == variant


def test_data_that_are_given_a_name_are_a_variant_of_their_own() -> None:
    """`data.name=` is what to type where the files are others than those of the stored runs."""
    named = identify(changed(("data.name", "digits_of_june")))
    assert named.hash == identify(CONFIG).hash
    assert named.variant != identify(CONFIG).variant


@pytest.mark.parametrize("source", ["data", "init", "order"])
def test_a_source_of_chance_that_is_held_fixed_makes_another_variant_over_all_seeds(
    source: str,
) -> None:
    def held(seed: int) -> Run:
        return identify(changed(("seed", seed), (f"seeds.{source}", 1000)))

    assert held(3).variant == held(4).variant
    assert held(3).hash != identify(CONFIG).hash
    # Held where the seed happens to be, it is held all the same.
    assert identify(changed((f"seeds.{source}", 3))).hash != identify(CONFIG).hash


def test_a_source_of_chance_follows_the_seed_unless_it_is_held() -> None:
    assert seeds_of(CONFIG) == {"data": 3, "init": 3, "order": 3}
    assert seeds_of(changed(("seeds.init", 0))) == {"data": 3, "init": 0, "order": 3}


def test_identifying_changes_nothing_in_the_configuration() -> None:
    config = copy.deepcopy(CONFIG)
    identify(config)
    assert config == CONFIG


def test_the_shape_of_the_images_is_the_datas_and_no_setting_of_ones_own() -> None:
    words = ["task=image_classification", "data=digits8x8", "model=mlp"]
    plain = compose("train", words)
    shaped = compose("train", words)
    for section in ("data", "model"):  # as they are once the data were found
        shaped[section] |= {"classes": 10, "channels": 1, "image_size": 8}
    settings = identity_settings(plain)
    assert not {"classes", "channels", "image_size"} & (settings["data"] | settings["model"]).keys()
    assert identity_settings(shaped) == settings
    shaped["model"]["classes"] = 11  # typed, and not what the data say
    assert identity_settings(shaped)["model"] == settings["model"] | {"classes": 11}
    # The pairs' own constructor takes a size.
    assert identity_settings(compose("train", ["data.image_size=28"]))["data"]["image_size"] == 28


def test_settings_are_what_decides_and_flat_they_have_dotted_keys() -> None:
    config = changed(("callbacks.ema", {"_target_": "project.training.ema.EMA", "decay": 0.9}))
    flat = flatten(identity_settings(config))
    assert flat["callbacks.ema.decay"] == 0.9
    assert flat["optimizer.betas"] == [0.9, 0.999]
    assert flat["data.dataset"] == "mnist"
    assert not {"seed", "paths.outputs", "model.name", "task.label_smoothing"}.intersection(flat)
    assert flatten({"a": {"b": {}, "c": {"d": None}}}) == {"a.b": {}, "a.c.d": None}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_not_finite_have_no_hash(value: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        _ = identify(changed(("optimizer.lr", value))).hash


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
SECTIONS = st.dictionaries(KEYS, VALUES, min_size=1, max_size=4)


def with_optimizer(section: dict[str, Any]) -> Run:
    return identify(changed(("optimizer", section)))


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


@given(section=SECTIONS, value=VALUES, data=st.data())
def test_one_changed_value_is_another_run(
    section: dict[str, Any], value: Any, data: st.DataObject
) -> None:
    key = data.draw(st.sampled_from(sorted(section)))
    same = strict(section[key]) == strict(value)
    assert (with_optimizer(section | {key: value}).name == with_optimizer(section).name) == same
