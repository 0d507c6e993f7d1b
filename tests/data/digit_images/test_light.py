"""Claims about light that is no plane, and about marks on the paper that are no ink."""

import contextlib

import numpy as np
import pytest
from scipy import ndimage

from project.data.digit_images.decoding import ImageError
from project.data.images import as_mnist
from tests.data.digit_images.pages import DIGITS, Read, page, read_all

SIDE = page(DIGITS[0]).shape[0]
ROWS, COLUMNS = np.indices((SIDE, SIDE)) / (SIDE - 1)
DIAGONAL = (ROWS + 0.6 * COLUMNS) / 1.6


def light_half(dark: float, place: np.ndarray = COLUMNS, soft: float = 0) -> np.ndarray:
    """Return light that is weaker where `place` is below a half."""
    light = np.where(place < 0.5, dark, 1.0)
    return ndimage.gaussian_filter(light, soft * SIDE) if soft else light


LIGHTS: dict[str, np.ndarray] = {
    "from one side": 1 - 0.6 * DIAGONAL,
    "half, 0.7": light_half(0.7),
    "half, 0.5": light_half(0.5),
    "half, 0.35": light_half(0.35),
    "a slanted edge": light_half(0.5, DIAGONAL),
    "a soft edge": light_half(0.4, DIAGONAL, 0.04),
    "a lamp": 0.3 + 0.7 * np.exp(-4 * ((ROWS - 0.2) ** 2 + (COLUMNS - 0.7) ** 2)),
    "a vignette": 1 - 0.7 * (2 * ((ROWS - 0.5) ** 2 + (COLUMNS - 0.5) ** 2)) ** 1.5,
    "two shadows": light_half(0.6) * light_half(0.7, ROWS),
}


def crease(place: np.ndarray, by: float) -> np.ndarray:
    return 1 + by * np.exp(-0.5 * ((place - 0.45) * SIDE / 1.0) ** 2)


FOLDS: dict[str, np.ndarray] = {
    "a dark crease": crease(COLUMNS, -0.2),
    "a light crease": crease(COLUMNS, 0.1),
    "a crease and two sides": crease(ROWS, -0.2) * light_half(0.85, ROWS),
    "a cross": crease(COLUMNS, -0.15) * crease(ROWS, -0.15),
}


def printed(gap: int, width: int, along: bool, across: bool, strength: float) -> np.ndarray:
    """Return what printed lines leave of the light."""
    lines = np.zeros((SIDE, SIDE))
    for start in range(gap // 2, SIDE, gap):
        if across:
            lines[start : start + width] = 1
        if along:
            lines[:, start : start + width] = 1
    return 1 - strength * lines


PRINTED: dict[str, np.ndarray] = {
    "ruled": printed(40, 2, along=False, across=True, strength=0.3),
    "ruled upright": printed(40, 2, along=True, across=False, strength=0.3),
    "narrowly ruled": printed(22, 1, along=False, across=True, strength=0.3),
    "squared": printed(24, 1, along=True, across=True, strength=0.3),
    "faintly squared": printed(18, 1, along=True, across=True, strength=0.12),
}


@pytest.mark.parametrize("light", LIGHTS)
def test_light_that_is_no_plane_is_no_ink(light: str) -> None:
    """The digit is read in shadow and in light, and across the edge between them."""
    read = read_all(lambda digit: page(digit) * LIGHTS[light], DIGITS[::2])
    assert read == Read(same=5, refused=0, other=0)


@pytest.mark.parametrize("marks", FOLDS | PRINTED)
def test_folds_and_printed_lines_are_no_ink(marks: str) -> None:
    read = read_all(lambda digit: page(digit) * (FOLDS | PRINTED)[marks], DIGITS[::2])
    assert read.other == 0
    assert read.same >= 4


@pytest.mark.slow
@pytest.mark.parametrize("noise", [0, 0.01])
def test_pages_without_a_digit_are_refused(noise: float) -> None:
    read = []
    for name, marks in (LIGHTS | FOLDS | PRINTED).items():
        levels = 0.9 * marks + np.random.default_rng(0).normal(0, noise, marks.shape)
        with contextlib.suppress(ImageError):
            as_mnist(levels.clip(0, 1).astype(np.float32))
            read.append(name)
    assert len(read) <= 1, read


@pytest.mark.parametrize("deviation", [0.01, 0.05, 0.1, 0.3])
@pytest.mark.parametrize("side", [28, 200])
def test_noise_alone_is_refused(side: int, deviation: float) -> None:
    draw = np.random.default_rng(0)
    with pytest.raises(ImageError):
        as_mnist((0.7 + draw.normal(0, deviation, (side, side))).clip(0, 1).astype(np.float32))


def test_a_dark_page_in_uneven_light_gives_its_light_ink() -> None:
    light = 1 - 0.4 * DIAGONAL
    read = read_all(lambda digit: page(digit, paper=0.15, ink=0.85) * light)
    assert read == Read(same=len(DIGITS), refused=0, other=0)
