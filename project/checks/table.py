"""Results of checks as a table for people, and as JSON for machines."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Console
from rich.table import Table
from rich.text import Text

from project.checks.result import FAILED, NOT_CHECKED, OK, WARNING, CheckResult

WIDTH_OF_FILES = 80
STYLES = {OK: "green", WARNING: "yellow", FAILED: "bold red", NOT_CHECKED: "dim"}


def _summary(results: Sequence[CheckResult]) -> str:
    """Return the number of checks with each status: `28 checks: 26 ok, 2 warnings, 0 failed`."""
    counts = Counter(each.status for each in results)
    parts = [
        f"{counts[status]} {status}{'s' * (status == WARNING and counts[status] > 1)}"
        for status in STYLES
        if counts[status] or status == FAILED
    ]
    return f"{len(results)} checks: {', '.join(parts)}"


def print_table(title: str, results: Sequence[CheckResult], seconds: float) -> None:
    """Print the results, which took `seconds`, with the advice of each below what it observed."""
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = WIDTH_OF_FILES
    table = Table(box=None, pad_edge=False, padding=(0, 1))
    table.add_column("check", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("seen, and what to do", overflow="fold")
    for each in results:
        text = Text(each.seen)
        if each.to_do:
            text.append(f"\n-> {each.to_do}", style=STYLES[each.status])
        table.add_row(each.name, Text(each.status, style=STYLES[each.status]), text)
    console.print(title, soft_wrap=True)
    console.print(table)
    console.print(f"{_summary(results)}; {seconds:.0f} s", soft_wrap=True)


def print_json(title: str, results: Sequence[CheckResult], seconds: float) -> None:
    """Print the arguments of `print_table` as JSON, with the number of failed checks."""
    content = {
        "experiment": title,
        "failed": sum(each.status == FAILED for each in results),
        "seconds": round(seconds, 1),
        "checks": [asdict(each) for each in results],
    }
    print(json.dumps(content, indent=2))
