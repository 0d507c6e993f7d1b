"""Where a dotted name is defined, and what its constructor takes: found by reading, not importing.

`torch.optim.SGD` is found in the file that holds its `class SGD`, through the re-exports of the
packages on the way. So a command can refuse a key that a class lacks within milliseconds, before
torch is imported, and a run's identity can be known without running anybody's code.
"""

import ast
import functools
import importlib.util
import os
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MAX_HOPS = 20  # re-exports and base classes that are followed


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
    def name(self) -> str:
        """The dotted name of the definition itself, without re-exports."""
        return f"{self.module}.{self.node.name}"


@dataclass(frozen=True)
class Parameters:
    """What a constructor takes.

    Attributes:
        defaults: By parameter name, the default's literal value, NOT_LITERAL or REQUIRED.
        open: Whether it takes any further keyword (`**kwargs`).
    """

    defaults: dict[str, Any] = field(default_factory=dict)
    open: bool = False


def find_definition(dotted: str) -> Definition | None:
    """Find the class or function that `dotted` names; None where reading cannot tell."""
    return _find(dotted, MAX_HOPS)


def constructor_parameters(dotted: str) -> Parameters | None:
    """Return what the class or function `dotted` takes; None where reading cannot tell."""
    definition = find_definition(dotted)
    return None if definition is None else _parameters(definition, MAX_HOPS)


def is_own(path: Path) -> bool:
    """Whether the file is this project's or the user's, and not the standard library or installed."""
    path = Path(os.path.abspath(path))
    if path.is_relative_to(Path(__file__).parents[1]):
        return True
    places = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    if any(path.is_relative_to(place) for place in places):
        return False
    return not {"site-packages", "dist-packages"}.intersection(path.parts)


def module_path(name: str) -> Path | None:
    """Return the file of a module, without importing its parents; None if there is none."""
    top, *rest = name.split(".")
    folders: list[str] | None
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    origin = spec.origin if spec.has_location else None
    folders = list(spec.submodule_search_locations or [])
    for part in rest:
        places = [Path(folder, part) for folder in folders]
        package = next((place for place in places if (place / "__init__.py").is_file()), None)
        module = next((place for place in places if place.with_suffix(".py").is_file()), None)
        if package is not None:
            origin, folders = str(package / "__init__.py"), [str(package)]
        elif module is not None:
            origin, folders = str(module.with_suffix(".py")), []
        else:
            found = [str(place) for place in places if place.is_dir()]
            if not found:
                return None
            origin, folders = None, found
    return Path(origin) if origin is not None and origin.endswith(".py") else None


def parse(path: Path) -> ast.Module | None:
    """Return the syntax tree of a file, read anew when it has changed; None if it is no Python."""
    try:
        state = path.stat()
    except OSError:
        return None
    return _parse(path, state.st_mtime_ns, state.st_size)


@functools.lru_cache(maxsize=512)
def _parse(path: Path, modified: int, size: int) -> ast.Module | None:
    try:
        return ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return None


def statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements of a module, those inside of `if` and `try` too."""
    for statement in body:
        yield statement
        if isinstance(statement, ast.If | ast.Try):
            yield from statements(statement.body)
            yield from statements(statement.orelse)
        if isinstance(statement, ast.Try):
            for handler in statement.handlers:
                yield from statements(handler.body)


def absolute_module(statement: ast.ImportFrom, module: str, path: Path) -> str:
    """Return the dotted name of the module from which `statement`, in `module`, imports."""
    if not statement.level:
        return statement.module or ""
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    package = package[: len(package) - statement.level + 1]
    return ".".join([*package, *filter(None, [statement.module])])


def look_up(name: str, module: str, path: Path, hops: int = MAX_HOPS) -> Definition | None:
    """Find what `name` (dotted or not) means inside of the module at `path`."""
    tree = parse(path)
    if tree is None or hops <= 0:
        return None
    first, _, rest = name.partition(".")
    stars = []
    for statement in statements(tree.body):
        if isinstance(statement, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            if statement.name == name:
                return Definition(module, statement, path)
        elif isinstance(statement, ast.ImportFrom):
            source = absolute_module(statement, module, path)
            for alias in statement.names:
                if alias.name == "*":
                    stars.append(source)
                elif (alias.asname or alias.name) == first:
                    target = ".".join(filter(None, [source, alias.name, rest]))
                    return _find(target, hops - 1)
        elif isinstance(statement, ast.Import):
            for alias in statement.names:
                if alias.asname == first and rest:
                    return _find(f"{alias.name}.{rest}", hops - 1)
                if alias.asname is None and name.startswith(f"{alias.name}."):
                    return _find(name, hops - 1)
        elif isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Name):
            if any(isinstance(each, ast.Name) and each.id == name for each in statement.targets):
                return look_up(statement.value.id, module, path, hops - 1)
    for source in stars:
        if (found := _find(f"{source}.{name}", hops - 1)) is not None:
            return found
    return None


def _find(dotted: str, hops: int) -> Definition | None:
    parts = dotted.split(".")
    if hops <= 0 or not all(part.isidentifier() for part in parts):
        return None
    for split in range(len(parts) - 1, 0, -1):
        module = ".".join(parts[:split])
        path = module_path(module)
        if path is not None:
            return look_up(".".join(parts[split:]), module, path, hops)
    return None


def _parameters(definition: Definition, hops: int) -> Parameters | None:
    node = definition.node
    if not isinstance(node, ast.ClassDef):
        return _of_arguments(node.args, bound=False)
    for statement in statements(node.body):
        if isinstance(statement, ast.FunctionDef) and statement.name == "__init__":
            return _of_arguments(statement.args, bound=True)
    inherited = Parameters()
    if hops > 0:
        for base in node.bases:
            name = ast.unparse(base)
            found = look_up(name, definition.module, definition.path)
            if found is not None and found.node is not node:
                taken = _parameters(found, hops - 1)
                if taken is None:
                    return None
                inherited = taken
                break
            if name != "object":
                return None
    if any("dataclass" in ast.unparse(decorator) for decorator in node.decorator_list):
        return Parameters(inherited.defaults | _fields(node), inherited.open)
    return inherited


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
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)
    }


def _literal(default: ast.expr | None) -> Any:
    if default is None:
        return REQUIRED
    try:
        return ast.literal_eval(default)
    except ValueError:
        return NOT_LITERAL


def is_standard_library(module: str) -> bool:
    """Whether the topmost package of `module` belongs to Python itself."""
    return module.partition(".")[0] in sys.stdlib_module_names
