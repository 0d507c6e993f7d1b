"""A thousand photographs drawn, read and counted."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from project.data.digit_images.decoding import ImageError
from project.data.images import read_digit
from project.predict import answer
from project.training.load_run import LoadedRun
from tests.data.photographs.conditions import CONDITIONS
from tests.data.photographs.strokes import digit_in_parts, digit_of_strokes

PHOTOGRAPHS = 1000
SURE = 0.9


@dataclass(frozen=True)
class Reading:
    """What was read from a photograph of the digit `label`; digit and sure are None if refused."""

    condition: str
    name: str
    label: int
    digit: int | None
    sure: float | None
    refusal: str = ""

    @property
    def wrong(self) -> bool:
        return self.digit is not None and self.digit != self.label

    @property
    def wrong_and_sure(self) -> bool:
        return self.wrong and self.sure is not None and self.sure > SURE


@dataclass(frozen=True)
class Counts:
    """Of photographs that all hold one digit. Two refusals count as one error."""

    photographs: int
    right: int
    refused: int
    wrong: int
    wrong_and_sure: int

    @property
    def errors(self) -> float:
        return self.wrong + self.refused / 2


def counted(readings: Sequence[Reading]) -> Counts:
    return Counts(
        photographs=len(readings),
        right=sum(each.digit == each.label for each in readings),
        refused=sum(each.digit is None for each in readings),
        wrong=sum(each.wrong for each in readings),
        wrong_and_sure=sum(each.wrong_and_sure for each in readings),
    )


def photographs(
    folder: Path, seed: int, images: np.ndarray, labels: np.ndarray, count: int = PHOTOGRAPHS
) -> Iterator[tuple[str, int, Path]]:
    """Draw `count` photographs into `folder`: condition, digit and file of each.

    images: (N, 28, 28) bytes, labels: (N,); no digit of them is taken twice. Every other photograph
    is of strokes instead, its label by turns.
    """
    order = np.random.default_rng([seed, 0]).permutation(len(labels))
    for number in range(count):
        place, name = number % len(CONDITIONS), list(CONDITIONS)[number % len(CONDITIONS)]
        turn = number // len(CONDITIONS)
        draw = np.random.default_rng([seed, 1 + place, turn])
        if turn % 2:
            label = int(draw.integers(10))
            parts = name == "two parts" and label in (4, 5, 8)
            coverage = (digit_in_parts if parts else digit_of_strokes)(label, draw)
        else:
            label = int(labels[order[number]])
            coverage = images[order[number]].astype(np.float32) / 255
        content, ending = CONDITIONS[name](draw, coverage)
        path = folder / f"{place + 1:02}-{name.replace(' ', '_')}-{turn:03}.{ending}"
        path.write_bytes(content)
        yield name, label, path


def read(trained: LoadedRun, data: str | None, files: Sequence[tuple[str, int, Path]]) -> list:
    """What the run reads from each photograph, in their order."""
    digits, refusals = [], {}
    for _, _, path in files:
        try:
            digits.append(read_digit(path))
        except ImageError as error:
            refusals[path] = str(error)
    odd = len(digits) % 2
    pairs = np.stack(digits + digits[:1] * odd).reshape(-1, 2, 28, 28)
    _, answers = answer(trained, data, pairs)
    said = [
        each
        for pair in answers
        for each in zip(pair["digits"], pair["digit_probabilities"], strict=True)
    ]
    read = iter(said)
    return [
        Reading(name, path.name, label, None, None, refusals[path])
        if path in refusals
        else Reading(name, path.name, label, *next(read))
        for name, label, path in files
    ]
