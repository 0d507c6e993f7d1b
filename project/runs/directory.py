"""The directory of a run: its path, its files, and checks before a process writes to it.

`outputs/runs/<variant>/seed_<k>/` holds

    config.yaml   the resolved configuration: enough to run it again
    run.json      the run record: status, metrics, seconds, provenance, configuration
    history.csv, last.ckpt, previous.ckpt, events.out.tfevents.*, run.log

A process that works on the run holds a lock on the file `.seed_<k>.lock` beside it.
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
    """The directory of a run under the output folder; not created before `begin()`.

    Attributes:
        run: The run's identity: its variant and its seed.
        outputs: The output folder.
        path: The path of the directory.
    """

    def __init__(self, run: Run, outputs: Path) -> None:
        self.run = run
        self.outputs = outputs
        self.path = run.directory(outputs)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the run's lock inside the `with` block, so that no other process works on the run.

        Raises:
            RunLockedError: Another process holds the lock.
            ConflictError: The directory or a file of the run leads out of the output folder.
        """
        self.refuse_links_outside()
        with locked(self.path):
            yield

    def refuse_links_outside(self) -> None:
        """Raise ConflictError if the directory or a file of the run is a link out of the outputs.

        The output folder itself may be a link.
        """
        for path in self._places():
            refuse_link_outside(path, self.outputs)

    def _places(self) -> Iterator[Path]:
        """Yield the directory, and each link among the files of the run."""
        yield self.path
        inside = self.path.iterdir() if self.path.is_dir() else ()
        for path in (lock_path(self.path), log_path(self.path), *inside):
            if path.is_symlink():
                yield path

    def begin(self, config: dict[str, Any], rerun: bool) -> None:
        """Create the directory, or keep it if it exists; write config.yaml.

        Files that a killed process left half-written are removed.

        Args:
            config: The resolved configuration.
            rerun: Move an existing directory to the trash first.
        """
        if rerun and self.path.exists():
            move_to_trash(self.path, self.outputs)
        self.path.mkdir(exist_ok=True)
        for left_by_killed in self.path.glob(f".*{TEMPORARY}"):
            left_by_killed.unlink()
        write_text(self.path / CONFIG, config_text(config))


def refuse_link_outside(path: Path, outputs: Path) -> None:
    """Raise ConflictError if `path` leads out of the output folder through a link.

    Args:
        path: A path below the output folder; it need not exist.
        outputs: The output folder.
    """
    root = outputs.resolve()
    if not path.resolve().is_relative_to(root):
        raise ConflictError(f"{path} leads outside {root} through a symbolic link; remove the link")


def config_text(config: dict[str, Any]) -> str:
    """Return a configuration as the text of config.yaml, with its keys in their order."""
    return yaml.safe_dump(config, sort_keys=False, allow_unicode=True)


def move_to_trash(directory: Path, outputs: Path) -> Path:
    """Move a run directory to `<outputs>/trash`, where no reader of runs looks; delete nothing.

    Returns:
        The new path of the directory.
    """
    folder = outputs / TRASH / directory.parent.name
    folder.mkdir(parents=True, exist_ok=True)
    number = 1
    while (place := folder / f"{directory.name}.{number}").exists():
        number += 1
    directory.rename(place)
    return place
