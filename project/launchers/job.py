"""A job's work in its own process, wherever that is."""

import importlib
import sys

from project.launchers.pool import LOCKED_EXIT_CODE
from project.runs.record import RunLockedError
from project.runs.spec import RunSpec


def perform(task: tuple[str, str], spec: RunSpec) -> int:
    """Carry out a run; a bug is raised.

    Args:
        task: Module and name of the function that is given `spec`.
        spec: The run.

    Returns:
        The exit code; the reason for one other than 0 is the last line printed.
    """
    module, function = task
    try:
        getattr(importlib.import_module(module), function)(spec)
    except RunLockedError:
        return LOCKED_EXIT_CODE
    except BaseException as error:
        code = getattr(error, "exit_code", None)
        if not isinstance(code, int):
            raise
        print(f"{type(error).__name__}: {error}".replace("\n", " "), file=sys.stderr)
        return code
    return 0
