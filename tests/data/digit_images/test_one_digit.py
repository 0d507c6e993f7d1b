"""Claims about digits in several parts, and about more than one digit."""

import contextlib
from collections.abc import Callable

import numpy as np
import pytest

from project.data.digit_images.decoding import ImageError
from project.data.images import as_mnist
from tests.data.digit_images.pages import DIGITS
from tests.data.photographs.strokes import digit_in_parts

NUMBER = 5


@pytest.mark.parametrize(("label", "kind"), [(4, "open gap"), (5, "bar apart"), (8, "two circles")])
def test_a_digit_in_two_parts_is_one_digit(label: int, kind: str) -> None:
    """Where both parts are in the result; else a refusal says how to insist."""
    read, insist = 0, 0
    for seed in range(NUMBER):
        coverage = digit_in_parts(label, np.random.default_rng(seed))
        try:
            got = as_mnist(1 - coverage)
        except ImageError as error:
            insist += "--single" in str(error)
        else:
            read += np.array_equal(got, as_mnist(1 - coverage, single=True))
    assert read + insist == NUMBER, kind
    assert read >= 3


def beside(first: np.ndarray, second: np.ndarray, gap: int) -> np.ndarray:
    boxes = [digit[4:24][:, digit.any(0)] for digit in (first, second)]
    return np.pad(np.hstack([boxes[0], np.zeros((20, gap)), boxes[1]]), 10) / 255


def above(first: np.ndarray, second: np.ndarray, gap: int) -> np.ndarray:
    return np.pad(np.vstack([first[4:24], np.zeros((gap, 28)), second[4:24]]), 10) / 255


@pytest.mark.parametrize("gap", [3, 8, 16])
@pytest.mark.parametrize("put", [beside, above])
def test_two_digits_are_refused(
    put: Callable[[np.ndarray, np.ndarray, int], np.ndarray], gap: int
) -> None:
    """But for few that stand close together, whose parts could be those of one digit."""
    refused = 0
    for first, second in zip(DIGITS, DIGITS[3:] + DIGITS[:3], strict=True):
        ink = np.kron(put(first, second, gap), np.ones((4, 4)))
        with contextlib.suppress(ImageError):
            as_mnist((1 - ink).astype(np.float32))
            continue
        refused += 1
    assert refused >= (0.8 if gap == 3 else 1) * len(DIGITS)


def test_the_refusal_says_how_to_insist() -> None:
    ink = np.kron(beside(DIGITS[2], DIGITS[3], 6), np.ones((4, 4)))
    with pytest.raises(ImageError, match=r"more than one digit .*, or insist .* with --single$"):
        as_mnist((1 - ink).astype(np.float32))


def test_who_insists_gets_both_marks() -> None:
    ink = np.kron(beside(DIGITS[2], DIGITS[3], 6), np.ones((4, 4)))
    digit = as_mnist((1 - ink).astype(np.float32), single=True)
    columns = np.flatnonzero(digit.any(0))
    assert (columns[-1] - columns[0] + 1, digit.max()) == (20, 255)
    assert (np.diff(columns) > 1).any()


@pytest.mark.parametrize(
    ("paper", "ink"),
    [
        ((0, 130, 0), (255, 0, 0)),
        ((255, 0, 0), (0, 130, 0)),
        ((30, 90, 250), (150, 88, 0)),
        ((255, 255, 0), (160, 255, 255)),
        ((120, 120, 120), (250, 60, 110)),
        ((90, 0, 0), (0, 0, 236)),
    ],
    ids=str,
)
def test_ink_may_be_as_bright_as_its_paper(paper: tuple[int, ...], ink: tuple[int, ...]) -> None:
    """Contrast counts over colour, not over brightness alone."""
    weights = np.array([0.299, 0.587, 0.114])
    assert abs(weights @ np.subtract(paper, ink)) < 0.05 * 255
    for digit in DIGITS[::3]:
        alpha = np.pad(np.kron(digit, np.ones((5, 5))) / 255, 25)[..., None]
        levels = (np.array(paper) * (1 - alpha) + np.array(ink) * alpha) / 255
        got = as_mnist(levels.astype(np.float32))
        assert np.abs(got.astype(int) - digit).mean() < 5
