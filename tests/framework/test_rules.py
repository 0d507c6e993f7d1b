"""The framework's rule: of torch, `empty`, tensor methods, and the switch of autograd, off."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import project.framework

FILES = sorted(Path(project.framework.__file__).parent.rglob("*.py"))

SWITCH = "set_grad_enabled"
TORCH = {"empty", SWITCH}
TORCH_IN_ANNOTATIONS = {"Tensor", "Generator", "dtype"}
STANDARD_LIBRARY = {
    "__future__", "collections.abc", "dataclasses", "functools", "json", "math", "os", "pathlib",
    "typing",
}  # fmt: skip
# Tensor methods and attributes that are autograd's, and the ways round an import.
AUTOGRAD = {"requires_grad", "requires_grad_", "grad", "grad_fn", "register_hook", "retain_grad"}
MAKERS = {"new_empty", "new_full", "new_ones", "new_zeros"}  # tensors, not by `empty`
DETOURS = {"__import__", "__builtins__", "__loader__", "__spec__", "eval", "exec", "compile"}
DETOURS |= {"globals", "vars", "getattr", "__globals__", "__dict__", "__class__", "__subclasses__"}


def violations(source: str) -> list[str]:
    """What in a module's source goes beyond the rule."""
    tree = ast.parse(source)
    return [*_imports(tree), *_names(tree)]


def _imports(tree: ast.Module) -> Iterator[str]:
    in_annotations = {
        id(inner)
        for node in tree.body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for statement in node.body
        for inner in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name not in STANDARD_LIBRARY)
        elif isinstance(node, ast.ImportFrom) and node.module == "torch":
            for alias in node.names:
                annotation = id(node) in in_annotations and alias.name in TORCH_IN_ANNOTATIONS
                if not annotation and (alias.name not in TORCH or alias.asname):
                    yield f"torch.{alias.name}"
        elif isinstance(node, ast.ImportFrom):
            own = f"{node.module}.".startswith("project.framework.")
            if node.level or not (own or node.module in STANDARD_LIBRARY):
                yield "." * node.level + (node.module or "")


def _names(tree: ast.Module) -> Iterator[str]:
    switches = {
        id(node.func)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node) == f"{SWITCH}(False)"
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in AUTOGRAD | DETOURS | MAKERS:
            yield f".{node.attr}"
        elif isinstance(node, ast.Name) and node.id in DETOURS:
            yield node.id
        elif isinstance(node, ast.Name) and node.id == SWITCH and id(node) not in switches:
            yield SWITCH


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_file_of_the_framework_keeps_the_rule(file):
    assert violations(file.read_text(encoding="utf-8")) == []


def test_every_file_of_the_framework_is_looked_at():
    names = {file.name for file in FILES}
    assert {"__init__.py", "conv2d.py", "linear.py", "losses.py", "siamese.py"} <= names


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import torch", ["torch"]),
        ("import torch.nn as nn", ["torch.nn"]),
        ("import numpy", ["numpy"]),
        ("from torch import zeros", ["torch.zeros"]),
        ("from torch import empty, nn, optim", ["torch.nn", "torch.optim"]),
        ("from torch import autograd, save", ["torch.autograd", "torch.save"]),
        ("from torch import *", ["torch.*"]),
        ("from torch import Tensor", ["torch.Tensor"]),
        ("from torch import set_grad_enabled as switch", ["torch.set_grad_enabled"]),
        ("from torch.nn import Linear", ["torch.nn"]),
        ("from torch.nn.functional import relu", ["torch.nn.functional"]),
        ("from project.models import basic", ["project.models"]),
        ("from project import seeding", ["project"]),
        ("from project.frameworks import x", ["project.frameworks"]),
        ("from . import linear", ["."]),
        ("from .. import models", [".."]),
        ("from importlib import import_module", ["importlib"]),
        ("def f():\n    import torch", ["torch"]),
        ("if TYPE_CHECKING:\n    import torch", ["torch"]),
        ("if TYPE_CHECKING:\n    from torch import nn", ["torch.nn"]),
        ("if not TYPE_CHECKING:\n    from torch import Tensor", ["torch.Tensor"]),
        ("set_grad_enabled(True)", ["set_grad_enabled"]),
        ("switch = set_grad_enabled", ["set_grad_enabled"]),
        ("x.requires_grad_()", [".requires_grad_"]),
        ("x.new_zeros(3)", [".new_zeros"]),
        ("__import__('torch')", ["__import__"]),
        ("empty.__globals__", [".__globals__"]),
    ],
)
def test_anything_more_is_found(source, expected):
    assert violations(source) == expected


def test_what_the_rule_allows_is_not_found():
    source = """
from __future__ import annotations
from typing import TYPE_CHECKING
from torch import empty, set_grad_enabled
from project.framework.module import Module
if TYPE_CHECKING:
    from torch import Generator, Tensor
    from torch import dtype as torch_dtype
set_grad_enabled(False)
x = empty(3).normal_().tanh_()
"""
    assert violations(source) == []


def test_importing_the_framework_turns_autograd_off():
    code = "import torch, project.framework; assert not torch.is_grad_enabled()"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
