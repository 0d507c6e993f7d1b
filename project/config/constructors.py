"""Finds the parameters of a class or function by parsing source files, without importing them."""

import ast
import functools
import inspect
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from project.config.source import Module, find_module, split_module, statements

# In place of a default: there is none, or it is not a literal.
REQUIRED, NOT_LITERAL = inspect.Parameter.empty, object()


@dataclass(frozen=True)
class Definition:
    """The source of a class or function: its syntax tree, and the module that defines it."""

    module: str
    node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    path: Path


@dataclass(frozen=True)
class Parameters:
    """The defaults (literals, REQUIRED, NOT_LITERAL) by name; `open` if any keyword is accepted."""

    defaults: dict[str, Any] = field(default_factory=dict)
    open: bool = False


NOTHING = Parameters()  # of a class without a constructor


@functools.lru_cache(maxsize=1024)
def find_definition(dotted: str) -> Definition | None:
    """Return the definition of the class or function `dotted`; None if its source is not found."""
    return _find(dotted, set())


@functools.lru_cache(maxsize=1024)
def constructor_parameters(dotted: str) -> Parameters | None:
    """Return the parameters of a class or function; None if its source or a base's is not found."""
    definition = find_definition(dotted)
    return None if definition is None else _parameters(definition, set())


def _find(dotted: str, seen: set[str]) -> Definition | None:
    """Find a definition; `seen` holds the names already followed, in case of a cycle."""
    if dotted in seen or not all(part.isidentifier() for part in dotted.split(".")):
        return None
    seen.add(dotted)
    if (split := split_module(dotted)) is None or (module := find_module(split[0])) is None:
        return None
    return _look_up(split[1], module, seen)


def _look_up(name: str, module: Module, seen: set[str]) -> Definition | None:
    """Return the definition of `name`, dotted or not, in a module; None if it is not found."""
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
    """Return the parameters; `seen` holds the subclasses already visited, in case of a cycle."""
    node = definition.node
    if not isinstance(node, ast.ClassDef):
        return _of_arguments(node.args, bound=False)
    for name in ("__init__", "__new__"):
        if methods := _methods(node, name):
            return _of_arguments(methods[-1].args, bound=True)
    inherited = _inherited(definition, {*seen, node})
    if inherited is not None and any("dataclass" in ast.unparse(d) for d in node.decorator_list):
        return Parameters(inherited.defaults | _fields(node))  # never open: it is generated
    return inherited


def _methods(node: ast.ClassDef, name: str) -> list[ast.FunctionDef]:
    """Return the definitions of a method in a class, without `@overload`s; the last one holds."""
    return [
        each
        for each in statements(node.body)
        if isinstance(each, ast.FunctionDef)
        and each.name == name
        and not any("overload" in ast.unparse(decorator) for decorator in each.decorator_list)
    ]


def _inherited(definition: Definition, seen: set[ast.AST]) -> Parameters | None:
    """Return the parameters of the first base class with a constructor, or NOTHING."""
    module = find_module(definition.module)
    assert isinstance(definition.node, ast.ClassDef)
    for base in definition.node.bases:
        name = ast.unparse(base.value if isinstance(base, ast.Subscript) else base)
        if name == "object":
            continue
        found = None if module is None else _look_up(name, module, set())
        if found is None or not isinstance(found.node, ast.ClassDef) or found.node in seen:
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
