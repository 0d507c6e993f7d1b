"""Checks which classes a stored configuration names, before any of them is imported.

Classes of this project, torch, torchvision, torchmetrics and Lightning are trusted in the sections
where they belong, the user's own if their source is the one that the run recorded.
"""

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from project.config.constructors import Definition, constructor_parameters, find_definition
from project.config.errors import ConflictError
from project.config.identity import walk
from project.config.source import (
    is_own,
    is_standard_library,
    module_path,
    place_in_project,
    split_module,
)

# Library packages that classes of a section may come from; NESTED is for objects in arguments.
NESTED = "nested"
LIBRARIES: dict[str, tuple[str, ...]] = {
    "model": ("torch.nn", "torchvision.models", "torchvision.ops"),
    "optimizer": ("torch.optim",),
    "scheduler": ("torch.optim.lr_scheduler", "torch.optim.swa_utils"),
    "augmentation": ("torch.nn", "torchvision.transforms"),
    NESTED: (
        "torch.nn", "torchvision.models", "torchvision.ops", "torchvision.transforms",
        "torchmetrics.aggregation", "torchmetrics.classification", "torchmetrics.regression",
    ),
}  # fmt: skip
PARTS: dict[str, tuple[str, ...]] = {
    "model": ("project.models", "project.framework.nets"),
    "task": ("project.tasks",),
    "data": ("project.data",),
    "optimizer": ("project.training", "project.framework.optimizers"),
    "scheduler": ("project.training.schedulers",),
    "augmentation": ("project.data.augmentation",),
    NESTED: ("project.models", "project.data.augmentation"),
}
# Trusted callbacks: they can change the result. Others write files wherever they are told to.
CALLBACKS = {
    "project.training.best_checkpoint.BestCheckpoint",
    "project.training.ema.EMA",
    "pytorch_lightning.callbacks.early_stopping.EarlyStopping",
    "pytorch_lightning.callbacks.gradient_accumulation_scheduler.GradientAccumulationScheduler",
    "pytorch_lightning.callbacks.stochastic_weight_avg.StochasticWeightAveraging",
}
# Where a function is trusted too, and the parameter that it must have.
FUNCTIONS = {"scheduler": "optimizer", "prepare": "section"}
# Keys with which tools such as Hydra change what a section calls, and how.
FORBIDDEN_KEYS = ("_args_", "_partial_", "_convert_", "_recursive_", "_execution_whitelist_")


@dataclass(frozen=True)
class CodeOnRecord:
    """The hashes of recorded and of present definitions, and the run's output folder."""

    recorded: Mapping[str, str]
    now: Mapping[str, str]
    outputs: Path


def check_trusted(sections: Mapping[str, Any], code: CodeOnRecord) -> None:
    """Raise ConflictError if sections of a stored configuration, by name, are not to be trusted.

    That is, they name code that is not trusted, or have a forbidden key or value.
    """
    for kind, section in sections.items():
        for place, key, value in walk(section, kind):
            if (reason := _reason(place, key, value, kind, code)) is not None:
                raise ConflictError(
                    f"the stored configuration has {place}={value!r}, which {reason}; if you trust "
                    "it, pass trust_code=true"
                )


def _reason(place: str, key: str, value: Any, kind: str, code: CodeOnRecord) -> str | None:
    """Return why a value is not trusted; None if it is."""
    if key in FORBIDDEN_KEYS:
        return "is not allowed in a stored configuration"
    if isinstance(value, str) and "${" in value:
        return "is an interpolation, which could run a resolver"
    if key == "_target_":
        is_top = place.count(".") == (2 if kind == "callbacks" else 1)
        return _why_not(value, kind if is_top else NESTED, code)
    if place == "data.prepare" and value is not None:
        return _why_not(value, "prepare", code)
    return None


def _why_not(target: Any, kind: str, code: CodeOnRecord) -> str | None:
    """Return why the class or function `target` is not trusted in a section; None if it is."""
    definition = find_definition(target) if isinstance(target, str) else None
    split = split_module(target) if definition is not None else None
    if definition is None or split is None:
        return "names nothing that can be found"
    # The module that will be imported; it may re-export what another module defines.
    if (reason := _why_not_imported(split[0], code)) is not None:
        return reason
    if not isinstance(definition.node, ast.ClassDef):
        parameters = constructor_parameters(target)
        if parameters is None or FUNCTIONS.get(kind) not in parameters.defaults:
            return "is not a class"
    elif kind == "prepare":
        return "is not a function that prepares data"
    in_project = place_in_project(definition.path) is not None
    if kind == "callbacks":
        if f"{definition.module}.{definition.node.name}" in CALLBACKS:
            return None
    elif in_project:
        kind = "data" if kind == "prepare" else kind
        trusted = _is_within(definition.module, PARTS[kind])
        return None if trusted else f"does not belong in {kind}"
    if is_own(definition.path) and not in_project:
        return _why_not_own(definition, code)
    if _is_within(definition.module, LIBRARIES.get(kind, ())):
        return None
    return f"is not one of the classes that belong in {kind}"


def _is_within(module: str, packages: tuple[str, ...]) -> bool:
    return any(f"{module}.".startswith(f"{package}.") for package in packages)


def _why_not_imported(module: str, code: CodeOnRecord) -> str | None:
    """Return why importing a module is not trusted; None if it is."""
    path = module_path(module)
    assert path is not None  # a definition has been found in it
    if place_in_project(path) is not None:
        return None
    if not is_own(path) or is_standard_library(module):
        trusted = {package.partition(".")[0] for each in LIBRARIES.values() for package in each}
        if module.partition(".")[0] in {*trusted, "pytorch_lightning"}:
            return None
        return "belongs to neither this project, torch, torchvision, Lightning nor your own modules"
    path, working = path.resolve(), Path.cwd().resolve()
    if path.is_relative_to(code.outputs.resolve()):
        return "lies in the output folder"
    if not path.is_relative_to(working):
        return "does not lie under the working directory"
    below = [each for each in path.parents if each != working and each.is_relative_to(working)]
    if any(True for folder in below for _ in folder.glob("runs/*/seed_*/run.json")):
        return "lies in an output folder"
    return None


def _why_not_own(definition: Definition, code: CodeOnRecord) -> str | None:
    if (reason := _why_not_imported(definition.module, code)) is not None:
        return reason
    name = f"{definition.module}:{definition.node.name}"
    if code.recorded.get(name) is None or code.recorded[name] != code.now.get(name):
        return "is not the code here that the run recorded"
    return None
