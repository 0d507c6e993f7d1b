"""A copy of the code that jobs need, for machines that do not have it."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from project.launchers.grid import Job
from project.runs.provenance import SENT_FROM, git_state

PROJECT = Path(__file__).parents[2]


@contextmanager
def copied_code(jobs: list[Job]) -> Iterator[Path]:
    """A folder with `project`, `conf`, and other code of the user's that a job's `_target_` names.

    What is installed (torch, say) is not copied. No git goes along: the copy says itself which
    commit it is of, so that runs made of it say so too.
    """
    with tempfile.TemporaryDirectory(prefix="honest-ablations-code-") as name:
        folder = Path(name)
        for module in {PROJECT.name} | {module for job in jobs for module in _targets(job.values)}:
            if source := _source(module):
                _copy(source, folder)
        _copy(PROJECT.parent / "conf", folder)
        sent_from = folder / PROJECT.name / SENT_FROM
        sent_from.write_text(json.dumps(git_state(PROJECT)))
        yield folder


def _targets(value: Any) -> set[str]:
    """The topmost modules of all `_target_` in a configuration."""
    if not isinstance(value, dict):
        return set()
    found = {name for inner in value.values() for name in _targets(inner)}
    target = value.get("_target_")
    return found | {target.partition(".")[0]} if isinstance(target, str) else found


def _source(module: str) -> Path | None:
    """The file or folder of a module of the user's own; None if it is installed or unknown."""
    spec = find_spec(module)
    if spec is None or spec.origin is None or "site-packages" in Path(spec.origin).parts:
        return None
    origin = Path(spec.origin)
    return origin.parent if spec.submodule_search_locations else origin


def _copy(source: Path, folder: Path) -> None:
    if source.is_dir():
        ignored = shutil.ignore_patterns("__pycache__", ".*")
        shutil.copytree(source, folder / source.name, ignore=ignored)
    else:
        shutil.copy(source, folder)
