"""Every figure of speed that this project claims, measured side by side.

    make bench                            all of it: about an hour on two cores
    make bench ARGS="step overhead"       a part, by its name
    make bench ARGS="sweep --rounds 2"    fewer rounds

Prints one table and writes it to outputs/bench/<names>.md and .json with the machine and versions.
"""

import argparse
import json
import logging
import sys
from collections.abc import Callable

import torch

from project.data.mnist import prepare
from project.runs.provenance import provenance
from tests.benchmarks import commands, dashboard, growth, steps
from tests.benchmarks.timing import ROOT, Ratio

ROUNDS = 5
DATA = ROOT / "outputs" / "data"


def framework_ratios(rounds: int) -> list[Ratio]:
    """The mini framework's steps; its import turns autograd off for the process."""
    from tests.benchmarks.framework_step import ratios

    torch.set_grad_enabled(True)
    return ratios(rounds)


# What is measured, given the number of rounds.
MEASUREMENTS: dict[str, Callable[[int], list[Ratio]]] = {
    "start": lambda rounds: commands.start_ratios(DATA, rounds),
    "step": lambda rounds: [
        steps.step_ratio(DATA, 3 * rounds, "ws_al_bn_do", limit=0.65),
        steps.step_ratio(DATA, rounds, "resnet", limit=None, steps=3),
    ],
    "framework": framework_ratios,
    "overhead": lambda rounds: [steps.overhead_ratio(DATA, rounds)],
    "dashboard": lambda rounds: dashboard.dashboard_ratios(DATA, rounds),
    "growth": lambda rounds: [
        growth.pairs_ratio(DATA, rounds),
        growth.memory_ratio(DATA),
        growth.runs_ratio(DATA),
    ],
    "sweep": lambda rounds: commands.sweep_ratios(DATA, rounds),
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
    parser = argparse.ArgumentParser(prog="tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *MEASUREMENTS], help="all by default")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    arguments = parser.parse_args()
    names = arguments.names or list(MEASUREMENTS)
    logging.getLogger().setLevel(logging.WARNING)
    prepare(DATA, "auto")
    ratios: list[Ratio] = []
    for name in names:
        print(f"measuring: {name}", file=sys.stderr, flush=True)
        ratios += MEASUREMENTS[name](arguments.rounds)
    where = provenance(threads=1)
    folder = ROOT / "outputs" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    stem = "-".join(arguments.names) or "all"
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
