"""Sections become objects of the class that they must be, or are refused by their key."""

import copy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import LRScheduler

from project.config.errors import ConfigurationError, ConflictError
from project.config.instantiate import build, find_class, locate
from project.models import Siamese
from tests.config.configurations import CONFIG

BASIC: dict[str, Any] = {
    "name": "basic",
    "_target_": "project.models.Basic",
    "channels": [32, 64],
    "hidden": 200,
}
SIAMESE = CONFIG["model"] | {"channels": [4, 6], "hidden_digit": 8, "hidden_comparison": 7}


def build_net(section: dict[str, Any]) -> nn.Module:
    return build("model", "model", section, nn.Module, {})


def refusal_of(section: dict[str, Any]) -> str:
    with pytest.raises(ConfigurationError) as error:
        build_net(section)
    assert error.value.exit_code == 2
    return str(error.value)


def test_a_net_is_built_from_its_section() -> None:
    section = SIAMESE | {"dropout_conv": 0.1, "dropout_linear": 0.2, "auxiliary": "both"}
    before = copy.deepcopy(section)
    net = build_net(section)
    assert isinstance(net, Siamese)
    assert net.early is not None
    dropouts = (net.convolutions.dropout1, net.convolutions.dropout2, net.dropout_linear)
    assert [dropout.p for dropout in dropouts] == [0.1, 0.1, 0.2]
    assert net.digit1.weight.shape == (8, 24)
    assert section == before


@pytest.mark.parametrize(
    ("section", "message"),
    [
        (BASIC | {"hiden": 3}, "unknown key 'model.hiden' for Basic; did you mean 'model.hidden'?"),
        (BASIC | {"hidden": 2.5}, "model.hidden=2.5: should be a valid integer"),
        (BASIC | {"hidden": True}, "model.hidden=True: should be a valid integer"),
        (BASIC | {"hidden": "200"}, "model.hidden=200: should be a valid integer"),
        (BASIC | {"hidden": 0}, "model.hidden must be at least 1, got 0"),
        (BASIC | {"channels": [32]}, "model.channels must be two positive numbers, got [32]"),
        (BASIC | {"channels": [32, 6.4]}, "model.channels.1=6.4: should be a valid integer"),
        (BASIC | {"channels": 32}, "model.channels=32: "),
        ({k: v for k, v in BASIC.items() if k != "hidden"}, "model.hidden: is missing (Basic "),
        (SIAMESE | {"batch_norm": 1}, "model.batch_norm=1: should be a valid boolean"),
        (SIAMESE | {"dropout_conv": 1.0}, "model.dropout_conv must be in [0, 1), got 1.0"),
        (SIAMESE | {"dropout_linear": float("nan")}, "model.dropout_linear=nan: should be a fini"),
        (SIAMESE | {"auxiliary": "middle"}, "model.auxiliary=middle: should be 'early', 'late', "),
        (
            {"name": "r", "_target_": "project.models.ResNet", "channels": [4, 8], "blocks": [1]},
            "model.channels and blocks must be equally long lists of positive numbers, got "
            "channels=[4, 8], blocks=[1]",
        ),
        (
            BASIC | {"_target_": "project.models.Basik"},
            "model._target_=project.models.Basik: nothing of this name can be imported",
        ),
        (
            BASIC | {"_target_": "no.such.Net"},
            "model._target_=no.such.Net: nothing of this name can be imported",
        ),
        (BASIC | {"_target_": "a..b"}, "model._target_=a..b: nothing of this name can be imported"),
        (BASIC | {"_target_": "print"}, "model._target_=print: nothing of this name can be"),
        (
            {"name": "x", "_target_": "fractions.Fraction", "numerator": 1},
            "model._target_=fractions.Fraction: must be a subclass of torch.nn.modules.module.Modu",
        ),
        ({"name": "x", "_target_": "torch.cat"}, "model._target_=torch.cat: must be a subclass of"),
        ({"name": "x", "_target_": "torch.nn"}, "model._target_=torch.nn: must be a subclass of"),
        (
            {"name": "x", "_target_": "torch.optim.SGD", "lr": 1.0},
            "model._target_=torch.optim.SGD: must be a subclass of",
        ),
    ],
)  # fmt: skip
def test_a_wrong_section_is_refused_by_its_key(section: dict[str, Any], message: str) -> None:
    assert refusal_of(section).startswith(message)


