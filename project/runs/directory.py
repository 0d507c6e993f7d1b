"""One run's directory: its place, its files, what may stand in its way.

`outputs/runs/<variant>/seed_<k>/` holds

    config.yaml   the resolved configuration: enough to run it again
    run.json      the run record: status, metrics, seconds, provenance, configuration
    history.csv, last.ckpt, previous.ckpt, events.out.tfevents.*, run.log

and `.seed_<k>.lock` beside it is held while a process works on the run.
"""

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
    """The directory of a run under the output folder; nothing is created before `locked()`.

    Attributes:
        run: Which run it is.
        outputs: The output folder.
        path: The directory.
    """

    def __init__(self, run: Run, outputs: Path) -> None:
        self.run = run
        self.outputs = outputs
        self.path = run.directory(outputs)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Be the only process that works on this run; raises RunLockedError."""
        self.refuse_links_outside()
        with locked(self.path):
            yield

    def refuse_links_outside(self) -> None:
        """Raise ConflictError if the directory or a file of the run leads elsewhere by a link.

        The output folder itself may be a link; nothing below it may lead out of it.
        """
        for path in self._places():
            refuse_link_outside(path, self.outputs)

    def _places(self) -> Iterator[Path]:
        """Yield the directory, and every link where a file of the run should be."""
        yield self.path
        inside = self.path.iterdir() if self.path.is_dir() else ()
        for path in (lock_path(self.path), log_path(self.path), *inside):
            if path.is_symlink():
                yield path

    def begin(self, config: dict[str, Any], rerun: bool) -> None:
        """Make the directory ready: created, kept for resuming, or (rerun) made anew."""
        if rerun and self.path.exists():
            move_to_trash(self.path, self.outputs)
        self.path.mkdir(exist_ok=True)
        for left_by_killed in self.path.glob(f".*{TEMPORARY}"):
            left_by_killed.unlink()
        write_text(self.path / CONFIG, config_text(config))


def refuse_link_outside(path: Path, outputs: Path) -> None:
    """Raise ConflictError if a place below the output folder leads out of it by a link."""
    root = outputs.resolve()
    if not path.resolve().is_relative_to(root):
        raise ConflictError(f"{path} leads outside {root} through a symbolic link; remove the link")


def config_text(config: dict[str, Any]) -> str:
    """Return the content of config.yaml."""
    return yaml.safe_dump(config, sort_keys=False, allow_unicode=True)


def move_to_trash(directory: Path, outputs: Path) -> Path:
    """Move a run out of the way of readers, to `<outputs>/trash`; nothing is deleted.

    Returns:
        Where it is now.
    """
    folder = outputs / TRASH / directory.parent.name
    folder.mkdir(parents=True, exist_ok=True)
    number = 1
    while (place := folder / f"{directory.name}.{number}").exists():
        number += 1
    directory.rename(place)
    return place
