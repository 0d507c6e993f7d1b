"""What the commands share: Hydra's command line, errors as messages, exit codes.

0 all done; 1 a job failed; 2 bad input; 3 data or disk; 4 refused, because it would mix, overwrite
or trust; 130 and 143 interrupted. An exception that carries an `exit_code` is a message for the
user; any other is a bug and keeps its traceback.
"""

import os
import shlex
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from project.cli.arguments import Arguments, read_arguments, typed_override
from project.cli.habits import answer
from project.config.compose import CONF, settle
from project.config.keys import UnknownKeyError
from project.runs.code import clear_cache
from project.runs.lifecycle import typed_command as typed_command

if TYPE_CHECKING:
    from project.launchers.grid import Experiment

Execute = Callable[[dict[str, Any], Sequence[str]], Any]


class Terminated(BaseException):
    """SIGTERM, at a moment when nothing is being trained."""

    exit_code = 143


def _terminate(number: int, frame: FrameType | None) -> None:
    raise Terminated("interrupted by SIGTERM")


def command_to_go_on(typed: Sequence[str], is_sweep: bool) -> str:
    """Return what to type to go on with an interrupted command.

    Args:
        typed: What was typed, with the program (`python -m project.train`).
        is_sweep: Whether it was a sweep. A single interrupted rerun has moved the old run aside
            already: `rerun=true` would begin once more.
    """
    if not is_sweep:
        typed = [word for word in typed if not word.startswith("rerun=")]
    return shlex.join(typed)


def report_error(error: BaseException, config_name: str, arguments: Arguments) -> int:
    """Print what the user can act on; return the exit code. A bug is raised again."""
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    if isinstance(error, BrokenPipeError):
        leave_pipe()
        return 0
    code = getattr(error, "exit_code", None)
    if isinstance(code, int):
        message = habit_of(error) or str(error)
    elif isinstance(error, HydraException | OmegaConfBaseException) or is_hydras(error):
        from project.cli.diagnose import explain

        code = 2
        message = explain(error, config_name, arguments)
    elif isinstance(error, YAMLError):  # in a file of the user's; it names file and line
        code, message = 2, str(error)
    elif isinstance(error, KeyboardInterrupt):
        code, message = 130, "interrupted by SIGINT"
    elif isinstance(error, OSError) and error.errno is not None:
        place = f" ({error.filename})" if error.filename else ""
        code = 3
        message = (
            f"{error.strerror}{place}; check the folder's rights and its free space, or choose "
            "another paths.outputs or paths.data"
        )
    else:
        raise error
    if code in (130, 143):
        if arguments.is_sweep and "rerun=true" in arguments.words:
            message += "; but rerun=true makes all of its runs anew: name only those that are left"
        message += f"\nto go on: {command_to_go_on(sys.orig_argv, arguments.is_sweep)}"
    else:
        message = f"error: {message}"
    print(message, file=sys.stderr)
    return code


def habit_of(error: BaseException) -> str | None:
    """Return what to type in the place of an unknown key that other tools have."""
    if not isinstance(error, UnknownKeyError):
        return None
    key = f"{error.section}.{error.key}"
    habit = answer(key)
    return None if habit is None else f"unknown key '{key}': {habit}"


def leave_pipe() -> None:
    """Print to nowhere: the reader of our output has left (`| head`), and nothing is wrong."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def is_hydras(error: BaseException) -> bool:
    """Whether an error was raised in Hydra's own code, which raises plain ValueErrors too."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    module = "" if trace is None else trace.tb_frame.f_globals.get("__name__", "")
    return module.partition(".")[0] in ("hydra", "omegaconf")


def prepare_process() -> None:
    """Make the working directory importable, signals errors, and any text printable."""
    working = str(Path.cwd())
    if working not in sys.path:
        sys.path.insert(0, working)
    clear_cache()
    signal.signal(signal.SIGTERM, _terminate)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def run(execute: Execute, experiment: "Experiment | None", config_name: str = "train") -> None:
    """Run a command under Hydra with this process's arguments, then exit with the right code.

    Args:
        execute: Carries out one resolved configuration, given the overrides that led to it.
        experiment: What launchers must know of the command; None for one that does not sweep.
        config_name: The command's file in `conf/`.
    """
    # Errors come to us as exceptions; Hydra would print them and always exit with 1.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    prepare_process()
    arguments = Arguments(sys.argv[1:], [], False)
    try:
        arguments = read_arguments(sys.argv[1:], config_name, sweeps=experiment is not None)
        _run_hydra(execute, experiment, config_name, arguments)
        sys.stdout.flush()
    except SystemExit:
        _flush()
        raise
    except BaseException as error:
        sys.exit(report_error(error, config_name, arguments))


def _flush() -> None:
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        leave_pipe()


def _run_hydra(
    execute: Execute, experiment: "Experiment | None", config_name: str, arguments: Arguments
) -> None:
    import hydra

    if experiment is not None:
        from project.launchers.plugins import register

        register(experiment)
    raised: list[Exception] = []

    def task(config: Any) -> Any:
        # Hydra would put a line of its own in front of an error that comes through it.
        try:
            return execute(*_resolved(config))
        except Exception as error:
            if arguments.is_sweep:  # under a launcher of Hydra's, perhaps in another process
                raise
            raised.append(error)
            return None

    sys.argv[1:] = arguments.words
    hydra.main(config_path=str(CONF), config_name=config_name)(task)()
    if raised:
        raise raised[0]


def _resolved(config: Any) -> tuple[dict[str, Any], list[str]]:
    """Return the plain values of Hydra's configuration, and the words that were typed."""
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import OmegaConf

    hydra_config = HydraConfig.get()
    values: Any = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    words = list(hydra_config.overrides.task)
    choices = dict(hydra_config.runtime.choices)
    return settle(values, choices, words), [typed_override(word) for word in words]


def run_plain(task: Callable[[], None]) -> None:
    """Run a command that has no configuration of its own; an error ends it with the right code."""
    prepare_process()
    arguments = Arguments(sys.argv[1:], [], False)
    try:
        task()
        sys.stdout.flush()
    except SystemExit:
        _flush()
        raise
    except BaseException as error:
        sys.exit(report_error(error, "train", arguments))
