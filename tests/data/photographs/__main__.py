"""python -m tests.data.photographs run=DIRECTORY: what the run reads from 1,000 photographs.

    python -m tests.data.photographs run=DIRECTORY [paths.data=DIRECTORY] [--seed 0] [--keep FOLDER]

Prints the counts by condition, and names what was not read right. Exit code 1 if more than 3 % are
wrong (two refusals are one error) or more than 1 % wrong with over 90 % certainty.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from project.data.mnist import load_mnist
from project.training.run_words import read_run_words
from tests.data.photographs.conditions import CONDITIONS
from tests.data.photographs.reading import PHOTOGRAPHS, Reading, counted, photographs, read


def table(readings: list[Reading]) -> list[str]:
    """Counts by condition, and of all."""
    lines = [f"{'':28}{'read':>6}{'right':>7}{'refused':>9}{'wrong':>7}{'over 90 % sure':>16}"]
    for name in (*CONDITIONS, "all"):
        counts = counted([each for each in readings if name in (each.condition, "all")])
        lines.append(
            f"{name:28}{counts.photographs:6}{counts.right:7}{counts.refused:9}{counts.wrong:7}"
            f"{counts.wrong_and_sure:16}"
        )
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.data.photographs", description=__doc__)
    parser.add_argument("words", nargs="+", help="best or run=DIRECTORY, paths.data=DIRECTORY")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=PHOTOGRAPHS)
    parser.add_argument("--keep", type=Path, help="where the photographs are kept")
    arguments = parser.parse_args()
    asked = read_run_words(arguments.words)
    trained = asked.open()
    root = Path(asked.data or trained.config["paths"]["data"])
    test = load_mnist(root, trained.config["data"]["source"]).test
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        files = list(
            photographs(
                folder, arguments.seed, test.images.numpy(), test.labels.numpy(), arguments.count
            )
        )
        readings = read(trained, asked.data, files)
    for each in readings:
        if each.digit is None:
            print(f"{each.name}: a {each.label}, refused: {each.refusal.split(' ', 1)[1]}")
        elif each.wrong:
            print(f"{each.name}: a {each.label}, read as {each.digit} ({each.sure:.3f})")
    print("\n".join(table(readings)))
    counts = counted(readings)
    print(f"errors {counts.errors:g} of {counts.photographs}, {counts.wrong_and_sure} of them sure")
    held = counts.errors <= 0.03 * len(readings) and counts.wrong_and_sure <= 0.01 * len(readings)
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
