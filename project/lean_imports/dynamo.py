"""torch._dynamo for those who compile, and for them alone.

Lightning wants of it one class, to know compiled modules by; torch's optimizers tell it what not to
compile and where graphs break. Eager training asks for nothing else, and its 800 modules take as
long to import as torch itself. So a stand-in answers these. Whoever wants more (torch.compile,
torch.export) gets the real one at that moment, and so does whoever holds the stand-in.
"""

import functools
import sys
from collections.abc import Callable, Sequence
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

# Every command imports this file: what only some need is imported with it.
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec

NAME = "torch._dynamo"


def _real() -> Any:
    """The real torch._dynamo, from now on for everyone."""
    from importlib import import_module

    if isinstance(sys.modules.get(NAME), StandIn):
        sys.meta_path.remove(POSTPONEMENT)  # type: ignore[arg-type]
        del sys.modules[NAME]
    return import_module(NAME)


class _Compiled(type):
    """Nothing is a compiled module before the real torch._dynamo is there to compile it."""

    def __instancecheck__(cls, instance: object) -> bool:
        there = sys.modules[NAME]
        return not isinstance(there, StandIn) and isinstance(instance, there.OptimizedModule)


class StandIn(ModuleType):
    """What eager training asks torch._dynamo for, in torch._dynamo's own names."""

    class OptimizedModule(metaclass=_Compiled):
        """For isinstance."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # asked of every module by whoever looks through all of them
            raise AttributeError(name)
        return getattr(_real(), name)

    def graph_break(self, *arguments: Any, **options: Any) -> None:
        """Without a graph there is nothing to break."""

    def disable(self, function: Any = None, *arguments: Any, **options: Any) -> Callable[..., Any]:
        """`function`, which the real torch._dynamo keeps from being compiled once it is there."""
        if not isinstance(function, FunctionType):
            return _real().disable(function, *arguments, **options)
        disabled: Callable[..., Any] | None = None

        @functools.wraps(function)
        def as_long_as_nobody_compiles(*given: Any, **named: Any) -> Any:
            nonlocal disabled
            if disabled is None:
                if isinstance(sys.modules[NAME], StandIn):
                    return function(*given, **named)
                disabled = _real().disable(function, *arguments, **options)
            return disabled(*given, **named)

        return as_long_as_nobody_compiles


class _There:
    """Loads a module that is there already."""

    def __init__(self, module: ModuleType) -> None:
        self.module, self.spec = module, module.__spec__
        module.__spec__ = None  # else importlib would load the module by it, a second time

    def create_module(self, spec: "ModuleSpec") -> ModuleType:
        return self.module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self.spec


class Postponement:
    """A finder of modules that stands before the others until the real torch._dynamo is wanted."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> "ModuleSpec | None":
        if name != NAME and not name.startswith(f"{NAME}."):
            return None
        from importlib.machinery import ModuleSpec, PathFinder

        if name == NAME:
            spec = PathFinder.find_spec(name, path)
            if spec is not None:
                spec.loader = self  # type: ignore[assignment]
            return spec
        # One of its modules. By importing the package it may have been imported as well.
        _real()
        there = sys.modules.get(name)
        return there and ModuleSpec(name, _There(there))  # type: ignore[arg-type]

    def create_module(self, spec: "ModuleSpec") -> ModuleType:
        return StandIn(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """A stand-in is complete as it is."""


POSTPONEMENT = Postponement()


def install() -> None:
    """For this process; without effect once torch._dynamo has been imported."""
    sys.meta_path.insert(0, POSTPONEMENT)  # type: ignore[arg-type]
