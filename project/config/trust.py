"""A stored configuration is data: what it may name before anything that it names is built.

Whoever gets a run directory from somebody else opens a file that names classes. Only classes of this
project, torch, torchvision and Lightning are built from it, and those of the user's own modules whose
source here is what the run recorded. Nothing is imported to find that out.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from project.config import source
from project.config.errors import ConflictError

PROJECT = Path(__file__).resolve().parents[1]
LIBRARIES = ("torch", "torchvision", "pytorch_lightning", "torchmetrics")
# Of this project, what configurations name.
OWN_PARTS = ("models", "tasks", "data", "training", "framework")
# Keys with which Hydra can be made to call something else than the class that is named.
FORBIDDEN_KEYS = ("_args_", "_partial_", "_convert_", "_recursive_", "_execution_whitelist_")


def check_trusted(
    config: dict[str, Any], definitions: dict[str, str], now: dict[str, str], outputs: Path
) -> None:
    """Refuse a stored configuration that would build what must not be trusted.

    Args:
        config: The sections that are to be built.
        definitions: Fingerprints of the code that made the run, as it recorded them.
        now: The same, of the code that there is.
        outputs: The output folder, from which no module is taken.

    Raises:
        ConflictError: Naming the key, and how to trust it.
    """
    for place, key, value in _walk(config, ""):
        if key in FORBIDDEN_KEYS:
            raise _refused(f"{place}.{key}", value, "is not allowed in a stored configuration")
        if isinstance(value, str) and "${" in value:
            raise _refused(
                f"{place}.{key}", value, "is an interpolation, which could run a resolver"
            )
        if key in ("_target_", "prepare") and value is not None:
            reason = _why_not(str(value), key, definitions, now, outputs)
            if reason is not None:
                raise _refused(f"{place}.{key}", value, reason)


def _refused(place: str, value: Any, reason: str) -> ConflictError:
    return ConflictError(
        f"the stored configuration has {place.lstrip('.')}={value!r}, which {reason}; "
        "trust_code=true builds it all the same"
    )


def _walk(node: Any, place: str) -> Iterator[tuple[str, str, Any]]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield place, str(key), value
            yield from _walk(value, f"{place}.{key}")
    elif isinstance(node, list):
        for number, value in enumerate(node):
            if not isinstance(value, dict | list):
                yield place, str(number), value
            yield from _walk(value, f"{place}.{number}")


def _why_not(
    target: str, key: str, definitions: dict[str, str], now: dict[str, str], outputs: Path
) -> str | None:
    """Return why a name is not trusted; None if it is."""
    definition = source.find_definition(target)
    if definition is None:
        return "names nothing that can be found"
    is_class = isinstance(definition.node, ast.ClassDef)
    if definition.path.is_relative_to(PROJECT):
        parts = definition.path.relative_to(PROJECT).parts
        return None if parts[0] in OWN_PARTS else "is no part of an experiment"
    if target.partition(".")[0] in LIBRARIES and not source.is_own(definition.path):
        if not is_class or key != "_target_":
            return "is no class"
        return None
    if not source.is_own(definition.path) or source.is_standard_library(definition.module):
        return "belongs to neither this project, torch, torchvision, Lightning nor your own modules"
    return _why_not_own(definition, definitions, now, outputs)


def _why_not_own(
    definition: source.Definition, definitions: dict[str, str], now: dict[str, str], outputs: Path
) -> str | None:
    path = definition.path.resolve()
    if path.is_relative_to(outputs.resolve()):
        return "lies in the output folder"
    if not path.is_relative_to(Path.cwd().resolve()):
        return "does not lie under the working directory"
    name = f"{definition.module}:{definition.node.name}"
    if definitions.get(name) is None or definitions[name] != now.get(name):
        return "is not the code here that the run recorded"
    return None
