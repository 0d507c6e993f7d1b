"""Finds, parses and indexes the source of Python modules without importing them.

So a command refuses an unknown key before torch is imported, and executes no foreign code.
"""

import ast
import functools
import importlib.util
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from importlib.machinery import PathFinder
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
PLACES = ("stdlib", "platstdlib", "purelib", "platlib")
INSTALLED = [Path(sysconfig.get_path(place)) for place in PLACES]


def module_path(name: str) -> Path | None:
    """Return the .py file of a module, without importing its parents; None if there is none."""
    top, *rest = name.split(".")
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None
    for part in rest:
        if spec is None or spec.submodule_search_locations is None:
            return None
        spec = PathFinder.find_spec(part, spec.submodule_search_locations)
    origin = spec.origin if spec is not None and spec.has_location else None
    return Path(origin) if origin is not None and origin.endswith(".py") else None


def split_module(dotted: str) -> tuple[str, str] | None:
    """Split a dotted name after the longest part that is a module; None if no part is one."""
    parts = dotted.split(".")
    for number in range(len(parts) - 1, 0, -1):
        if module_path(name := ".".join(parts[:number])) is not None:
            return name, ".".join(parts[number:])
    return None


def place_in_project(path: Path) -> Path | None:
    """Return the path of a file relative to the package `project`; None if it is not inside."""
    path = path.resolve()
    return path.relative_to(PROJECT) if path.is_relative_to(PROJECT) else None


def is_own(path: Path) -> bool:
    """Return whether a file is the project's or the user's, not a library's or Python's own."""
    if place_in_project(path) is not None:
        return True
    # Links are not resolved: an installed package may be a link to another place.
    path = path.absolute()
    if any(path.is_relative_to(place) for place in INSTALLED):
        return False
    return not {"site-packages", "dist-packages"}.intersection(path.parts)


def is_standard_library(module: str) -> bool:
    """Return whether a module belongs to Python's standard library, by its topmost package."""
    return module.partition(".")[0] in sys.stdlib_module_names


def statements(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements of a module or class, including those in `if`, `try` and `with`."""
    for statement in body:
        yield statement
        if isinstance(statement, ast.If | ast.Try | ast.With):
            yield from statements(statement.body)
        if isinstance(statement, ast.If | ast.Try):
            yield from statements(statement.orelse)
        if isinstance(statement, ast.Try):
            for handler in statement.handlers:
                yield from statements(handler.body)
            yield from statements(statement.finalbody)


class Imports:
    """The names that the import statements among some syntax nodes of a module define."""

    def __init__(self, nodes: Iterator[ast.AST], module: str, path: Path) -> None:
        # The dotted names that a name may stand for; modules that are imported under their own
        # names (`import a.b`); modules from which `*` is imported.
        self.names: dict[str, list[str]] = {}
        self.packages: list[str] = []
        self.stars: list[str] = []
        for node in nodes:
            if isinstance(node, ast.ImportFrom):
                source = _absolute(node, module, path)
                for alias in node.names:
                    if alias.name == "*":
                        self.stars.append(source)
                    else:
                        target = ".".join(filter(None, [source, alias.name]))
                        self.names.setdefault(alias.asname or alias.name, []).append(target)
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    if alias.asname is not None:
                        self.names.setdefault(alias.asname, []).append(alias.name)
                    else:
                        self.packages.append(alias.name)

    def resolve(self, name: str) -> Iterator[str]:
        """Yield the full dotted names that `name`, as written in the module, may stand for."""
        first, _, rest = name.partition(".")
        for target in self.names.get(first, ()):
            yield ".".join(filter(None, [target, rest]))
        for package in self.packages:
            if name.startswith(f"{package}."):
                yield name
        for source in self.stars:
            # A compiled module has no source; the name would be looked up in its package instead.
            if module_path(source) is not None:
                yield f"{source}.{name}"


class Module:
    """The parsed source of a module; `bound` has the statements that define each name."""

    def __init__(self, name: str, path: Path, tree: ast.Module) -> None:
        self.name, self.path, self.tree = name, path, tree
        self.bound: dict[str, list[ast.stmt]] = {}
        for statement in statements(tree.body):
            for each in _binds(statement):
                self.bound.setdefault(each, []).append(statement)

    @functools.cached_property
    def imports(self) -> Imports:
        """The imports of the module itself, without those in functions and classes."""
        return Imports(statements(self.tree.body), self.name, self.path)

    @functools.cached_property
    def all_imports(self) -> Imports:
        """All imports, including those in functions and classes."""
        return Imports(ast.walk(self.tree), self.name, self.path)


def find_module(name: str) -> Module | None:
    """Return the source of a module, read again if its file has changed; None if not readable."""
    path = module_path(name)
    if path is None:
        return None
    state = path.stat()
    return _read(name, path, state.st_mtime_ns, state.st_size)


@functools.lru_cache(maxsize=512)
def _read(name: str, path: Path, modified: int, size: int) -> Module | None:
    try:
        return Module(name, path, ast.parse(path.read_bytes()))
    except (OSError, SyntaxError, ValueError):
        return None


def _binds(statement: ast.stmt) -> set[str]:
    """Return the names that a statement of a module defines; imports are ignored."""
    if isinstance(statement, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return {statement.name}
    # `torch.backends.x = y` and `REGISTRY["x"] = y` bind no name.
    return {
        node.id
        for target in assigned(statement)
        for node in ast.walk(target)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }


def assigned(statement: ast.stmt) -> list[ast.expr]:
    """Return the targets of an assignment; none of any other statement."""
    if isinstance(statement, ast.Assign):
        return statement.targets
    return [statement.target] if isinstance(statement, ast.AnnAssign | ast.AugAssign) else []


def _absolute(statement: ast.ImportFrom, module: str, path: Path) -> str:
    """Return the dotted name of the module from which `statement`, in `module`, imports."""
    if not statement.level:
        return statement.module or ""
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    package = package[: len(package) - statement.level + 1]
    return ".".join([*package, *filter(None, [statement.module])])
