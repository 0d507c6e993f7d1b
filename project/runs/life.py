"""The beginning of a run's life, the same for every command: locked, found done or worked on."""

import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from project.runs.atomic import name_path
from project.runs.directory import DamagedRunError, RunDirectory, completed_record
from project.runs.provenance import other_versions


class ExitedError(Exception):
    """The code of a run has called sys.exit, which is no way for a run to end."""

    exit_code = 1


def find_or_train(
    directory: RunDirectory, sha256: str | None, rerun: bool, train: Callable[[], dict[str, float]]
) -> dict[str, float]:
    """The metrics of the run, from its record if it is completed, else from `train`.

    sha256: of the data, None where the configuration alone fixes it. `train` is called with the
    run's lock held; an OSError of it names a path. Raises RefusedError, DamagedRunError or
    ExitedError.
    """
    directory.refuse_links_outside()
    # Without the lock: a completed run can be read where nothing can be written.
    if not rerun and (metrics := _found(directory, sha256)) is not None:
        return metrics
    with directory.locked():
        # Once more: another process may have completed it until now.
        if not rerun and (metrics := _found(directory, sha256)) is not None:
            return metrics
        try:
            return train()
        except SystemExit as error:
            raise ExitedError(f"the run's own code called sys.exit({error.code!r})") from error
        except OSError as error:
            name_path(error, directory.path)
            raise


def refuse_others(directory: RunDirectory, sha256: str | None, rerun: bool) -> None:
    """Raise RefusedError if another run, or a link, stands there; asked before a sweep begins.

    A record that cannot be read is left to the run's own job: the others can be carried out.
    """
    directory.refuse_links_outside()
    with suppress(DamagedRunError):
        if not rerun:
            directory.check_stored(sha256)


def _found(directory: RunDirectory, sha256: str | None) -> dict[str, float] | None:
    """The metrics of the run if it is completed; says so."""
    directory.check_stored(sha256)
    record = completed_record(directory.path)
    if record is None:
        return None
    print(f"{directory.run.name}: already completed, {summary(record, directory.path)}")
    if line := other_versions([record]):
        print(line, file=sys.stderr)
    return record["metrics"]


def summary(record: dict[str, Any], directory: Path) -> str:
    """The result of a completed run in one line."""
    return (
        f"test error {100 * record['metrics']['test/error']:.2f} %, {record['parameters']:,} "
        f"parameters, trained in {record['seconds']['training']:.1f} s, {directory}"
    )
