"""The directory of a run, `outputs/runs/<variant>/seed_<k>/`, checked before it is written to.

A process that works on the run holds a lock on the file `.seed_<k>.lock` beside it.
"""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from project.config.errors import ConflictError
from project.config.identity import Run
from project.runs.atomic import TEMPORARY, write_text
from project.runs.lock import lock_path, locked, log_path

CONFIG = "config.yaml"
HISTORY = "history.csv"
TRASH = "trash"
EVALUATIONS = "evaluations"  # of a completed run on other data


class RunDirectory:
    """The directory of a run under the output folder, `path`; not created before `begin()`."""

    def __init__(self, run: Run, outputs: Path) -> None:
        self.run = run
        self.outputs = outputs
        self.path = run.directory(outputs)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the run's lock in a `with` block; raise as `locked` and `refuse_links_outside`."""
        self.refuse_links_outside()
        with locked(self.path):
            yield

    def refuse_links_outside(self) -> None:
        """Raise ConflictError if the directory or a file of the run leads out of the outputs."""
        inside = self.path.iterdir() if self.path.is_dir() else ()
        files = (lock_path(self.path), log_path(self.path), *inside)
        for path in (self.path, *filter(Path.is_symlink, files)):
            refuse_link_outside(path, self.outputs)

    def begin(self, config: dict[str, Any], rerun: bool) -> None:
        """Create or keep the directory, and write config.yaml; a rerun moves an old one away.

        Files that a killed process left half-written are removed.
        """
        if rerun and self.path.exists():
            move_to_trash(self.path, self.outputs)
        self.path.mkdir(exist_ok=True)
        for left_by_killed in self.path.glob(f".*{TEMPORARY}"):
            left_by_killed.unlink()
        write_text(self.path / CONFIG, config_text(config))


def refuse_link_outside(path: Path, outputs: Path) -> None:
    """Raise ConflictError if `path`, there or not, leads out of `outputs` through a link."""
    root = outputs.resolve()
    if not path.resolve().is_relative_to(root):
        raise ConflictError(f"{path} leads outside {root} through a symbolic link; remove the link")


def config_text(config: dict[str, Any]) -> str:
    """Return a configuration as the text of config.yaml, with its keys in their order."""
    return yaml.safe_dump(config, sort_keys=False, allow_unicode=True)


def place_in_trash(directory: Path, outputs: Path, part: str = "") -> Path:
    """Return a free path in the trash for a run directory, or for the named part of it."""
    folder = outputs / TRASH / directory.parent.name
    folder.mkdir(parents=True, exist_ok=True)
    names = (f"{directory.name}{part}.{number}" for number in itertools.count(1))
    return next(place for name in names if not (place := folder / name).exists())


def move_to_trash(directory: Path, outputs: Path) -> Path:
    """Move a run directory to the trash, and return its new path; delete nothing."""
    return directory.rename(place_in_trash(directory, outputs))
