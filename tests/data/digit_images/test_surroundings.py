"""Claims about images whose outermost pixels are not the paper: the digit is read, or refused."""

import io
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from project.data.images import as_mnist, read_digit
from tests.data.digit_images.pages import DIGITS, SAME, Read, ink_on_page, page, read_all

SLOW = pytest.mark.slow
COLOURS = {
    "black": (0, 0, 0),
    "white": (1, 1, 1),
    "grey": (0.5, 0.5, 0.5),
    "red": (0.8, 0.1, 0.1),
    "blue": (0.1, 0.2, 0.6),
}
Widths = tuple[tuple[int, int], tuple[int, int]]
MARGINS: dict[str, Widths] = {
    "a frame of one pixel": ((1, 1), (1, 1)),
    "a frame of eight pixels": ((8, 8), (8, 8)),
    "a margin": ((30, 60), (10, 80)),
    "a margin on one side": ((0, 0), (0, 50)),
    "letterbox bars": ((60, 60), (0, 0)),
    "pillar bars": ((0, 0), (60, 60)),
}


def surrounded(levels: np.ndarray, widths: Widths, colour: tuple[float, ...]) -> np.ndarray:
    """Put levels (H, W) into a larger picture (H, W, 3) of one colour."""
    return np.stack([np.pad(levels, widths, constant_values=each) for each in colour], axis=2)


@pytest.mark.parametrize("widths", MARGINS)
@pytest.mark.parametrize(("paper", "ink"), [(0.9, 0.1), (0.15, 0.85)], ids=["dark", "light"])
def test_what_lies_round_a_page_is_no_ink(widths: str, paper: float, ink: float) -> None:
    for digit, colour in zip(DIGITS[1::2], COLOURS.values(), strict=True):
        picture = surrounded(page(digit, paper, ink), MARGINS[widths], colour)
        got = as_mnist(picture.astype(np.float32))
        assert np.abs(got.astype(int) - digit).mean() < SAME, colour


@pytest.mark.parametrize("width", [1, 2, 4])
def test_a_frame_round_an_image_of_28_pixels_is_no_ink(width: int) -> None:
    def make(digit: np.ndarray) -> np.ndarray:
        return np.pad(1 - digit / 255, width)

    read = read_all(make)
    assert read.other <= 1
    assert read.same >= 0.7 * len(DIGITS)


def test_one_frame_in_another_is_no_ink() -> None:
    def make(digit: np.ndarray) -> np.ndarray:
        return np.pad(np.pad(page(digit), 3, constant_values=0.4), 5)

    assert read_all(make, DIGITS[::2]) == Read(same=5, refused=0, other=0)


@pytest.mark.parametrize("slope", [0, 0.04], ids=["straight", "slanted"])
@pytest.mark.parametrize("sides", [(1,), (0, 3)], ids=str)
def test_a_scanners_black_edge_is_no_ink(sides: tuple[int, ...], slope: float) -> None:
    def make(digit: np.ndarray) -> np.ndarray:
        scan = page(digit)
        for side in sides:
            turned = np.rot90(scan, side)
            rows, columns = np.indices(turned.shape)
            turned[rows < 4 + slope * columns] = 0.05
        return scan

    read = read_all(make, DIGITS[1::2])
    assert read.other == 0
    assert read.same >= 4


def see_through_margin(levels: np.ndarray) -> Image.Image:
    """Return an opaque page on a canvas that is transparent."""
    opaque = Image.fromarray(np.rint(255 * levels).astype(np.uint8))
    canvas = Image.new("LA", (opaque.width + 70, opaque.height + 40), (0, 0))
    canvas.paste(opaque.convert("LA"), (20, 10))
    return canvas


SEE_THROUGH: dict[str, Callable[[Image.Image], Image.Image]] = {
    "grey": lambda canvas: canvas,
    "colour": lambda canvas: canvas.convert("RGBA"),
    "palette": lambda canvas: canvas.convert("RGBA").quantize(64),
}


@pytest.mark.parametrize("mode", SEE_THROUGH)
@pytest.mark.parametrize(("paper", "ink"), [(0.9, 0.1), (0.15, 0.85)], ids=["dark", "light"])
def test_a_transparent_margin_round_an_opaque_page_is_no_ink(
    tmp_path: Path, mode: str, paper: float, ink: float
) -> None:
    for digit in DIGITS[::4]:
        canvas = SEE_THROUGH[mode](see_through_margin(page(digit, paper, ink)))
        canvas.save(tmp_path / "page.png")
        got = read_digit(tmp_path / "page.png")
        assert np.abs(got.astype(int) - digit).mean() < SAME


def gif_on_larger_screen(levels: np.ndarray) -> bytes:
    """Return a GIF whose only frame lies within a screen that is 40 pixels larger each way."""
    file = io.BytesIO()
    Image.fromarray(np.rint(255 * levels).astype(np.uint8)).save(file, "GIF")
    content, (height, width) = file.getvalue(), levels.shape
    frame = b"\x2c" + struct.pack("<4H", 0, 0, width, height)
    assert content.count(frame) == 1
    content = content.replace(frame, b"\x2c" + struct.pack("<4H", 25, 10, width, height))
    return content[:6] + struct.pack("<2H", width + 40, height + 40) + content[10:]


@pytest.mark.parametrize(("paper", "ink"), [(0.9, 0.1), (0.15, 0.85)], ids=["dark", "light"])
def test_a_gif_smaller_than_its_screen_gives_the_digit(
    tmp_path: Path, paper: float, ink: float
) -> None:
    for digit in DIGITS[::4]:
        (tmp_path / "page.gif").write_bytes(gif_on_larger_screen(page(digit, paper, ink)))
        with Image.open(tmp_path / "page.gif") as image:
            assert image.size == (230, 230)
        got = read_digit(tmp_path / "page.gif")
        assert np.abs(got.astype(int) - digit).mean() < SAME


@pytest.mark.parametrize("scrap", [0.3, 0.9], ids=["an empty desk", "a scrap of paper beside"])
@pytest.mark.parametrize("angle", [7, pytest.param(0, marks=SLOW), pytest.param(-20, marks=SLOW)])
def test_a_desk_round_a_sheet_is_no_ink(angle: float, scrap: float) -> None:
    def make(digit: np.ndarray) -> np.ndarray:
        sheet = Image.fromarray(page(digit).astype(np.float32))
        placed = Image.new("F", (400, 400), 0)
        placed.paste(sheet, (110, 110))
        mask = Image.new("F", (400, 400), 0)
        mask.paste(1.0, (110, 110, 110 + sheet.width, 110 + sheet.height))
        seen, on = (
            np.asarray(each.rotate(angle, Image.Resampling.BILINEAR)) for each in (placed, mask)
        )
        picture = seen + 0.3 * (1 - on)
        picture[8:28, 8:28] = scrap
        return picture

    def turned(digit: np.ndarray) -> np.ndarray:
        ink = Image.fromarray(ink_on_page(digit).astype(np.float32))
        return as_mnist(1 - np.asarray(ink.rotate(angle, Image.Resampling.BILINEAR)))

    for digit in DIGITS[::2]:
        got = as_mnist(make(digit).astype(np.float32))
        assert np.abs(got.astype(int) - turned(digit)).mean() < SAME
