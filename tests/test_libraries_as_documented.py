"""Libraries are used as documented: nothing private is read, set, overridden or patched."""

import ast
import importlib
import inspect
from collections.abc import Iterator
from enum import EnumType
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "project").rglob("*.py"))
TREES = {path: ast.parse(path.read_text()) for path in FILES}
# Looks private or like a patch, and is what the documentation of Python or Pillow says to do.
DOCUMENTED = {
    "os._exit": "library/os.html#os._exit",
    "calibration._asdict": "library/collections.html#collections.somenamedtuple._asdict",
    "sys.stdout is set": "library/sys.html#sys.stdout",
    "sys.stderr is set": "library/sys.html#sys.stderr",
    "threading.excepthook is set": "library/threading.html#threading.excepthook",
    "Image.MAX_IMAGE_PIXELS is set": "Pillow: reference/Image.html#PIL.Image.MAX_IMAGE_PIXELS",
}


def is_private(name: str) -> bool:
    return name.startswith("_") and not (name.startswith("__") and name.endswith("__"))


def defined(tree: ast.Module) -> Iterator[str]:
    """Every private name that this project gives itself."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            if isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"):
                yield node.attr
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


OURS = {name for tree in TREES.values() for name in defined(tree) if is_private(name)}


def found(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and text of what reaches into a library."""
    libraries = imported(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            if is_private(node.attr) and node.attr not in OURS:
                yield node.lineno, ast.unparse(node)
            if ast.unparse(node) in ("sys.meta_path", "sys.path_hooks", "sys.modules"):
                yield node.lineno, ast.unparse(node)
            if isinstance(node.ctx, ast.Store | ast.Del) and root_name(node) in libraries:
                yield node.lineno, f"{ast.unparse(node)} is set"
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("setattr", "delattr"):
            if root_name(node.args[0]) in libraries or "._" in ast.unparse(node):
                yield node.lineno, ast.unparse(node)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "getattr":
            name = node.args[1].value if isinstance(node.args[1], ast.Constant) else ""
            if is_private(str(name)) and name not in OURS:
                yield node.lineno, ast.unparse(node)


def imported(tree: ast.Module) -> set[str]:
    """Names under which a file knows modules and classes of libraries."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {(each.asname or each.name).partition(".")[0] for each in node.names}
        elif isinstance(node, ast.ImportFrom) and not (node.module or "").startswith("project"):
            names |= {each.asname or each.name for each in node.names}
    return names


def root_name(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def test_nothing_private_of_a_library_is_used_and_nothing_of_it_is_set() -> None:
    reached = [
        f"{path.relative_to(ROOT)}:{line}: {text}"
        for path, tree in TREES.items()
        for line, text in found(tree)
        if text not in DOCUMENTED
    ]
    assert reached == []


@pytest.mark.parametrize(
    "code",
    [
        "trial._storage",
        "getattr(study, '_storage')",
        "import sys\nsys.meta_path.insert(0, finder)",
        "import sys\nsys.modules['x'] = y",
        "import torch\ntorch.compile = None",
        "import torch\ndel torch.compile",
        "from hydra.core.plugins import Plugins\nsetattr(Plugins, 'scan', f)",
    ],
)
def test_the_search_finds(code: str) -> None:
    assert list(found(ast.parse(code)))


def classes() -> Iterator[type]:
    """Every class of the project, but those that need an extra which is not installed."""
    for path in FILES:
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for _, found_class in inspect.getmembers(importlib.import_module(name), inspect.isclass):
            if found_class.__module__ == name:
                yield found_class


def test_no_private_method_of_a_librarys_class_is_overridden() -> None:
    overridden = []
    for each in classes():
        foreign = [base for base in each.__mro__[1:] if not base.__module__.startswith("project")]
        for name in vars(each):
            owners = [base for base in foreign if name in vars(base)]
            written_by_python = isinstance(each, EnumType) or name.startswith(
                ("_abc_", "_is_protocol")
            )
            if is_private(name) and owners and not written_by_python:
                overridden.append(f"{each.__module__}.{each.__name__}.{name}: {owners[0]}")
    assert overridden == []
