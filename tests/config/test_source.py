"""Modules are found and indexed as they are written, and none is imported."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import project
from project.config.source import (
    find_module,
    is_own,
    is_standard_library,
    module_path,
    place_in_project,
)

PROJECT = Path(project.__file__).parent


def test_a_module_is_found_where_importing_would_find_it() -> None:
    assert module_path("project.models.siamese") == PROJECT / "models" / "siamese.py"
    assert module_path("project.models") == PROJECT / "models" / "__init__.py"
    assert module_path("json.decoder").name == "decoder.py"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "name",
    ["no_such_module", "project.no_such", "json.decoder.JSONDecoder", "sys", "math", "", "."],
)
def test_what_is_no_module_in_python_is_none(name: str) -> None:
    assert module_path(name) is None


def test_nothing_is_imported_to_find_a_module(own_modules: Callable[[str, str], Path]) -> None:
    own_modules("pack.__init__", "raise RuntimeError('imported')")
    path = own_modules("pack.inner.net", "raise RuntimeError('imported')")
    assert module_path("pack.inner.net") == path
    assert "pack" not in {name.partition(".")[0] for name in sys.modules}


def test_a_folder_without_init_is_a_package_too(own_modules: Callable[[str, str], Path]) -> None:
    path = own_modules("plain.folder.net", "")
    assert module_path("plain.folder.net") == path
    assert module_path("plain.folder") is None


def test_a_file_is_read_again_when_it_has_changed(own_modules: Callable[[str, str], Path]) -> None:
    own_modules("mine", "a = 1")
    before = find_module("mine")
    assert before is not None
    assert set(before.bound) == {"a"}
    assert find_module("mine") is before
    own_modules("mine", "bb = 1")
    after = find_module("mine")
    assert after is not None
    assert set(after.bound) == {"bb"}


@pytest.mark.parametrize("text", ["def broken(", "x = '\0'"])
def test_what_is_no_python_is_none(own_modules: Callable[[str, str], Path], text: str) -> None:
    own_modules("mine", text)
    assert find_module("mine") is None


NAMES = """
import os.path
import numpy as np
from pack import deep as shallow, other
from .sibling import *
from .. import above
a, (b, *c) = 1, (2, 3)
d: int = 4
e += 1
os.environ["x"] = "y"
np.flag = True
if a:
    def f(): ...
else:
    class G: ...
try:
    h = 1
except ImportError:
    i = 1
finally:
    j = 1
with open("x") as file:
    k = 1
"""


def test_a_module_knows_what_it_binds_and_what_it_imports(
    own_modules: Callable[[str, str], Path],
) -> None:
    own_modules("pack.inner.sibling", "")
    own_modules("pack.inner.net", NAMES)
    module = find_module("pack.inner.net")
    assert module is not None
    assert set(module.bound) == set("abcdefGhijk")
    imports = module.imports
    assert list(imports.resolve("np.exp")) == ["numpy.exp", "pack.inner.sibling.np.exp"]
    assert next(imports.resolve("shallow.Net")) == "pack.deep.Net"
    assert next(imports.resolve("os.path.join")) == "os.path.join"
    assert next(imports.resolve("above")) == "pack.above"


def test_imports_inside_of_functions_are_told_apart(
    own_modules: Callable[[str, str], Path],
) -> None:
    own_modules("mine", "def f():\n    from pack import late\n    return late\n")
    module = find_module("mine")
    assert module is not None
    assert list(module.imports.resolve("late")) == []
    assert list(module.all_imports.resolve("late")) == ["pack.late"]


def test_own_code_is_this_projects_and_the_users(tmp_path: Path) -> None:
    import json

    import numpy

    assert is_own(PROJECT / "train.py")
    assert is_own(tmp_path / "net.py")
    assert not is_own(Path(numpy.__file__))
    assert not is_own(Path(json.__file__))
    assert not is_own(tmp_path / "lib" / "site-packages" / "net.py")
    assert is_standard_library("json.decoder")
    assert not is_standard_library("torch.nn")


def test_this_project_is_recognised_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(PROJECT)
    assert place_in_project(tmp_path / "link" / "models" / "basic.py") == Path("models/basic.py")
    assert place_in_project(tmp_path / "models" / "basic.py") is None
