"""A temporary copy of the code that jobs need, for machines that do not have it."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from project.config.compose import CONF
from project.launchers.experiment import Job
from project.runs.code import targets_of
from project.runs.provenance import SENT_FROM, git_state

PROJECT = Path(__file__).parents[2]


@contextmanager
def copied_code(jobs: list[Job]) -> Iterator[Path]:
    """Provide, inside a `with` block, a temporary folder with the code that the jobs need.

    It holds `project`, `conf`, and the user's modules that decide the jobs' results, but no
    installed packages such as torch. The copy is no git repository, so its file SENT_FROM says
    which commit it was made from; runs on the other machine record that commit.
    """
    with tempfile.TemporaryDirectory(prefix="honest-ablations-code-") as name:
        folder = Path(name)
        for module in sorted({PROJECT.name} | {each for job in jobs for each in _modules(job)}):
            if source := _source(module):
                _copy(source, folder)
        if CONF.parent != PROJECT:
            _copy(CONF, folder)
        sent_from = folder / PROJECT.name / SENT_FROM
        sent_from.write_text(json.dumps(git_state(PROJECT)))
        yield folder


def _modules(job: Job) -> set[str]:
    """Return the top-level modules of the code that decides a job's result."""
    names = [*job.spec.code["definitions"], *targets_of(job.spec.config)]
    return {name.partition(":")[0].partition(".")[0] for name in names}


def _source(module: str) -> Path | None:
    """Return the file or folder of a user's module; None if it is installed or not found."""
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
