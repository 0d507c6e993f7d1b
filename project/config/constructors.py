"""What a class or function that a dotted name leads to takes: found by reading, not importing.

`torch.optim.SGD` is found in the file that holds its `class SGD`, through the re-exports of the
packages on the way.
"""

import ast
import functools
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from project.config.source import Module, find_module, module_path, statements


class Missing:
    """Marks a parameter without a default, or with one that is no literal."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


REQUIRED, NOT_LITERAL = Missing("REQUIRED"), Missing("NOT_LITERAL")


@dataclass(frozen=True)
class Definition:
    """A class or function where it stands.

    Attributes:
        module: The dotted name of the module that holds it.
        node: Its syntax tree.
        path: The module's file.
    """

    module: str
    node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    path: Path

    @property
    def is_class(self) -> bool:
        """Whether it is a class."""
        return isinstance(self.node, ast.ClassDef)


@dataclass(frozen=True)
class Parameters:
    """What a constructor takes.

    Attributes:
        defaults: By parameter name, the default's literal value, NOT_LITERAL or REQUIRED.
        open: Whether it takes any further keyword (`**kwargs`).
    """

    defaults: dict[str, Any] = field(default_factory=dict)
    open: bool = False


NOTHING = Parameters()  # of a class without a constructor


@functools.lru_cache(maxsize=1024)
def find_definition(dotted: str) -> Definition | None:
    """Find the class or function that `dotted` names; None where reading cannot tell."""
    return _find(dotted, set())


@functools.lru_cache(maxsize=1024)
def constructor_parameters(dotted: str) -> Parameters | None:
    """Return what the class or function `dotted` takes; None where reading cannot tell."""
    definition = find_definition(dotted)
    return None if definition is None else _parameters(definition, set())


def clear_cache() -> None:
    """Forget what has been found, so that files are read anew."""
    find_definition.cache_clear()
    constructor_parameters.cache_clear()


def _find(dotted: str, seen: set[str]) -> Definition | None:
    """Follow a name; `seen` holds those that have been, as modules may re-export in a circle."""
    parts = dotted.split(".")
    if dotted in seen or not all(part.isidentifier() for part in parts):
        return None
    seen.add(dotted)
    for split in range(len(parts) - 1, 0, -1):
        name = ".".join(parts[:split])
        if module_path(name) is not None:
            module = find_module(name)
            return None if module is None else _look_up(".".join(parts[split:]), module, seen)
    return None


def _look_up(name: str, module: Module, seen: set[str]) -> Definition | None:
    """Find what `name`, dotted or not, means inside of a module."""
    for statement in module.bound.get(name, ()):
        if isinstance(statement, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            return Definition(module.name, statement, module.path)
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Name):
            return _find(f"{module.name}.{statement.value.id}", seen)
    for target in module.imports.resolve(name):
        if (found := _find(target, seen)) is not None:
            return found
    return None


def _parameters(definition: Definition, seen: set[ast.AST]) -> Parameters | None:
    """Return what a constructor takes; `seen` holds the classes of which this is a base."""
    node = definition.node
    if not isinstance(node, ast.ClassDef):
        return _of_arguments(node.args, bound=False)
    for name in ("__init__", "__new__"):
        if (constructor := _method(node, name)) is not None:
            return _of_arguments(constructor.args, bound=True)
    inherited = _inherited(definition, {*seen, node})
    if inherited is not None and any("dataclass" in ast.unparse(d) for d in node.decorator_list):
        return Parameters(inherited.defaults | _fields(node), inherited.open)
    return inherited


def _method(node: ast.ClassDef, name: str) -> ast.FunctionDef | None:
    """Return the method that a class defines last, overloads for type checkers left out."""
    methods = [
        each
        for each in statements(node.body)
        if isinstance(each, ast.FunctionDef)
        and each.name == name
        and not any("overload" in ast.unparse(decorator) for decorator in each.decorator_list)
    ]
    return methods[-1] if methods else None


def _inherited(definition: Definition, seen: set[ast.AST]) -> Parameters | None:
    """Return what the first base class with a constructor takes; None where reading cannot tell."""
    module = find_module(definition.module)
    assert isinstance(definition.node, ast.ClassDef)
    for base in definition.node.bases:
        name = ast.unparse(base.value if isinstance(base, ast.Subscript) else base)
        if name == "object":
            continue
        found = None if module is None else _look_up(name, module, set())
        if found is None or not found.is_class or found.node in seen:
            return None
        taken = _parameters(found, seen)
        if taken is not NOTHING:
            return taken
    return NOTHING


def _of_arguments(arguments: ast.arguments, bound: bool) -> Parameters:
    positional = [*arguments.posonlyargs, *arguments.args]
    missing: list[ast.expr | None] = [None] * (len(positional) - len(arguments.defaults))
    pairs = list(zip(positional, [*missing, *arguments.defaults], strict=True))[int(bound) :]
    pairs += zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    return Parameters(
        {argument.arg: _literal(default) for argument, default in pairs},
        open=arguments.kwarg is not None,
    )


def _fields(node: ast.ClassDef) -> dict[str, Any]:
    return {
        statement.target.id: _literal(statement.value)
        for statement in node.body
        if isinstance(statement, ast.AnnAssign)
        and isinstance(statement.target, ast.Name)
        and "ClassVar" not in ast.unparse(statement.annotation)
    }


def _literal(default: ast.expr | None) -> Any:
    if default is None:
        return REQUIRED
    try:
        return ast.literal_eval(default)
    except ValueError:
        return NOT_LITERAL