def test_several_wrong_types_come_in_one_message() -> None:
    message = refusal_of(SIAMESE | {"batch_norm": 1, "hidden_digit": "8"})
    assert [line.partition("=")[0] for line in message.splitlines()] == [
        "model.hidden_digit", "model.batch_norm",
    ]  # fmt: skip


def test_a_class_of_the_wrong_kind_is_never_called(tmp_path: Path) -> None:
    marker = tmp_path / "executed"
    section = {"_target_": "subprocess.Popen", "args": ["touch", str(marker)]}
    with pytest.raises(ConfigurationError, match="must be a subclass of"):
        find_class("model", section, nn.Module)
    assert "must be a subclass of" in refusal_of({"name": "x", **section})
    assert not marker.exists()


def make_optimizer(section: dict[str, Any]) -> torch.optim.Optimizer:
    params = [nn.Parameter(torch.zeros(2))]
    return build("optimizer", "optimizer", section, torch.optim.Optimizer, {"params": params})


def test_what_the_platform_hands_over_goes_to_a_constructor_that_names_it() -> None:
    optimizer = make_optimizer({"_target_": "torch.optim.Adam", "lr": 0.5, "betas": [0.1, 0.2]})
    assert isinstance(optimizer, torch.optim.Adam)
    assert (optimizer.defaults["lr"], list(optimizer.defaults["betas"])) == (0.5, [0.1, 0.2])


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        # torch's annotation is `float | Tensor`, which no plain value but a number can be.
        ({"lr": "fast"}, "optimizer.lr=fast: should be a valid number"),
        ({"lr": True}, "optimizer.lr=True: should be a valid number"),
        ({"lr": 0.1, "betas": [0.9, "x"]}, "optimizer.betas.1=x: should be a valid number"),
        ({"lr": 0.1, "betas": [0.9]}, "optimizer.betas=[0.9]: has too few values"),
        ({"lr": 0.1, "amsgrad": "no"}, "optimizer.amsgrad=no: should be a valid boolean"),
        ({"lr": -1.0}, "optimizer: Adam raised ValueError: Invalid learning rate: -1.0"),
        ({"lr": 0.1, "momentum": 0.9}, "unknown key 'optimizer.momentum' for Adam"),
    ],
)
def test_torchs_own_constructors_are_as_strict(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        make_optimizer({"_target_": "torch.optim.Adam", **keys})
    assert str(error.value).startswith(message)


def test_a_whole_number_is_a_number() -> None:
    assert make_optimizer({"_target_": "torch.optim.Adam", "lr": 1}).defaults["lr"] == 1


MINE = """
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal
from torch import nn
if TYPE_CHECKING:
    from nowhere import Thing

class Net(nn.Module):
    def __init__(
        self, sizes: Sequence[int] = (), mode: Literal["a", 1] | None = None,
        table: dict[str, float] | None = None, pair: tuple[int, ...] = (), free=None,
        whatever: Any = None, words: list = [], inner: nn.Module | None = None,
    ):
        super().__init__()
        self.given = {k: v for k, v in locals().items() if k not in ("self", "__class__")}

class Untyped(nn.Module):
    def __init__(self, thing: "Thing", width: int):
        super().__init__()

class Broken(nn.Module):
    def __init__(self):
        raise RuntimeError("out of luck")

class Refuses(nn.Module):
    def __init__(self):
        from project.config.errors import ConflictError
        raise ConflictError("not with me")

class Open(nn.Module):
    def __init__(self, **options):
        super().__init__()
        self.options = options
"""


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"sizes": [1, "x"]}, "model.sizes.1=x: should be a valid integer"),
        ({"mode": "b"}, "model.mode=b: should be 'a' or 1"),
        ({"table": {"x": "y"}}, "model.table={'x': 'y'}: should be a valid number"),
        ({"pair": [1, 2, 3.5]}, "model.pair.2=3.5: should be a valid integer"),
        ({"words": 3}, "model.words=3: should be a valid list"),
    ],
)
def test_an_annotation_of_plain_values_is_a_rule(
    own_modules: Callable[[str, str], Path], keys: dict[str, Any], message: str
) -> None:
    own_modules("mine", MINE)
    assert refusal_of({"name": "n", "_target_": "mine.Net", **keys}).startswith(message)


