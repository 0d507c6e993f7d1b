"""Every figure of speed that this project claims, measured side by side.

    make bench                         all of it: about an hour on two cores
    make bench ARGS="step overhead"    some:      sweep step overhead dashboard start growth

Prints one table and writes it to outputs/bench/<names>.md and .json with the machine and versions.
"""

import json
import logging
import sys
from collections.abc import Callable

from project.data.mnist import prepare
from project.runs.provenance import provenance
from tests.benchmarks import commands, dashboard, growth, steps
from tests.benchmarks.timing import ROOT, Ratio

ROUNDS = 5
DATA = ROOT / "outputs" / "data"

MEASUREMENTS: dict[str, Callable[[], list[Ratio]]] = {
    "start": lambda: commands.start_ratios(DATA, ROUNDS),
    "step": lambda: [
        steps.step_ratio(DATA, 3 * ROUNDS, "ws_al_bn_do", limit=0.65),
        steps.step_ratio(DATA, ROUNDS, "resnet", limit=None, steps=3),
    ],
    "overhead": lambda: [steps.overhead_ratio(DATA, ROUNDS)],
    "dashboard": lambda: dashboard.dashboard_ratios(DATA, ROUNDS),
    "growth": lambda: [
        growth.pairs_ratio(DATA, ROUNDS),
        growth.memory_ratio(DATA),
        growth.runs_ratio(DATA),
    ],
    "sweep": lambda: commands.sweep_ratios(DATA, ROUNDS),
}


def table(ratios: list[Ratio]) -> str:
    """Markdown: a line for each ratio."""
    lines = [
        "| what | ours | theirs | ratio (lowest to highest) | rounds | limit |",
        "|---|---|---|---|---|---|",
    ]
    for each in ratios:
        low, high = min(each.ratios), max(each.ratios)
        limit = "" if each.limit is None else f"{each.limit:.2f}{' MISSED' if each.missed else ''}"
        lines.append(
            f"| {each.name} | {each.ours:.3g} {each.unit} | {each.theirs:.3g} {each.unit} "
            f"| **{each.median:.2f}** ({low:.2f} to {high:.2f}) | {len(each.ratios)} | {limit} |"
        )
    return "\n".join(lines)


def main() -> None:
    names = sys.argv[1:] or list(MEASUREMENTS)
    unknown = [name for name in names if name not in MEASUREMENTS]
    if unknown:
        sys.exit(f"unknown benchmark {unknown[0]!r}; there are: {', '.join(MEASUREMENTS)}")
    logging.getLogger().setLevel(logging.WARNING)
    prepare(DATA, "auto")
    ratios: list[Ratio] = []
    for name in names:
        print(f"measuring: {name}", file=sys.stderr, flush=True)
        ratios += MEASUREMENTS[name]()
    where = provenance(threads=1)
    folder = ROOT / "outputs" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    stem = "-".join(names) if sys.argv[1:] else "all"
    text = table(ratios)
    (folder / f"{stem}.md").write_text(text + "\n")
    (folder / f"{stem}.json").write_text(
        json.dumps({"provenance": where, "ratios": [vars(each) for each in ratios]}, indent=1)
    )
    print(text)
    versions = ", ".join(f"{name} {version}" for name, version in where["versions"].items())
    print(f"\n{where['machine']['processor']}, {where['machine']['cores']} cores; {versions}")


if __name__ == "__main__":
    main()
