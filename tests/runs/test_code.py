"""Fingerprints: what changes a result changes them, what cannot does not, and no code is run."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from project.config.compose import compose
from project.runs.code import (
    changed_definitions,
    clear_cache,
    fingerprint,
    targets_of,
)
from project.runs.prepare import deciding_targets
from tests.config.configurations import CONFIG, changed

Write = Callable[[str, str], Path]

NET = """
from torch import nn
from pack.parts import Block, WIDTH as SIZE
from pack import extra
import pack.deep.numbers

FACTOR = 2
UNUSED = 3

class Base(nn.Module):
    def scale(self):
        return FACTOR

class Net(Base):
    '''A net.'''

    def __init__(self, width: int = SIZE, rate=0.5):
        # what it is made of
        super().__init__()
        self.block = Block(width)

    def forward(self, x):
        from pack.late import shift
        return helper(self.block(x)) * extra.gain() + shift + pack.deep.numbers.ONE

def helper(x):
    return x + 1

def unused(x):
    return x

if __name__ == "__main__":
    print(Net())
"""
FILES = {
    "pack.__init__": "raise RuntimeError('imported')\n",
    "pack.deep.__init__": "",
    "pack.parts": "class Block:\n    pass\nWIDTH = 4\nOTHER = 5\n",
    "pack.extra": "def gain():\n    return 1\n",
    "pack.late": "shift = 1\n",
    "pack.deep.numbers": "ONE = 1\nTWO = 2\n",
    "pack.net": NET,
}


@pytest.fixture
def write(own_modules: Write) -> Iterator[Write]:
    """Writes modules; those above are there."""
    for name, text in FILES.items():
        own_modules(name, text)
    yield own_modules
    assert "pack" not in sys.modules, "code was run to be read"


def digest(target: str = "pack.net.Net") -> str:
    return fingerprint([target])["digest"]


def test_every_definition_that_can_be_reached_is_named(write: Write) -> None:
    assert set(fingerprint(["pack.net.Net"])["definitions"]) == {
        "pack.net:Net", "pack.net:Base", "pack.net:FACTOR", "pack.net:helper", "pack.parts:Block",
        "pack.parts:WIDTH", "pack.extra:gain", "pack.late:shift", "pack.deep.numbers:ONE",
    }  # fmt: skip


CANNOT_CHANGE_RESULTS = {
    "a comment": (NET, NET.replace("# what it is made of", "# other words")),
    "a docstring": (NET, NET.replace("'''A net.'''", '"""Another."""\n')),
    "no docstring": (NET, NET.replace("    '''A net.'''\n", "")),
    "a docstring where there was none": (
        NET, NET.replace("def helper(x):\n", "def helper(x):\n    '''Adds one.'''\n")),
    "a string between statements": (NET, NET.replace("return x + 1", "'a note'\n    return x + 1")),
    "pass": (NET, NET.replace("return x + 1", "pass\n    return x + 1")),
    "quotes": (NET, NET.replace('"__main__"', "'__main__'")),
    "formatting": (NET, NET.replace("rate=0.5", "rate = (\n        0.5\n    )")),
    "blank lines": (NET, "\n\n" + NET.replace("def helper", "\n\n\ndef helper")),
    "what nothing uses": (NET, NET.replace("UNUSED = 3", "UNUSED = 4")),
    "a function that nothing calls": (NET, NET.replace("    return x\n", "    return x * 2\n")),
    "what runs as a program only": (NET, NET.replace("print(Net())", "print(Net(), 1)")),
    "an import that nothing uses": (NET, "import json\n" + NET),
    "an import for type checkers": (
        NET, "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import json\n" + NET),
    "the place of a definition": (
        NET, NET.replace("FACTOR = 2\nUNUSED = 3", "UNUSED = 3\nFACTOR = 2")),
}  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after"), CANNOT_CHANGE_RESULTS.values(), ids=CANNOT_CHANGE_RESULTS
)
def test_what_cannot_change_a_result_changes_nothing(write: Write, before: str, after: str) -> None:
    assert before != after
    write("pack.net", before)
    first = digest()
    write("pack.net", after)
    assert digest() == first


CHANGES_RESULTS = {
    "a function": ("pack.net", "x + 1", "x + 2", "pack.net:helper"),
    "a method": ("pack.net", "* extra.gain()", "/ extra.gain()", "pack.net:Net"),
    "a default": ("pack.net", "rate=0.5", "rate=0.6", "pack.net:Net"),
    "a base class": ("pack.net", "return FACTOR", "return -FACTOR", "pack.net:Base"),
    "another base class": ("pack.net", "Net(Base)", "Net(nn.Module)", "pack.net:Net"),
    "a constant": ("pack.net", "FACTOR = 2", "FACTOR = 2.0", "pack.net:FACTOR"),
    "true in the place of 1": ("pack.late", "shift = 1", "shift = True", "pack.late:shift"),
    "a constant under another name": ("pack.parts", "WIDTH = 4", "WIDTH = 5", "pack.parts:WIDTH"),
    "a class elsewhere": ("pack.parts", "pass", "x = 1", "pack.parts:Block"),
    "a function of an imported module": ("pack.extra", "1", "2", "pack.extra:gain"),
    "a constant of a module in a package": (
        "pack.deep.numbers", "ONE = 1", "ONE = 3", "pack.deep.numbers:ONE"),
    "what is imported in a function": ("pack.late", "1", "2", "pack.late:shift"),
    "a decorator": ("pack.net", "def helper", "@print\ndef helper", "pack.net:helper"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("module", "old", "new", "definition"), CHANGES_RESULTS.values(), ids=CHANGES_RESULTS
)
def test_what_may_change_a_result_is_named(
    write: Write, module: str, old: str, new: str, definition: str
) -> None:
    before = fingerprint(["pack.net.Net"])
    assert old in FILES[module]
    write(module, FILES[module].replace(old, new))
    now = fingerprint(["pack.net.Net"])
    assert definition in changed_definitions(before, now)
    assert now["digest"] != before["digest"]
    assert now["platform"] == before["platform"]


EFFECTS = [
    "print('a call')",
    "REGISTRY['net'] = 1",
    "extra.level = 3",
    "for name in 'ab':\n    print(name)",
    "if FACTOR:\n    print(1)",
    "if FACTOR:\n    FACTOR = 5\nelse:\n    FACTOR = 6",
    "try:\n    FACTOR = 7\nexcept NameError:\n    pass",
    "with open('x') as file:\n    FACTOR = 8",
    "del UNUSED",
    "assert FACTOR",
]


@pytest.mark.parametrize("statement", EFFECTS)
def test_what_a_module_does_when_it_is_imported_counts(write: Write, statement: str) -> None:
    before = digest()
    write("pack.net", NET + "\n" + statement + "\n")
    with_effect = digest()
    assert with_effect != before
    number = next((each for each in "135678" if each in statement), None)
    if number is not None:
        write("pack.net", NET + "\n" + statement.replace(number, "9") + "\n")
        assert digest() not in (before, with_effect)


def test_the_condition_of_a_definition_counts(write: Write) -> None:
    text = NET + "\nif UNUSED {} 3:\n    def helper(x):\n        return x\n"
    write("pack.net", text.format("=="))
    before = digest()
    write("pack.net", text.format("!="))
    assert digest() != before


def test_re_exports_are_followed_and_parents_of_packages_are_not(write: Write) -> None:
    write("facade.__init__", "from .inner import Net\n")
    write("facade.inner", "from pack.net import *\n")
    names = set(fingerprint(["pack.net.Net"])["definitions"])
    assert set(fingerprint(["facade.Net"])["definitions"]) == names
    before = digest("facade.Net")
    write("pack.__init__", "raise RuntimeError('other')\n")
    assert digest("facade.Net") == before
    write("pack.net", NET.replace("FACTOR = 2", "FACTOR = 3"))
    assert digest("facade.Net") != before


def test_modules_that_import_from_each_other_end(write: Write) -> None:
    write("one", "from two import *\nfrom two import b\ndef a():\n    return b() + nothing\n")
    write("two", "from one import *\nfrom one import a\ndef b():\n    return a()\n")
    assert set(fingerprint(["one.a"])["definitions"]) == {"one:a", "two:b"}


def test_libraries_and_the_standard_library_count_by_their_versions(write: Write) -> None:
    write("mine", "import json\nimport numpy\nfrom torch.nn import Linear\n"
                  "def f():\n    return json.dumps, numpy.zeros, Linear\n")  # fmt: skip
    assert set(fingerprint(["mine.f"])["definitions"]) == {"mine:f"}
    assert fingerprint(["torch.optim.SGD"])["definitions"] == {}


def test_of_this_project_what_decides_counts() -> None:
    names = set(fingerprint(deciding_targets(CONFIG))["definitions"])
    assert {
        "project.models.siamese:Siamese", "project.models.convolutions:Convolutions",
        "project.tasks.digit_pairs:DigitPairs", "project.tasks.supervised:Supervised",
        "project.data.mnist_pairs:MnistPairs", "project.data.mnist:prepare_pairs",
    } <= names  # fmt: skip
    folders = {name.split(".")[1] for name in names}
    assert folders == {"models", "tasks", "data"}
    assert not [name for name in names if "fetching" in name]


def test_the_platforms_own_code_is_apart(write: Write) -> None:
    """Another version of it is said, and mixed with a notice."""
    ours = fingerprint(["pack.net.Net"])
    assert ours["platform"] == fingerprint(["project.models.Basic"])["platform"]
    assert len(ours["platform"]) == 64


def test_the_targets_of_a_configuration_are_all_that_it_names() -> None:
    config = changed(
        ("model.inner", [{"_target_": "a.B", "c": {"_target_": "d.E"}}]), ("model.n", 3)
    )
    assert targets_of(config["model"]) == ["a.B", "d.E", "project.models.Siamese"]
    assert "project.data.mnist.prepare_pairs" in targets_of(config["data"])


def test_loggers_and_observers_do_not_decide(small_mnist: Path) -> None:
    values = compose("train", ["model=ws_al", "callbacks=[lr_monitor,ema]"])
    assert deciding_targets(values) == [
        "project.data.mnist.prepare_pairs", "project.data.mnist_pairs.MnistPairs",
        "project.models.Siamese", "project.tasks.digit_pairs.DigitPairs",
        "project.training.ema.EMA", "torch.optim.Adadelta",
    ]  # fmt: skip


def test_it_does_not_depend_on_the_version_of_python_or_on_git(write: Write) -> None:
    """Golden value: the syntax tree is hashed, without what versions of Python add to it."""
    write("mine", "def f(x: int = 1, *, y=(2.5, None, b'c', 'd')) -> int:\n"
                  "    '''Doc.'''\n    return {k: -x for k in y if k}[f'{x!r:>3}']\n")  # fmt: skip
    assert digest("mine.f") == "f52135a5bb0770066189f9ec0df091970568483548b04fcdfa3703bf5020d8bc"


def test_two_processes_agree(write: Write) -> None:
    path = write("mine", "class Net:\n    names = {'a', 'b', 'c'}\n")
    code = "from project.runs.code import fingerprint; print(fingerprint(['mine.Net'])['digest'])"
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONPATH": f"{Path.cwd()}:{Path(__file__).parents[2]}", "PYTHONHASHSEED": seed},
            capture_output=True, text=True, check=True, cwd=path.parent,
        ).stdout.strip()
        for seed in ("1", "2")
    }  # fmt: skip
    assert found == {digest("mine.Net")}


def test_files_are_read_once_until_the_cache_is_cleared(write: Write) -> None:
    """A sweep of a thousand runs asks a thousand times."""
    before = digest()
    path = Path("pack/net.py")
    path.write_text(NET.replace("FACTOR = 2", "FACTOR = 3"))
    assert digest() == before
    clear_cache()
    assert digest() != before