def test_values_of_the_right_type_arrive_as_they_are(
    own_modules: Callable[[str, str], Path],
) -> None:
    own_modules("mine", MINE)
    keys = {
        "sizes": [1, 2],
        "mode": 1,
        "table": {"x": 1},
        "pair": [],
        "free": "?",
        "whatever": [{}],
    }
    net: Any = build_net({"name": "n", "_target_": "mine.Net", **keys})
    assert {key: net.given[key] for key in keys} == keys


def test_arguments_may_describe_objects_in_their_turn(
    own_modules: Callable[[str, str], Path],
) -> None:
    own_modules("mine", MINE)
    linear = {"_target_": "torch.nn.Linear", "in_features": 2, "out_features": 3}
    net: Any = build_net({"name": "n", "_target_": "mine.Net", "inner": linear,
                          "whatever": [{"deep": linear}]})  # fmt: skip
    assert net.given["inner"].out_features == 3
    assert isinstance(net.given["whatever"][0]["deep"], nn.Linear)
    for wrong, message in (
        ({"out_feature": 3}, "unknown key 'model.inner.out_feature' for Linear; did you mean"),
        ({"out_features": "x"}, "model.inner.out_features=x: should be a valid integer"),
        ({"_target_": "torch.nn.Linea"}, "model.inner._target_=torch.nn.Linea: nothing of this"),
        ({"_target_": "torch.pi"}, "model.inner._target_=torch.pi: cannot be called"),
    ):
        section = {"name": "n", "_target_": "mine.Net", "inner": linear | wrong}
        assert refusal_of(section).startswith(message)


def test_what_a_constructor_raises_is_said_with_its_place(
    own_modules: Callable[[str, str], Path],
) -> None:
    path = own_modules("mine", MINE)
    line = MINE[: MINE.index("raise RuntimeError")].count("\n") + 1
    assert refusal_of({"name": "n", "_target_": "mine.Broken"}) == (
        f"model: Broken raised RuntimeError: out of luck ({path}, line {line})"
    )
    with pytest.raises(ConflictError, match="not with me"):
        build_net({"name": "n", "_target_": "mine.Refuses"})


def test_what_cannot_be_checked_is_left_to_the_constructor(
    own_modules: Callable[[str, str], Path],
) -> None:
    own_modules("mine", MINE)
    build_net({"name": "n", "_target_": "mine.Untyped", "thing": 1, "width": "x"})
    net: Any = build_net({"name": "n", "_target_": "mine.Open", "anything": 1})
    assert net.options == {"anything": 1}


def test_a_module_that_cannot_be_imported_says_why(own_modules: Callable[[str, str], Path]) -> None:
    own_modules("mine", "import no_such_package\n")
    message = refusal_of({"name": "n", "_target_": "mine.Net"})
    assert message == (
        "model._target_=mine.Net: importing it fails: ModuleNotFoundError: No module named "
        "'no_such_package'"
    )
    own_modules("mine", "1 / 0\n")
    assert "ZeroDivisionError: division by zero" in refusal_of(
        {"name": "n", "_target_": "mine.Net"}
    )


def test_locating_finds_modules_too(own_modules: Callable[[str, str], Path]) -> None:
    own_modules("pack.mine", "value = 3\n")
    assert locate("data.prepare", "pack.mine.value") == 3
    assert locate("data.prepare", "pack.mine") is sys.modules["pack.mine"]


SCHEDULERS = """
from torch.optim.lr_scheduler import StepLR

def halving(optimizer, total_steps, every: int):
    return StepLR(optimizer, every, gamma=0.5)

def nothing(optimizer):
    return None
"""


def test_a_function_may_make_what_a_class_would(own_modules: Callable[[str, str], Path]) -> None:
    own_modules("mine", SCHEDULERS)
    given = {"optimizer": torch.optim.SGD([nn.Parameter(torch.zeros(1))]), "total_steps": 9}

    def scheduler(section: dict[str, Any]) -> Any:
        return build("scheduler", "scheduler", section, LRScheduler, given)

    assert scheduler({"_target_": "mine.halving", "every": 2, "interval": "step"}).step_size == 2
    made = scheduler({"_target_": "torch.optim.lr_scheduler.StepLR", "step_size": 3})
    assert made.step_size == 3
    for target, message in (
        ("mine.nothing", "or a function that returns such an object"),
        ("torch.nn.Linear", "must be a subclass of torch.optim.lr_scheduler.LRScheduler"),
        ("torch.pi", "or a function that returns such an object"),
    ):
        with pytest.raises(ConfigurationError, match=message):
            scheduler({"_target_": target})
