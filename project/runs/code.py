"""Fingerprints of the code that decides a run's result, read without importing it.

From every class that a configuration names (`_target_`) the definitions are followed that can be
reached by name: base classes, functions, constants, in this project's tasks, data and models and in
the user's own modules. Each is hashed by its syntax tree without comments, docstrings and empty
fields, so that formatting changes nothing and Python versions agree. Installed libraries count by
their versions, which a run records beside this.
"""

import ast
import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from project.config import source

PROJECT = Path(__file__).resolve().parents[1]
# Of this project, what decides results and is named by configurations.
DECIDING = ("tasks", "data", "models", "framework", "disk")
# Where data files come from: what they hold is held against their SHA-256.
NOT_DECIDING = ("data/fetching.py", "data/mnist_files.py")
# What trains them: another version of it is said, and refused nowhere.
PLATFORM = ("seeding.py", "config/instantiate.py", "training")


def fingerprint(targets: Iterable[str]) -> dict[str, Any]:
    """Return the fingerprints of the code behind dotted names.

    Args:
        targets: Names of classes or functions, as in `_target_`.

    Returns:
        `definitions`: a SHA-256 by dotted name; `digest`: one over all of them; `platform`: one
        over the code of this project that trains whatever is named.
    """
    definitions = _Reachable(targets).hashes()
    return {
        "digest": _digest(definitions),
        "platform": _platform_digest(),
        "definitions": definitions,
    }


class KeptFingerprints:
    """Fingerprints that are taken once: all jobs of a sweep are of one state of the code."""

    def __init__(self) -> None:
        self._taken: dict[tuple[str, ...], dict[str, Any]] = {}

    def __call__(self, targets: tuple[str, ...]) -> dict[str, Any]:
        """Return the fingerprint of these targets; see `fingerprint`."""
        if targets not in self._taken:
            self._taken[targets] = fingerprint(targets)
        return self._taken[targets]


def targets_of(node: Any) -> list[str]:
    """Return every `_target_` in a configuration, and functions that it names, sorted."""
    found: set[str] = set()
    _collect(node, found)
    return sorted(found)


def _collect(node: Any, found: set[str]) -> None:
    if isinstance(node, dict):
        for key, value in node.items():
            if key in ("_target_", "prepare") and isinstance(value, str):
                found.add(value)
            _collect(value, found)
    elif isinstance(node, list):
        for value in node:
            _collect(value, found)


