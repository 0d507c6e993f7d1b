"""python -m project.report: make an HTML page with a results table and figures from runs on disk.

    python -m project.report                             everything under outputs/
    python -m project.report last=true                   the sweep that was typed last
    python -m project.report study=epfl_table            the runs of one study
    python -m project.report runs='ws_al*' where='optimizer.lr>0.1' baseline=ws_al_bn_do

The command reads only run directories, writes outputs/report, and never imports torch.
"""

import re
import sys
from collections.abc import Sequence
from typing import Any

from project.cli import main as cli
from project.config.errors import ConfigurationError, suggest


def execute(config: dict[str, Any], words: Sequence[str]) -> None:
    """Make the report of a composed configuration, and print its path; raise as `make_report`."""
    from project.config.compose import options
    from project.report.build import ReportConfig, make_report

    checked = ReportConfig.checked(config)
    for word in words:
        # References are optional in conf/report.yaml, so Hydra ignores one that does not exist.
        if word.startswith("reference=") and checked.reference is None:
            known = suggest(word[10:], options("reference"))
            raise ConfigurationError(f"{word}: there is no such file in conf/reference{known}")
    print(make_report(checked))


def main() -> None:
    """Run `python -m project.report`; a report cannot be swept (exit status 2)."""
    if not {"-m", "--multirun"}.isdisjoint(sys.argv):
        print("error: a report cannot be swept; leave out -m", file=sys.stderr)
        sys.exit(2)
    # Hydra would merge conf/study/NAME.yaml into the configuration; a report only reads it.
    sys.argv[1:] = [re.sub(r"^\+?study=", "study_name=", word) for word in sys.argv[1:]]
    cli.run(execute, None, "report")


if __name__ == "__main__":
    main()
