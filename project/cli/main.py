"""What the commands share: running under Hydra, error messages and exit codes.

Exit codes: 0 success; 1 a job failed; 2 bad input; 3 data or disk; 4 refused, because results would
be mixed or overwritten, or something untrusted used; 130 (SIGINT) and 143 (SIGTERM) interrupted. An
exception with an attribute `exit_code` is shown to the user as a message; any other exception is a
bug and keeps its traceback.
"""

import argparse
import os
import shlex
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from project.cli.arguments import MULTIRUN, Arguments, typed_override
from project.cli.diagnose import explained
from project.cli.habits import answer
from project.config.compose import CONF, settle
from project.config.keys import UnknownKeyError
from project.runs.code import clear_cache
from project.runs.interruption import Interrupted

if TYPE_CHECKING:
    from project.launchers.grid import Experiment

Execute = Callable[[dict[str, Any], Sequence[str]], Any]


def run(execute: Execute, experiment: "Experiment | None", config_name: str = "train") -> None:
    """Run a command under Hydra with the arguments in `sys.argv`.

    An error that the user can act on is printed, and ends the process with its exit code.

    Args:
        execute: Carries out one job, given its resolved configuration and its overrides.
        experiment: What launchers need to know about the command; None if it cannot sweep.
        config_name: The command's root file in `conf/`: train, disk or report.
    """
    # Hydra raises errors only if this is set; else it prints them and always exits with 1.
    os.environ["HYDRA_FULL_ERROR"] = "1"

    def task() -> None:
        with explained(sys.argv[1:], config_name, sweeps=experiment is not None) as arguments:
            _run_hydra(execute, experiment, config_name, arguments)

    run_plain(task)


def run_plain(task: Callable[[], None]) -> None:
    """Run a command that is not configured by Hydra; errors are shown as by `run`."""
    _prepare_process()
    try:
        task()
        sys.stdout.flush()
    except SystemExit:
        try:
            sys.stdout.flush()
        except BrokenPipeError:
            _leave_pipe()
        raise
    except BaseException as error:
        sys.exit(report_error(error))


def word_parser(name: str, usage: str, description: str | None) -> argparse.ArgumentParser:
    """Return the parser of the command `python -m project.<name>`, which takes words."""
    parser = argparse.ArgumentParser(
        prog=f"project.{name}",
        usage=f"python -m project.{name} {usage}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("words", nargs="*", help=argparse.SUPPRESS)
    return parser


def _prepare_process() -> None:
    """Make own modules importable and SIGTERM an exception; escape what streams cannot encode."""
    working = str(Path.cwd())
    if working not in sys.path:
        sys.path.insert(0, working)
    clear_cache()
    signal.signal(signal.SIGTERM, _interrupt)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise Interrupted(number)


def _run_hydra(
    execute: Execute, experiment: "Experiment | None", config_name: str, arguments: Arguments
) -> None:
    import hydra
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import OmegaConf

    if experiment is not None:
        from project.launchers.plugins import register

        register(experiment)
    raised: list[Exception] = []

    def task(config: Any) -> Any:
        # Hydra would print a line of its own before an error that passes through it.
        try:
            values: Any = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
            words = list(HydraConfig.get().overrides.task)
            values = settle(values, dict(HydraConfig.get().runtime.choices), words)
            return execute(values, [typed_override(word) for word in words])
        except Exception as error:
            if arguments.is_sweep:  # under one of Hydra's launchers, perhaps in another process
                raise
            raised.append(error)
            return None

    sys.argv[1:] = arguments.words
    hydra.main(config_path=str(CONF), config_name=config_name)(task)()
    if raised:
        raise raised[0]


def report_error(error: BaseException) -> int:
    """Print an error's message to stderr and return the exit code.

    Raises:
        BaseException: `error` itself, if it is a bug and nothing that the user can act on.
    """
    from yaml import YAMLError

    if isinstance(error, BrokenPipeError):
        _leave_pipe()
        return 0
    code = getattr(error, "exit_code", None)
    if isinstance(error, UnknownKeyError) and (habit := answer(f"{error.section}.{error.key}")):
        code, message = error.exit_code, f"unknown key '{error.section}.{error.key}': {habit}"
    elif isinstance(code, int):
        message = str(error)
    elif isinstance(error, YAMLError):  # in a file of the user; the message names file and line
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
        is_sweep = not set(MULTIRUN).isdisjoint(sys.argv)
        if is_sweep and "rerun=true" in sys.argv:
            message += "; but rerun=true makes all of its runs again: name only those that are left"
        message += f"\nto go on: {command_to_go_on(sys.orig_argv, is_sweep)}"
    else:
        message = f"error: {message}"
    print(message, file=sys.stderr)
    return code


def command_to_go_on(typed: Sequence[str], is_sweep: bool) -> str:
    """Return the command line that continues an interrupted command, given with its program.

    Without `rerun=` but for a sweep: the old run has been moved away already.
    """
    if len(typed) > 1 and Path(typed[1]).name.startswith("project-"):
        typed = typed[1:]  # a console script, which its interpreter precedes
    return shlex.join(word for word in typed if is_sweep or not word.startswith("rerun="))


def _leave_pipe() -> None:
    """Redirect stdout to /dev/null, as its reader has closed the pipe (`| head`)."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
