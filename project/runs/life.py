"""The beginning of a run's life, the same for every command: locked, found done or worked on."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from project.runs.directory import DamagedRunError, RunDirectory, completed_record


class ExitedError(Exception):
    """The code of a run has called sys.exit, which is no way for a run to end."""

    exit_code = 1


def find_or_train(
    directory: RunDirectory, sha256: str | None, rerun: bool, train: Callable[[], dict[str, float]]
) -> dict[str, float]:
    """The metrics of the run, from its record if it is completed, else from `train`.

    sha256: of the data, None where the configuration alone fixes it. `train` is called with the
    run's lock held. Raises RefusedError, DamagedRunError or ExitedError.
    """
    with directory.locked():
        if not rerun:
            directory.check_stored(sha256)
            record = completed_record(directory.path)
            if record is not None:
                print(f"{directory.run.name}: already completed, {summary(record, directory.path)}")
                return record["metrics"]
        try:
            return train()
        except SystemExit as error:
            raise ExitedError(f"the run's own code called sys.exit({error.code!r})") from error


def refuse_others(directory: RunDirectory, sha256: str | None, rerun: bool) -> None:
    """Raise RefusedError if another run stands in the directory; asked before a sweep begins.

    A record that cannot be read is left to the run's own job: the others can be carried out.
    """
    with suppress(DamagedRunError):
        if not rerun:
            directory.check_stored(sha256)


def summary(record: dict[str, Any], directory: Path) -> str:
    """The result of a completed run in one line."""
    return (
        f"test error {100 * record['metrics']['test/error']:.2f} %, {record['parameters']:,} "
        f"parameters, trained in {record['seconds']['training']:.1f} s, {directory}"
    )