def changed_definitions(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Name the definitions in which two fingerprints differ."""
    old, new = before.get("definitions", {}), now.get("definitions", {})
    return sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))


def file_of(definition: str) -> Path | None:
    """Return the file in which a definition of a fingerprint stands now."""
    return source.module_path(definition.partition(":")[0])


def _digest(hashes: dict[str, str]) -> str:
    return hashlib.sha256(json.dumps(hashes, sort_keys=True).encode()).hexdigest()


def _platform_digest() -> str:
    files = []
    for name in PLATFORM:
        path = PROJECT / name
        files += sorted(path.rglob("*.py")) if path.is_dir() else [path]
    hashes = {}
    for path in files:
        tree = source.parse(path)
        if tree is not None:
            hashes[str(path.relative_to(PROJECT))] = _sha256(tree.body)
    return _digest(hashes)


def _decides(module: str, path: Path) -> bool:
    if path.is_relative_to(PROJECT):
        place = path.relative_to(PROJECT)
        return place.parts[0] in DECIDING and place.as_posix() not in NOT_DECIDING
    return source.is_own(path) and not source.is_standard_library(module)


class _Module:
    """A module's definitions and imports by the names that they bind."""

    def __init__(self, name: str, path: Path, tree: ast.Module) -> None:
        self.name, self.path, self.tree = name, path, tree
        self.bound: dict[str, list[ast.stmt]] = {}
        for statement in source.statements(tree.body):
            for each in _binds(statement):
                self.bound.setdefault(each, []).append(statement)
        # Imports inside of functions count too.
        self._imports = [
            each for each in ast.walk(tree) if isinstance(each, ast.Import | ast.ImportFrom)
        ]

    def imported(self, name: str) -> Iterator[str]:
        """Yield the dotted names that `name` may stand for by the module's imports."""
        first, _, rest = name.partition(".")
        for statement in self._imports:
            if isinstance(statement, ast.ImportFrom):
                package = source.absolute_module(statement, self.name, self.path)
                for alias in statement.names:
                    if alias.name == "*":
                        yield f"{package}.{first}"
                    elif (alias.asname or alias.name) == first:
                        yield ".".join(filter(None, [package, alias.name, rest]))
                continue
            for alias in statement.names:
                if alias.asname == first and rest:
                    yield f"{alias.name}.{rest}"
                elif alias.asname is None and name.startswith(f"{alias.name}."):
                    yield name


class _Reachable:
    """Follows names from definition to definition."""

    def __init__(self, targets: Iterable[str]) -> None:
        self._seen: dict[str, str] = {}
        self._modules: dict[str, _Module | None] = {}
        for target in targets:
            self._visit_dotted(target)

    def hashes(self) -> dict[str, str]:
        """Return the SHA-256 of each definition, by `module:name`."""
        return dict(sorted(self._seen.items()))

    def _module(self, name: str) -> _Module | None:
        """Return a module that decides results; None for any other."""
        if name not in self._modules:
            path = source.module_path(name)
            tree = source.parse(path) if path is not None and _decides(name, path) else None
            module = None if path is None or tree is None else _Module(name, path, tree)
            self._modules[name] = module
            if module is not None:
                self._visit_effects(module)
        return self._modules[name]

    def _visit_dotted(self, dotted: str) -> None:
        parts = dotted.split(".")
        for split in range(len(parts) - 1, 0, -1):
            name = ".".join(parts[:split])
            if source.module_path(name) is not None:
                module = self._module(name)
                if module is not None:
                    self._visit(module, parts[split])
                return

    def _visit(self, module: _Module, name: str) -> None:
        """Hash what `name` means in a module, and all that it leads to."""
        bound = module.bound.get(name)
        if bound is None:
            for target in module.imported(name):
                if target.partition(".")[0] != target:
                    self._visit_dotted(target)
            return
        key = f"{module.name}:{name}"
        if key not in self._seen:
            self._seen[key] = _sha256(bound)
            for statement in bound:
                self._follow(statement, module)

    def _visit_effects(self, module: _Module) -> None:
        """Statements that bind no name run too when the module is imported."""
        effects = [each for each in module.tree.body if _is_effect(each)]
        if effects:
            self._seen[f"{module.name}:"] = _sha256(effects)
            for statement in effects:
                self._follow(statement, module)

    def _follow(self, node: ast.AST, module: _Module) -> None:
        for name in sorted(_names(node)):
            if (first := name.partition(".")[0]) in module.bound:
                self._visit(module, first)
            else:
                for target in module.imported(name):
                    self._visit_dotted(target)


def _binds(statement: ast.stmt) -> set[str]:
    """Return the names that a statement of a module defines; an import defines none here."""
    if isinstance(statement, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return {statement.name}
    targets: list[ast.expr] = []
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, ast.AnnAssign | ast.AugAssign):
        targets = [statement.target]
    return {
        node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)
    }


def _is_effect(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Expr):
        return not isinstance(statement.value, ast.Constant)
    return isinstance(statement, ast.For | ast.While | ast.With | ast.Delete)


def _names(node: ast.AST) -> set[str]:
    """Return the names that are used in a tree, as dotted as they are written."""
    found = set()
    for each in ast.walk(node):
        if isinstance(each, ast.Name):
            found.add(each.id)
        elif isinstance(each, ast.Attribute):
            chain = _chain(each)
            if chain is not None:
                found.add(chain)
    return found


def _chain(node: ast.Attribute) -> str | None:
    parts = [node.attr]
    value = node.value
    while isinstance(value, ast.Attribute):
        parts.append(value.attr)
        value = value.value
    return ".".join([value.id, *reversed(parts)]) if isinstance(value, ast.Name) else None


def _sha256(statements: list[ast.stmt]) -> str:
    return hashlib.sha256(json.dumps(_plain(statements)).encode()).hexdigest()


def _plain(node: Any) -> Any:
    """Return a syntax tree as lists, without docstrings and empty fields."""
    if isinstance(node, list):
        return [_plain(each) for each in node]
    if isinstance(node, ast.AST):
        fields = [type(node).__name__]
        for name, value in ast.iter_fields(node):
            if name in ("type_comment", "kind", "ctx"):
                continue
            if name == "body" and isinstance(value, list):
                value = _without_docstring(value)
            if value not in (None, []):
                fields.append([name, _plain(value)])
        return fields
    return node if isinstance(node, str | int | bool) or node is None else repr(node)


def _without_docstring(body: list[Any]) -> list[Any]:
    first = body[0] if body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        return body[1:] if isinstance(first.value.value, str) else body
    return body
