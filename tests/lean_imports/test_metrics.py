"""Lightning comes without scipy, torchvision and matplotlib, which stay there for everyone else."""

from types import SimpleNamespace

import pytest
from lightning_utilities.core import imports

from project.lean_imports.metrics import UNUSED, _execute_without_unused
from tests.lean_imports.new_pythons import modules_after


def test_training_imports_nothing_of_the_unused_and_what_lightning_imports_works() -> None:
    found = modules_after(
        "import project.training.fit, torch, torchmetrics",
        "metric = torchmetrics.MeanMetric()",
        "metric.update(torch.tensor([1.0, 3.0]))",
        "assert metric.compute() == 2",
    )
    assert {"pytorch_lightning", "torchmetrics"} <= found
    assert not found & set(UNUSED)


def test_the_unused_are_there_for_everyone_else() -> None:
    found = modules_after(
        "import project.training.fit",
        "from lightning_utilities.core.imports import RequirementCache, package_available",
        f"for name in {UNUSED}:",
        "    assert package_available(name) and RequirementCache(name)",
        "    __import__(name)",
    )
    assert set(UNUSED) <= found


def test_without_this_projects_help_torchmetrics_brings_them() -> None:
    """Fails on the day when this module is no longer needed."""
    assert set(UNUSED) <= modules_after("import torchmetrics")


def test_another_lightning_utilities_gives_a_plain_import(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(imports, "_version")
    loader = SimpleNamespace(exec_module="plain")
    _execute_without_unused(loader)
    assert loader.exec_module == "plain"
