"""Fingerprints of the code that decides a run's result, read without importing it.

From each class that a configuration names, all definitions are followed that it uses by name in
DECIDING and in the user's modules. Libraries are known by their versions.
"""

import ast
import functools
import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from project.config.constructors import constructor_parameters, find_definition
from project.config.identity import walk
from project.config.source import (
    PROJECT,
    Module,
    assigned,
    find_module,
    is_own,
    is_standard_library,
    module_path,
    place_in_project,
    split_module,
)

# Packages of this project that decide results and are named by configurations.
DECIDING = ("tasks", "data", "models", "framework", "disk")
# Code that fetches data files; their content is checked by SHA-256 instead.
NOT_DECIDING = ("data/fetching.py", "data/mnist_files.py")
# Code that trains: another version of it leads to a notice, but is never refused.
PLATFORM = ("seeding.py", "config/instantiate.py", "training")


def fingerprint(targets: Iterable[str]) -> dict[str, Any]:
    """Return the fingerprints of the code behind dotted names of classes or functions.

    They are the SHA-256 of each of the `definitions`, by `module:name`; the `digest` of all of
    them; and that of the `platform`, the files in PLATFORM.
    """
    found = dict(_definitions(tuple(sorted(set(targets)))))
    return {"digest": _sha256(found), "platform": _platform_digest(), "definitions": found}


def targets_of(node: Any) -> list[str]:
    """Return the values of all keys `_target_` and `prepare` in a configuration, sorted."""
    named = ("_target_", "prepare")
    return sorted({each for _, key, each in walk(node) if key in named and isinstance(each, str)})


def changed_definitions(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Return the names of the definitions that differ between two fingerprints, sorted."""
    old, new = before.get("definitions", {}), now.get("definitions", {})
    return sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))


def clear_cache() -> None:
    """Clear what this process has read of the code, so that the files are read again."""
    for cached in (find_definition, constructor_parameters, _definitions, _platform_digest):
        cached.cache_clear()


# A sweep of a thousand runs asks for the same few fingerprints a thousand times.
@functools.lru_cache(maxsize=256)
def _definitions(targets: tuple[str, ...]) -> dict[str, str]:
    return dict(sorted(_Reachable(targets).hashes.items()))


@functools.cache
def _platform_digest() -> str:
    hashes = {}
    for name in PLATFORM:
        for path in sorted((PROJECT / name).rglob("*.py")) or [PROJECT / name]:
            tree = ast.parse(path.read_bytes())
            hashes[str(path.relative_to(PROJECT))] = _sha256(_plain(tree.body))
    return _sha256(hashes)


def _decides(module: str, path: Path) -> bool:
    if (place := place_in_project(path)) is not None:
        return place.parts[0] in DECIDING and place.as_posix() not in NOT_DECIDING
    return is_own(path) and not is_standard_library(module)


class _Reachable:
    """Collects in `hashes` the SHA-256 of each definition that can be reached from dotted names."""

    def __init__(self, targets: Iterable[str]) -> None:
        self.hashes: dict[str, str] = {}
        self._modules: dict[str, Module | None] = {}
        self._visited: set[str] = set()
        for target in targets:
            self._visit_dotted(target)

    def _module(self, name: str) -> Module | None:
        """Return a module that decides results; None for any other."""
        if name not in self._modules:
            path = module_path(name)
            module = find_module(name) if path is not None and _decides(name, path) else None
            self._modules[name] = module
            if module is not None:
                effects = [each for each in module.tree.body if _has_effect(each)]
                self._add(f"{name}:", effects, module)
        return self._modules[name]

    def _visit_dotted(self, dotted: str) -> None:
        """Follow the first name after the longest part of `dotted` that is a module."""
        if dotted in self._visited:  # modules may import from each other in a circle
            return
        self._visited.add(dotted)
        # Names in a module are followed where they are used.
        if module_path(dotted) is None and (split := split_module(dotted)) is not None:
            name, rest = split
            if (module := self._module(name)) is not None:
                self._visit(module, rest.partition(".")[0])

    def _visit(self, module: Module, name: str) -> None:
        """Hash what `name` means in a module, and everything that this definition uses."""
        if (bound := module.bound.get(name)) is not None:
            self._add(f"{module.name}:{name}", bound, module)
            return
        for target in module.all_imports.resolve(name):
            self._visit_dotted(target)

    def _add(self, key: str, nodes: Sequence[ast.stmt], module: Module) -> None:
        if key in self.hashes or not nodes:
            return
        self.hashes[key] = _sha256(_plain(list(nodes)))
        for node in nodes:
            for name in sorted(filter(None, {_dotted(each) for each in ast.walk(node)})):
                first = name.partition(".")[0]
                self._visit(module, first if first in module.bound else name)


def _has_effect(statement: ast.stmt) -> bool:
    """Return whether a statement at the top of a module does more than define or import names."""
    if isinstance(statement, ast.If):
        test = ast.unparse(statement.test)
        if test in ("TYPE_CHECKING", "typing.TYPE_CHECKING", "__name__ == '__main__'"):
            return False
        return not _only_imports([*statement.body, *statement.orelse])
    if isinstance(statement, ast.Try):
        handled = [each for handler in statement.handlers for each in handler.body]
        parts = [*statement.body, *handled, *statement.orelse, *statement.finalbody]
        return not _only_imports(parts)
    if targets := assigned(statement):
        return any(isinstance(each, ast.Attribute | ast.Subscript) for each in targets)
    definitions = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return not isinstance(statement, definitions) and not _only_imports([statement])


def _only_imports(body: Sequence[ast.stmt]) -> bool:
    return all(_is_idle(each) or isinstance(each, ast.Import | ast.ImportFrom) for each in body)


def _is_idle(node: Any) -> bool:
    """Return whether a statement does nothing: `pass`, or a constant such as a docstring."""
    is_constant = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return is_constant or isinstance(node, ast.Pass)


def _dotted(node: ast.AST) -> str | None:
    """Return a name with its attributes, as `a.b.c` is written; None for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (inner := _dotted(node.value)) is not None:
        return f"{inner}.{node.attr}"
    return None


def _sha256(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _plain(node: Any) -> Any:
    """Return a syntax tree as lists, without docstrings and empty fields."""
    if isinstance(node, list):
        return [_plain(each) for each in node if not _is_idle(each)]
    if isinstance(node, ast.AST):
        fields: list[Any] = [type(node).__name__]
        for name, value in ast.iter_fields(node):
            plain = None if name in ("type_comment", "kind", "ctx") else _plain(value)
            if plain not in (None, []):
                fields.append([name, plain])
        return fields
    return node if isinstance(node, str | int | bool) or node is None else repr(node)
