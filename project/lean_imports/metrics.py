"""Lightning without what torchmetrics brings along and nobody here uses: imported in 2/3 the time.

Lightning imports torchmetrics, which imports scipy.signal, torchvision and matplotlib wherever they
are installed, for metrics of sounds and images. While it is imported it is told that they are not.
For everyone else nothing changes; torchmetrics alone will say, in this process, that its image
metrics and plots miss them.
"""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

# Every command imports this file: what only torchmetrics' import needs is imported with it.
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import ModuleType

UNUSED = ("matplotlib", "scipy", "torchvision")


class LeanTorchmetrics:
    """A finder of modules that stands before the others until torchmetrics is asked for."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: "ModuleType | None" = None
    ) -> "ModuleSpec | None":
        if name != "torchmetrics":
            return None
        from importlib.util import find_spec

        sys.meta_path.remove(self)
        spec = find_spec(name)
        if spec is not None and spec.loader is not None:
            _execute_without_unused(spec.loader)
        return spec


def _execute_without_unused(loader: Any) -> None:
    """What torchmetrics wants to know of other packages it asks lightning_utilities."""
    from importlib.metadata import PackageNotFoundError

    from lightning_utilities.core import imports

    if not (hasattr(imports, "_version") and hasattr(imports, "find_spec")):
        return
    execute, version, find_spec = loader.exec_module, imports._version, imports.find_spec

    def lean_version(package: str) -> str:
        if package in UNUSED:
            raise PackageNotFoundError(package)
        return version(package)

    def lean_find_spec(name: str) -> "ModuleSpec | None":
        return None if name.partition(".")[0] in UNUSED else find_spec(name)

    def answer_with(**functions: Any) -> None:
        vars(imports).update(functions)
        imports.package_available.cache_clear()
        imports.module_available.cache_clear()

    def execute_lean(module: "ModuleType") -> None:
        answer_with(_version=lean_version, find_spec=lean_find_spec)
        try:
            execute(module)
        finally:
            answer_with(_version=version, find_spec=find_spec)

    loader.exec_module = execute_lean


def install() -> None:
    """For this process; without effect once torchmetrics has been imported."""
    sys.meta_path.insert(0, LeanTorchmetrics())  # type: ignore[arg-type]
