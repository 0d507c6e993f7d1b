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
from pathlib import Path
from types import FrameType

from project.cli import main as cli
from project.cli.arguments import Arguments, read_arguments
from project.config.errors import ConfigurationError
from project.runs.interruption import Interrupted

HELP = ("--help", "-h")
THOROUGH = {"thorough=true": True, "thorough=false": False}


def check(words: Sequence[str]) -> bool:
    """Check the experiment that the words describe, and print what was found.

    Args:
        words: Those of project.train, and `thorough=true`, `--json`.

    Returns:
        Whether no check failed.

    Raises:
        ConfigurationError: Naming the key and the rule that is broken.
        DataError: The data cannot be had.
    """
    began = time.monotonic()
    wrong = [word for word in words if word.startswith("thorough=") and word not in THOROUGH]
    if wrong:
        raise ConfigurationError(f"{wrong[0]}: must be true or false")
    thorough = any(THOROUGH.get(word, False) for word in words)
    others = [word for word in words if word not in THOROUGH and word != "--json"]
    from project.checks.candidate import read_candidate
    from project.checks.result import FAILED
    from project.checks.run import run_checks
    from project.checks.table import as_json, print_table

    with (
        tempfile.TemporaryDirectory(prefix="check-") as scratch,
        _progress() as progress,
        # What the experiment's own code prints is no part of the result.
        contextlib.redirect_stdout(sys.stderr),
    ):
        candidate = read_candidate(others, Path(scratch), thorough)
        results = run_checks(candidate, progress)
    title, seconds = candidate.spec.run.name, time.monotonic() - began
    if "--json" in words:
        print(as_json(title, results, seconds))
    else:
        print_table(title, results, seconds)
    return all(each.status != FAILED for each in results)


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """On a terminal, show which check is at work."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda name: None
        return
    with console.status("reading the configuration") as status:
        yield lambda name: status.update(f"checking: {name}")


def _interrupt(number: int, frame: FrameType | None) -> None:
    # Not KeyboardInterrupt, on which Lightning would end the process with another exit code.
    raise Interrupted(number)


def main() -> None:
    """Run the command."""
    words = sys.argv[1:]
    if any(word in HELP for word in words):
        print(__doc__)
        return
    cli.prepare_process()
    signal.signal(signal.SIGINT, _interrupt)
    arguments = Arguments(words, [], False)
    try:
        arguments = read_arguments([each for each in words if each != "--json"], "train", True)
        is_fit = check(words)
        sys.stdout.flush()
    except SystemExit:
        raise
    except BaseException as error:
        sys.exit(cli.report_error(error, "train", arguments))
    sys.exit(0 if is_fit else 1)


if __name__ == "__main__":
    main()
