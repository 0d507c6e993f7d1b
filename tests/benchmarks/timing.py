"""Ratios that mean something on a busy machine: the two sides take turns, medians are quoted."""

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Ratio:
    """Ours beside theirs: medians over the rounds, in `unit`, and the rounds' ratios.

    limit: what the ratio should stay under; None where it is shown for information.
    """

    name: str
    ours: float
    theirs: float
    unit: str
    ratios: tuple[float, ...]
    limit: float | None

    @classmethod
    def of(
        cls, name: str, ours: list[float], theirs: list[float], unit: str, limit: float | None
    ) -> "Ratio":
        """From the figures of each round."""
        ratios = tuple(a / b for a, b in zip(ours, theirs, strict=True))
        return cls(name, statistics.median(ours), statistics.median(theirs), unit, ratios, limit)

    @property
    def median(self) -> float:
        return statistics.median(self.ratios)

    @property
    def missed(self) -> bool:
        return self.limit is not None and self.median > self.limit


def take_turns(
    name: str,
    ours: Callable[[], float],
    theirs: Callable[[], float],
    rounds: int,
    limit: float | None,
    unit: str = "s",
) -> Ratio:
    """Measure both, in turn, `rounds` times; each returns its own figure in `unit`."""
    mine, other = zip(*((ours(), theirs()) for _ in range(rounds)), strict=True)
    return Ratio.of(name, list(mine), list(other), unit, limit)


def seconds_of(words: Sequence[str], folder: Path = ROOT) -> float:
    """Wall seconds of a command from its start to its end; raises if it fails."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    started = time.perf_counter()
    subprocess.run(words, cwd=folder, check=True, capture_output=True, env=environment)
    return time.perf_counter() - started
