"""What a constructor takes is read from its source, and agrees with what Python says of it."""

import ast
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision
from pytorch_lightning import LightningDataModule, Trainer
from pytorch_lightning.callbacks import EarlyStopping

from project.config.constructors import (
    NOT_LITERAL,
    REQUIRED,
    constructor_parameters,
    find_definition,
)
from project.data.mnist_pairs import MnistPairs
from project.models import Siamese
from project.tasks.digit_pairs import DigitPairs


@pytest.mark.parametrize(
    ("name", "real"),
    [
        ("torch.optim.Adadelta", torch.optim.Adadelta),
        ("torch.optim.AdamW", torch.optim.AdamW),
        ("torch.optim.lr_scheduler.OneCycleLR", torch.optim.lr_scheduler.OneCycleLR),
        ("torch.nn.Linear", torch.nn.Linear),
        ("torch.nn.TransformerEncoderLayer", torch.nn.TransformerEncoderLayer),
        ("torchvision.models.ResNet", torchvision.models.ResNet),
        ("pytorch_lightning.Trainer", Trainer),
        ("pytorch_lightning.LightningDataModule", LightningDataModule),
        ("pytorch_lightning.callbacks.EarlyStopping", EarlyStopping),
        ("project.models.Siamese", Siamese),
        ("project.tasks.digit_pairs.DigitPairs", DigitPairs),
        ("project.data.mnist_pairs.MnistPairs", MnistPairs),
    ],
)
def test_what_is_read_is_what_python_says(name: str, real: type) -> None:
    read = constructor_parameters(name)
    assert read is not None
    signature = {
        key: each
        for key, each in inspect.signature(real).parameters.items()
        if each.kind not in (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    }
    assert set(read.defaults) == set(signature)
    for key, value in read.defaults.items():
        default = signature[key].default
        if value is not NOT_LITERAL:
            assert value is REQUIRED if default is inspect.Parameter.empty else value == default
    kinds = [each.kind for each in inspect.signature(real).parameters.values()]
    assert read.open == (inspect.Parameter.VAR_KEYWORD in kinds)


def test_a_class_is_found_through_re_exports(own_modules: Callable[[str, str], Path]) -> None:
    own_modules("pack.__init__", "from .facade import *\nfrom .net import Net as Renamed\n")
    own_modules("pack.facade", "from pack.net import Net\nAlias = Net\n")
    path = own_modules("pack.net", "class Net:\n    def __init__(self, width=3): ...\n")
    for name in ("pack.Net", "pack.Renamed", "pack.facade.Alias", "pack.net.Net"):
        found = find_definition(name)
        assert found is not None
        assert (found.module, found.node.name, found.path) == ("pack.net", "Net", path)
        assert isinstance(found.node, ast.ClassDef)
    assert "pack" not in {name.partition(".")[0] for name in sys.modules}


@pytest.mark.parametrize(
    "name",
    ["mine.Nothing", "mine.Outer.Inner", "mine.value", "mine", "no.such.Thing", "mine..x", "",
     "a b.c", "sys.exit", "mine.circle", "other.circle"],
)  # fmt: skip
def test_what_reading_cannot_tell_is_none(
    own_modules: Callable[[str, str], Path], name: str
) -> None:
    own_modules(
        "mine",
        """
        from other import circle
        value = 3
        class Outer:
            class Inner: ...
    """,
    )
    own_modules("other", "from mine import circle\n")
    assert find_definition(name) is None
    assert constructor_parameters(name) is None


def test_a_star_import_of_what_is_compiled_ends(own_modules: Callable[[str, str], Path]) -> None:
    own_modules("pack.__init__", "from pack.compiled import *\nfrom pack import *\n")
    assert find_definition("pack.nothing") is None
    assert find_definition("torch.set_num_threads") is None


CLASSES = """
import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar, overload
from elsewhere import Unknown

T = TypeVar("T")

class Plain:
    def __init__(self, a, b=(1, -2.5), *rest, c: "int" = None, d=[] + [1], **more): ...

class Mixin:
    extra = 1

class Child(Mixin, Generic[T], Plain): ...

class GenericChild(Generic[T]):
    def __init__(self, a): ...

class Subscripted(GenericChild[int]): ...

class Nothing: ...

class Root(object): ...

class New:
    def __new__(cls, a, b=1): ...

class Overloaded:
    @overload
    def __init__(self, a: int): ...
    @overload
    def __init__(self, a: str, b: int): ...
    def __init__(self, a, b=2): ...

@dataclass(frozen=True)
class Data:
    a: int
    b: float = 2.0
    c: list[int] = dataclasses.field(default_factory=list)
    shared: ClassVar[int] = 3

@dataclass
class MoreData(Data):
    d: str = "x"

class Foreign(Unknown): ...

class Pair(NamedTuple):
    a: int

class Itself(Itself): ...

def function(x, *, y=True): ...
"""


@pytest.mark.parametrize(
    ("name", "defaults", "is_open"),
    [
        ("Plain", {"a": REQUIRED, "b": (1, -2.5), "c": None, "d": NOT_LITERAL}, True),
        ("Child", {"a": REQUIRED, "b": (1, -2.5), "c": None, "d": NOT_LITERAL}, True),
        ("Subscripted", {"a": REQUIRED}, False),
        ("Nothing", {}, False),
        ("Root", {}, False),
        ("New", {"a": REQUIRED, "b": 1}, False),
        ("Overloaded", {"a": REQUIRED, "b": 2}, False),
        ("Data", {"a": REQUIRED, "b": 2.0, "c": NOT_LITERAL}, False),
        ("MoreData", {"a": REQUIRED, "b": 2.0, "c": NOT_LITERAL, "d": "x"}, False),
        ("function", {"x": REQUIRED, "y": True}, False),
    ],
)
def test_every_way_to_write_a_constructor_is_read(
    own_modules: Callable[[str, str], Path], name: str, defaults: dict[str, Any], is_open: bool
) -> None:
    own_modules("mine", CLASSES)
    read = constructor_parameters(f"mine.{name}")
    assert read is not None
    assert (read.defaults, read.open) == (defaults, is_open)


@pytest.mark.parametrize("name", ["Foreign", "Pair", "Itself"])
def test_a_constructor_that_cannot_be_read_is_left_to_python(
    own_modules: Callable[[str, str], Path], name: str
) -> None:
    own_modules("mine", CLASSES)
    assert find_definition(f"mine.{name}") is not None
    assert constructor_parameters(f"mine.{name}") is None
