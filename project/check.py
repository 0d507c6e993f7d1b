"""python -m project.check: is this experiment fit to be believed?

    python -m project.check model=mine data=mine --config-dir conf
    python -m project.check study=epfl_table           a sweep: its first variant, and what it costs
    python -m project.check model=resnet thorough=true takes the time that it needs
    python -m project.check model=ws_al --json         for machines

The words are those of project.train. A minute says whether net, task and data keep the promises on
which statistics over seeds rest. It works in a scratch folder and leaves nothing behind but data
that had to be fetched. Exit codes: 0 nothing failed, 1 a check failed, 2 bad input, 3 data or disk.
"""

import contextlib
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from project.cli import main as cli
from project.cli.arguments import Arguments, read_arguments
from project.config.errors import ConfigurationError
from project.runs.interruption import Interrupted

HELP = ("--help", "-h")
JSON = "--json"


@dataclass(frozen=True)
class Request:
    """What the command line asks for.

    Attributes:
        words: The words that belong to project.train.
        is_thorough: Whether the checks may take as long as they need.
        is_json: Whether to print JSON instead of a table.
    """

    words: list[str]
    is_thorough: bool
    is_json: bool


def read_request(typed: Sequence[str]) -> Request:
    """Separate this command's own words, `thorough=` and `--json`, from those of project.train.

    Raises:
        ConfigurationError: `thorough=` is neither true nor false.
    """
    own = [word for word in typed if word.startswith("thorough=")]
    for word in own:
        if word not in ("thorough=true", "thorough=false"):
            raise ConfigurationError(f"{word}: must be true or false")
    words = [word for word in typed if word not in own and word != JSON]
    return Request(words, own[-1:] == ["thorough=true"], JSON in typed)


def check(request: Request) -> bool:
    """Check an experiment, and print the results to stdout.

    Returns:
        Whether no check failed.

    Raises:
        ConfigurationError: A rule is broken; the message names the key and the rule.
        HydraException: Hydra cannot compose the configuration.
        NoRunError: `init_from` names no completed run.
        CorruptRunError: The record of the run of `init_from`, or a file of a repeated run, cannot
            be read.
        CheckpointError: The weights of `init_from` cannot be used.
        DataError: The data are not available.
        Interrupted: A signal has arrived.
    """
    from project.checks.candidate import read_candidate

    began = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="check-") as scratch,
        _progress() as progress,
        # What the experiment's own code prints does not belong to the results on stdout.
        contextlib.redirect_stdout(sys.stderr),
    ):
        candidate = read_candidate(request.words, Path(scratch), request.is_thorough)
        # This imports torch and Lightning: not before the command line is known to be valid.
        from project.checks.run import run_checks

        results = run_checks(candidate, progress)
    from project.checks.result import FAILED
    from project.checks.table import as_json, print_table

    title, seconds = candidate.spec.run.name, time.monotonic() - began
    if request.is_json:
        print(as_json(title, results, seconds))
    else:
        print_table(title, results, seconds)
    return all(each.status != FAILED for each in results)


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """Yield a function that shows the name of a check on a terminal, and elsewhere does nothing."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda name: None
        return
    with console.status("reading the configuration") as status:
        yield lambda name: status.update(f"checking: {name}")


def _interrupt(number: int, frame: FrameType | None) -> None:
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)  # the scratch folder is still deleted
    # Not KeyboardInterrupt, on which Lightning would end the process with another exit code.
    raise Interrupted(number)


def main() -> None:
    """Run `python -m project.check` with the arguments in `sys.argv`; exit with its exit code."""
    if any(word in HELP for word in sys.argv[1:]):
        print(__doc__)
        return
    cli.prepare_process()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    arguments = Arguments(sys.argv[1:], [], False)
    try:
        request = read_request(sys.argv[1:])
        arguments = read_arguments(request.words, "train", sweeps=True)
        is_fit = check(request)
        sys.stdout.flush()
    except SystemExit:
        raise
    except Interrupted as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
    except BaseException as error:
        sys.exit(cli.report_error(error, "train", arguments))
    sys.exit(0 if is_fit else 1)


if __name__ == "__main__":
    main()
