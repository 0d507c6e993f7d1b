"""Mutation testing: single lines of project/ are changed, and their tests must notice.

    python -m tests.mutation --count 60 --seed 0           the checkout that it stands in
    python -m tests.mutation --count 60 --seed 0 --root ../other --python ../other/.venv/bin/python

A copy of the checkout is changed, one line at a time, drawn by the seed among those lines that an
operator below applies to. Against each mutant run the tests of the file's own name, else those of
its folder; it is killed if one of them fails that passes without the mutant. The last line
printed is the score.
"""

import argparse
import io
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

OPERATORS = (
    (r" == ", " != "), (r" != ", " == "), (r" < ", " >= "), (r" > ", " <= "), (r" <= ", " > "),
    (r" >= ", " < "), (r" and ", " or "), (r" or ", " and "), (r" is not None", " is None"),
    (r" is None", " is not None"), (r" not in ", " in "), (r"\bnot ", ""), (r"\bTrue\b", "False"),
    (r"\bFalse\b", "True"), (r" \+ ", " - "), (r" - ", " + "), (r" \* ", " / "), (r" // ", " * "),
    (r"\breturn (?!None).+", "return None"), (r"\b0\b", "1"), (r"\b1\b", "2"), (r"\bmin\(", "max("),
    (r"\bmax\(", "min("), (r"\bcontinue\b", "break"),
)  # fmt: skip
SKIPPED = re.compile(r"^\s*(#|@|import |from |class |def |raise |assert |log\.|\"\"\"|f?\")")


@dataclass(frozen=True)
class Mutant:
    """A line that is changed.

    Attributes:
        path: The file, below the checkout.
        number: The line, from 1.
        before: What stands there.
        after: What takes its place.
    """

    path: Path
    number: int
    before: str
    after: str


def code_lines(path: Path) -> set[int]:
    """Return the lines of a file that hold code, without docstrings and other texts."""
    text = path.read_text(encoding="utf-8")
    lines: set[int] = set()
    texts: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in (tokenize.OP, tokenize.NAME, tokenize.NUMBER):
            lines.add(token.start[0])
        elif token.type == tokenize.STRING and "\n" in token.string:
            texts |= set(range(token.start[0], token.end[0] + 1))
    return lines - texts


def mutants(root: Path) -> Iterator[Mutant]:
    """Yield every mutant of the package that still compiles."""
    for path in sorted((root / "project").rglob("*.py")):
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        for number in sorted(code_lines(path)):
            before = lines[number - 1]
            if SKIPPED.match(before):
                continue
            for pattern, replacement in OPERATORS:
                after = re.sub(pattern, replacement, before, count=1)
                if after == before:
                    continue
                changed = "".join([*lines[: number - 1], after, *lines[number:]])
                try:
                    compile(changed, str(path), "exec")
                except SyntaxError:
                    continue
                yield Mutant(path.relative_to(root), number, before, after)


def mirroring_tests(root: Path, path: Path) -> list[str]:
    """Return the test files of a file's name, else the folder that mirrors its own."""
    parts = path.with_suffix("").parts[1:]
    folder = root.joinpath("tests", *parts[:-1])
    own = sorted(folder.glob(f"test_{parts[-1].strip('_')}*.py")) if folder.is_dir() else []
    while not own and not any(folder.glob("test_*.py")):
        folder = folder.parent
    return [str(each.relative_to(root)) for each in own] or [str(folder.relative_to(root))]


class Tests:
    """The tests of a copy of a checkout."""

    def __init__(self, root: Path, python: str, timeout: float) -> None:
        self.root, self.python, self.timeout = root, python, timeout
        self._sound: set[tuple[str, ...]] = set()  # tests that pass without a mutant

    def notice(self, mutant: Mutant) -> bool:
        """Whether the tests notice a mutant; one that hangs them is noticed too."""
        chosen = mirroring_tests(self.root, mutant.path)
        path = self.root / mutant.path
        before = path.read_text(encoding="utf-8")
        lines = before.splitlines(keepends=True)
        lines[mutant.number - 1] = mutant.after
        path.write_text("".join(lines), encoding="utf-8")
        try:
            noticed = not self._pass(chosen)
        finally:
            path.write_text(before, encoding="utf-8")
        if noticed and tuple(chosen) not in self._sound:
            if not self._pass(chosen):
                sys.exit(f"error: {' '.join(chosen)} fails without a mutant too")
            self._sound.add(tuple(chosen))
        return noticed

    def _pass(self, chosen: list[str]) -> bool:
        try:
            done = subprocess.run(
                [self.python, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-n", "0",
                 *chosen],
                cwd=self.root, env={**os.environ, "PYTHONPATH": str(self.root)},
                capture_output=True, text=True, timeout=self.timeout,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0


def main() -> None:
    """Draw the mutants, try each, print the score."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--root", type=Path, default=Path(__file__).parents[1])
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--timeout", type=float, default=600.0, help="seconds for each mutant")
    asked = parser.parse_args()
    every = list(mutants(asked.root))
    drawn = random.Random(asked.seed).sample(every, min(asked.count, len(every)))
    killed = 0
    with tempfile.TemporaryDirectory(prefix="mutation-") as name:
        copy = Path(name) / "checkout"
        ignored = shutil.ignore_patterns(".git", ".venv", "outputs", "__pycache__", ".*_cache")
        shutil.copytree(asked.root, copy, ignore=ignored)
        (copy / "outputs").mkdir(exist_ok=True)
        # Some tests ask git for the commit, and one reads the copy without root's rights.
        Path(name).chmod(0o755)
        for words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "as it is"]):
            identity = ["-c", "user.name=mutation", "-c", "user.email=mutation@localhost"]
            subprocess.run(["git", *identity, *words], cwd=copy, check=True)
        tests = Tests(copy, asked.python, asked.timeout)
        for number, mutant in enumerate(drawn, start=1):
            found = tests.notice(mutant)
            killed += found
            print(
                f"[{number}/{len(drawn)}] {'killed  ' if found else 'SURVIVED'} "
                f"{mutant.path}:{mutant.number}: {mutant.before.strip()} -> {mutant.after.strip()}",
                flush=True,
            )
    print(f"{killed} of {len(drawn)} mutants killed (seed {asked.seed}, of {len(every)} possible)")


if __name__ == "__main__":
    main()
