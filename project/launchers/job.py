"""A job's work in its own process, wherever that is."""

import importlib
import sys
from typing import Any

from project.launchers.pool import HELD_EXIT_CODE
from project.runs.directory import HeldError


def perform(task: tuple[str, str], values: dict[str, Any]) -> int:
    """Carry out `task` on the configuration `values`; returns the exit code, raises a bug.

    task: module and function. The reason for a code other than 0 is the last line printed.
    """
    from omegaconf import OmegaConf

    module, function = task
    try:
        getattr(importlib.import_module(module), function)(OmegaConf.create(values))
    except HeldError:
        return HELD_EXIT_CODE
    except BaseException as error:
        code = getattr(error, "exit_code", None)
        if not isinstance(code, int):
            raise
        print(f"{type(error).__name__}: {error}".replace("\n", " "), file=sys.stderr)
        return code
    return 0
