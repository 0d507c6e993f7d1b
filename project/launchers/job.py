"""The function that a job's process calls to carry out its run, on any machine."""

import importlib
import sys

from project.launchers.pool import LOCKED_EXIT_CODE
from project.runs.record import RunLockedError
from project.runs.spec import RunSpec


def perform(task: tuple[str, str], spec: RunSpec) -> int:
    """Carry out a run in this process; an exception without an `exit_code`, a bug, is raised.

    Args:
        task: Module and name of the function to call with `spec`.
        spec: The run.

    Returns:
        The exit code: 0, LOCKED_EXIT_CODE if another process works on the run, or the `exit_code`
        of an exception, whose message is printed to stderr.
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
