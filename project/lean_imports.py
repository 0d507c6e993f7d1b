"""Lightning without what torchmetrics brings along and nobody here uses: imported in 2/3 the time.

Lightning imports torchmetrics, which imports scipy.signal, torchvision and matplotlib wherever they
are installed, for metrics of sounds and images. While it is imported it is told that they are not.
For everyone else nothing changes; torchmetrics alone will say, in this process, that its image
metrics and plots miss them.
"""

import importlib.util
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

UNUSED = ("matplotlib", "scipy", "torchvision")


class LeanTorchmetrics:
    """A finder of modules that stands before the others until torchmetrics is asked for."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != "torchmetrics":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            _execute_without_unused(spec.loader)
        return spec


def _execute_without_unused(loader: Any) -> None:
    """What torchmetrics wants to know of other packages it asks lightning_utilities."""
    from importlib.metadata import PackageNotFoundError

    from lightning_utilities.core import imports

    execute = loader.exec_module

    def version(package: str) -> str:
        if package in UNUSED:
            raise PackageNotFoundError(package)
        return known["_version"](package)

    def find_spec(name: str) -> ModuleSpec | None:
        return None if name.partition(".")[0] in UNUSED else known["find_spec"](name)

    answers = {"_version": version, "find_spec": find_spec}
    known = {name: getattr(imports, name) for name in answers if hasattr(imports, name)}

    def execute_lean(module: ModuleType) -> None:
        _forget()
        for name in known:
            setattr(imports, name, answers[name])
        try:
            execute(module)
        finally:
            for name, answer in known.items():
                setattr(imports, name, answer)
            _forget()

    def _forget() -> None:
        imports.package_available.cache_clear()
        imports.module_available.cache_clear()

    if len(known) == len(answers):
        loader.exec_module = execute_lean


def install() -> None:
    """For this process; without effect once torchmetrics has been imported."""
    sys.meta_path.insert(0, LeanTorchmetrics())  # type: ignore[arg-type]
