"""Pages with one of MNIST's digits each, and what is read from them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from project.data.digit_images.decoding import ImageError
from project.data.images import as_mnist
from project.data.mnist_5k import read_halves

# Digits that come out as they went in, one of each class.
IMAGES, LABELS = read_halves()[1]
TIMES, MARGIN = 5, 25
SAME = 25  # of 255, in the mean: moved by a pixel a digit differs by 22, from another one by 50


def _clean() -> list[np.ndarray]:
    found: list[np.ndarray] = []
    for label in range(10):
        of_class = []
        for digit in IMAGES[label == LABELS]:
            if np.array_equal(digit, as_mnist(digit / np.float32(255))):
                of_class.append(digit)
            if of_class:
                break
        found += of_class
    return found


DIGITS = _clean()


def ink_on_page(digit: np.ndarray, times: int = TIMES, margin: int = MARGIN) -> np.ndarray:
    """Return the digit enlarged, 1 for ink (H, W)."""
    return np.pad(np.kron(digit, np.ones((times, times))) / 255, margin)


def page(digit: np.ndarray, paper: float = 0.9, ink: float = 0.1) -> np.ndarray:
    """Return levels (H, W)."""
    return paper + (ink - paper) * ink_on_page(digit)


@dataclass(frozen=True)
class Read:
    """How many of the digits were read, refused, or read as another picture."""

    same: int
    refused: int
    other: int


def read_all(
    make: Callable[[np.ndarray], np.ndarray], digits: Iterable[np.ndarray] = DIGITS
) -> Read:
    """Read what `make` makes of each digit: levels (H, W) or (H, W, 3)."""
    same = refused = other = 0
    for digit in digits:
        try:
            got = as_mnist(make(digit).astype(np.float32))
        except ImageError:
            refused += 1
            continue
        if np.abs(got.astype(int) - digit).mean() < SAME:
            same += 1
        else:
            other += 1
    return Read(same, refused, other)
