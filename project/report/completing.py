"""Runs that are missing or damaged: what to say, and the command that makes them."""

import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from project.report.choosing import Gap, swept
from project.report.runs import PAIRS, Problem

MODULES = {PAIRS: "project.train", "disk": "project.disk"}
# With more gaps than this the first ones show what is going on.
MOST_SHOWN = 12

# From the name of a command's configuration and a resolved configuration to overrides.
Overrides = Callable[[str, dict[str, Any]], list[str] | None]


class IncompleteError(Exception):
    """A table of these runs would mix what cannot be compared."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code  # 3: damaged files; 4: refused


def incomplete(
    gaps: Sequence[Gap], problems: Sequence[Problem], outputs: Path, overrides: Overrides
) -> IncompleteError:
    """The refusal: every gap with the command that closes it, every damaged run by name."""
    lines = []
    if problems:
        lines.append(f"{_number(len(problems), 'run')} cannot be read:")
        lines += _shortened([f"  {problem}" for problem in problems])
    if gaps:
        lines.append(
            f"{_number(len(gaps), 'arm')} of the report {'lack' if len(gaps) > 1 else 'lacks'} "
            "runs that other arms or the study have; these commands complete them:"
        )
        # Composing takes a moment for each: only those that are shown.
        shown = [f"  {gap}\n    {command(gap, outputs, overrides)}" for gap in gaps[:MOST_SHOWN]]
        lines += _shortened(shown, len(gaps))
    lines.append(
        "Or choose other runs (study=NAME, runs=GLOB), or pass allow_missing=true: what is there "
        "is shown with its n, and what is missing is said."
    )
    return IncompleteError("\n".join(lines), exit_code=3 if problems else 4)


def command(gap: Gap, outputs: Path, overrides: Overrides) -> str:
    """What to type to make the runs of `gap`."""
    module = MODULES[gap.experiment]
    words = overrides(module.removeprefix("project."), gap.config)
    if words is None:
        return (
            f"(conf/ has changed since: no command of today leads to the settings of {gap.label})"
        )
    place = [f"paths.outputs={outputs}"] if outputs != Path("outputs") else []
    seeds = f"seed={swept(sorted(gap.seeds))}"
    return f"python -m {module} -m {shlex.join([*words, *place, seeds])}"


def _shortened(lines: Sequence[str], total: int | None = None) -> list[str]:
    total = len(lines) if total is None else total
    more = [f"  and {total - MOST_SHOWN} more"] if total > MOST_SHOWN else []
    return [*lines[:MOST_SHOWN], *more]


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count > 1)}"
