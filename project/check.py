"""python -m project.check: check net, task and data before hours of training.

    python -m project.check model=mine data=mine --config-dir conf
    python -m project.check study=epfl_table           a sweep: its first variant, and its cost
    python -m project.check model=resnet thorough=true without time limits
    python -m project.check model=ws_al --json         for machines

The arguments are those of project.train. Short runs of about a minute look for data leakage,
results that depend on more than the seed, nets that do not learn, and other mistakes. Results go to
a temporary folder that is deleted; only downloaded data stay. Exit codes: 0 no check failed,
1 a check failed, 2 bad input, 3 data or disk.
"""

import contextlib
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from project.cli import main as cli
from project.config.errors import ConfigurationError
from project.runs.interruption import SIGNALS, Interrupted

JSON = "--json"


def check(typed: Sequence[str]) -> None:
    """Check an experiment, and print the results to stdout.

    Args:
        typed: The words of project.train, and this command's own: `thorough=` and `--json`.

    Raises:
        SystemExit: A check failed.
        ConfigurationError: `thorough=` is neither true nor false.
        Exception: As `read_candidate` and `run_checks`.
    """
    from rich.console import Console

    from project.checks.candidate import read_candidate

    for number in SIGNALS:
        signal.signal(number, _interrupt)
    began = time.monotonic()
    own = [word for word in typed if word.startswith("thorough=")]
    for word in own:
        if word not in ("thorough=true", "thorough=false"):
            raise ConfigurationError(f"{word}: must be true or false")
    words = [word for word in typed if word not in (*own, JSON)]
    status = Console(stderr=True).status("reading the configuration")
    with (
        tempfile.TemporaryDirectory(prefix="check-") as scratch,
        status if status.console.is_terminal else contextlib.nullcontext(),
        # What the experiment's own code prints does not belong to the results on stdout.
        contextlib.redirect_stdout(sys.stderr),
    ):
        candidate = read_candidate(words, Path(scratch), own[-1:] == ["thorough=true"])
        # This imports torch and Lightning: not before the command line is known to be valid.
        from project.checks.run import run_checks

        results = run_checks(candidate, lambda name: status.update(f"checking: {name}"))
    from project.checks.result import FAILED
    from project.checks.table import print_json, print_table

    show = print_json if JSON in typed else print_table
    show(candidate.spec.run.name, results, time.monotonic() - began)
    if any(each.status == FAILED for each in results):
        sys.exit(1)


def _interrupt(number: int, frame: FrameType | None) -> None:
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)  # the scratch folder is still deleted
    # Not KeyboardInterrupt, on which Lightning would end the process with another exit code.
    raise Interrupted(number)


def main() -> None:
    """Run `python -m project.check` with the arguments in `sys.argv`; exit with its exit code."""
    if not {"--help", "-h"}.isdisjoint(sys.argv):
        print(__doc__)
    else:
        cli.run_plain(lambda: check(sys.argv[1:]))


if __name__ == "__main__":
    main()
