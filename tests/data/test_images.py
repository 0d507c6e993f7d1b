"""Claims about reading a digit: whatever the file is like, MNIST's digit comes out."""

import io
import re
import struct
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from project.data.digit_images.decoding import ImageError
from project.data.images import as_mnist, read_digit
from project.data.mnist_5k import read_halves

# Real digits, by number: what MNIST's own preparation has made.
DIGITS = read_halves()[0][0]
# What is paler than a twentieth of the strongest pixel passes for paper.
PALEST = 255 // 20


def enlarged(digit: np.ndarray, times: int) -> np.ndarray:
    return np.kron(digit, np.ones((times, times), np.uint8))


def saved(folder: Path, image: Image.Image, ending: str = "png", **options: Any) -> Path:
    path = folder / f"digit.{ending}"
    image.save(path, **options)
    return path


def difference(a: np.ndarray, b: np.ndarray) -> int:
    return int(np.abs(a.astype(int) - b).max())


@pytest.mark.parametrize("step", [25, pytest.param(5, marks=pytest.mark.slow)])
def test_mnists_own_digits_come_out_as_they_went_in(step: int) -> None:
    """Those with specks become cleaner; few are so broken that they pass for two digits."""
    same, refused = 0, 0
    for digit in DIGITS[::step]:
        try:
            same += difference(as_mnist(digit / np.float32(255)), digit) <= PALEST
        except ImageError:
            refused += 1
    assert same >= 0.95 * len(DIGITS[::step])
    assert refused <= 0.01 * len(DIGITS[::step])


def as_grey(ink: np.ndarray) -> Image.Image:
    return Image.fromarray(ink)


def as_ink_on_nothing(ink: np.ndarray) -> Image.Image:
    """One colour; the digit is in the alpha channel alone."""
    image = Image.new("RGBA", ink.shape[::-1], (10, 10, 90, 0))
    image.putalpha(as_grey(ink))
    return image


def as_light_ink_on_nothing(ink: np.ndarray) -> Image.Image:
    image = Image.new("LA", ink.shape[::-1], (255, 0))
    image.putalpha(as_grey(ink))
    return image


def as_transparent_palette(ink: np.ndarray) -> Image.Image:
    image = as_grey(255 - ink).convert("P")
    image.info["transparency"] = 255  # the paper's colour
    return image


MODES: dict[str, tuple[str, Callable[[np.ndarray], Image.Image]]] = {
    "grey": ("png", as_grey),
    "inverted": ("png", lambda ink: as_grey(255 - ink)),
    "RGB": ("bmp", lambda ink: as_grey(255 - ink).convert("RGB")),
    "RGBA": ("png", lambda ink: as_grey(255 - ink).convert("RGBA")),
    "ink on nothing": ("png", as_ink_on_nothing),
    "light ink on nothing": ("png", as_light_ink_on_nothing),
    "palette": ("png", lambda ink: as_grey(ink).convert("P")),
    "palette, transparent paper": ("png", as_transparent_palette),
    "GIF": ("gif", lambda ink: as_grey(ink).convert("P")),
    "16 bits": ("png", lambda ink: Image.fromarray(65535 - 257 * ink.astype(np.uint16))),
    "16 bits, faint": ("png", lambda ink: Image.fromarray(9000 - 20 * ink.astype(np.uint16))),
    "32 bits": ("tiff", lambda ink: Image.fromarray(70_000 * ink.astype(np.int32))),
    "floats": ("tiff", lambda ink: Image.fromarray(1 - ink.astype(np.float32) / 255)),
    "CMYK": ("tiff", lambda ink: as_grey(255 - ink).convert("RGB").convert("CMYK")),
    "YCbCr": ("jpg", lambda ink: as_grey(255 - ink).convert("YCbCr")),
    "PGM": ("pgm", lambda ink: as_grey(128 + ink // 2)),
    "WebP": ("webp", lambda ink: as_grey(ink).convert("RGB")),
}


def decides_itself(digit: np.ndarray) -> bool:
    """Whether its centre of mass is not all but between two pixels, where a rounding decides."""
    places = np.arange(28.0)
    centres = [digit.sum(1 - axis, dtype=float) @ places / digit.sum() for axis in (0, 1)]
    return all(abs(centre % 1 - 0.5) > 0.02 for centre in centres)


# Those without specks: of the others the rest is scaled anew.
CLEAN = [
    digit
    for digit in DIGITS[100:160]
    if difference(as_mnist(digit / np.float32(255)), digit) <= PALEST and decides_itself(digit)
]


@pytest.mark.parametrize("mode", MODES)
def test_size_place_mode_and_polarity_change_nothing(tmp_path: Path, mode: str) -> None:
    """But for rounding, a digit's palest parts, and what JPEG does: too much for 28 pixels."""
    ending, render = MODES[mode]
    options = {"jpg": {"quality": 95}, "webp": {"lossless": True}}.get(ending, {})
    draw = np.random.default_rng(list(MODES).index(mode))
    for digit in draw.permutation(CLEAN)[:6]:
        ink = enlarged(digit, int(draw.integers(2, 9)))
        ink = np.pad(ink, draw.integers(0, 60, (2, 2)))
        got = read_digit(saved(tmp_path, render(ink), ending, **options))
        assert np.abs(got.astype(int) - digit).mean() < 3


def test_a_bitmap_gives_the_bitmaps_digit(tmp_path: Path) -> None:
    black = np.where(CLEAN[0] > 127, 255, 0).astype(np.uint8)
    path = saved(tmp_path, as_grey(255 - enlarged(black, 9)).convert("1"))
    assert difference(read_digit(path), as_mnist(black / np.float32(255))) <= 1


def test_a_photograph_is_turned_as_its_camera_was_held(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned by 90 degrees clockwise
    lying = as_grey(enlarged(CLEAN[0], 5)).transpose(Image.Transpose.ROTATE_90)
    path = saved(tmp_path, lying, exif=exif)
    assert difference(read_digit(path), CLEAN[0]) <= PALEST


def test_of_several_pictures_in_a_file_the_first_counts(tmp_path: Path) -> None:
    first, second = (as_grey(enlarged(digit, 8)) for digit in CLEAN[:2])
    for ending in ("gif", "tiff", "mpo"):
        path = saved(tmp_path, first, ending, save_all=True, append_images=[second])
        assert difference(read_digit(path), CLEAN[0]) <= 60, ending


@pytest.mark.parametrize("slope", [0, 60], ids=["even light", "light from one side"])
@pytest.mark.parametrize("noise", [0, 2, 8])
def test_shade_and_noise_of_a_photograph_are_no_ink(slope: float, noise: float) -> None:
    draw = np.random.default_rng(0)
    ink = np.pad(enlarged(CLEAN[0], 10), 40).astype(float)
    shade = np.linspace(-slope / 2, slope / 2, ink.shape[1])
    photo = (190 + shade) * (1 - 0.6 * ink / 255) + draw.normal(0, noise, ink.shape)
    got = as_mnist((photo.round().clip(0, 255) / 255).astype(np.float32))
    assert np.abs(got.astype(int) - CLEAN[0]).mean() < 1 + noise


@pytest.mark.parametrize("slope", [0, 15], ids=["even light", "light from one side"])
def test_a_digit_may_reach_the_border(slope: float) -> None:
    """As long as most of the border is paper, which for a straight 1 it is not."""
    read = 0
    for digit in CLEAN[:20]:
        box = digit[digit.any(1)][:, digit.any(0)]
        shade = np.linspace(-slope, slope, 6 * len(box))[:, None]
        photo = (180 + shade) * (1 - 0.7 * enlarged(box, 6) / 255) / 255
        with suppress(ImageError):
            got = as_mnist(photo.astype(np.float32))
            read += np.abs(got.astype(int) - digit).mean() < 3
    assert read >= 0.75 * 20


def test_thin_strokes_are_as_strong_as_mnists() -> None:
    page = np.ones((500, 300), np.float32)
    page[50:450, 150] = 0
    digit = as_mnist(page)
    assert digit.max() == 255
    assert np.argwhere(digit).tolist() == [[row, 14] for row in range(4, 24)]


def test_centre_of_mass_and_box_are_mnists() -> None:
    """An L: its mass is low and to the left in its box."""
    page = np.zeros((100, 120), np.float32)
    page[20:60, 30:34] = 1
    page[56:60, 30:50] = 1
    digit = as_mnist(page).astype(float)
    rows, columns = (np.flatnonzero(digit.any(axis)) for axis in (1, 0))
    assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == (20, 10)
    for axis in (0, 1):
        centre = digit.sum(1 - axis) @ np.arange(28) / digit.sum()
        assert 13.5 <= centre < 14.5


def png_header(width: int, height: int) -> bytes:
    """A picture of that size which holds no pixel."""
    header = b"IHDR" + struct.pack(">2I5B", width, height, 8, 0, 0, 0, 0)
    pixels = b"IDAT"
    chunks = (struct.pack(">I", len(each) - 4) + each for each in (header, pixels))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        chunk + struct.pack(">I", zlib.crc32(chunk[4:])) for chunk in chunks
    )


def whole_png() -> bytes:
    file = io.BytesIO()
    as_grey(enlarged(CLEAN[0], 10)).save(file, format="PNG")
    return file.getvalue()


BAD_FILES = {
    "empty": (b"", r"is empty \(0 bytes\)"),
    "text": (b"no image at all", "is no image, or none of PNG"),
    "truncated": (whole_png()[:200], "cannot be read"),
    "damaged": (whole_png()[:60] + bytes(40) + whole_png()[100:], "cannot be read"),
    "enormous": (
        png_header(20_000, 12_501),
        "is too large: 20000 x 12501 pixels are more than 250",
    ),
    "a bomb": (png_header(60_000, 60_000), "is too large: 60000 x 60000 pixels are more than 250"),
}


@pytest.mark.parametrize(("content", "message"), BAD_FILES.values(), ids=BAD_FILES.keys())
def test_a_bad_file_is_named_with_what_is_wrong(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=f"^{re.escape(str(path))} {message}"):
        read_digit(path)


def test_what_is_no_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="is no file"):
        read_digit(tmp_path)
    with pytest.raises(ImageError, match="does not exist"):
        read_digit(tmp_path / "a.png")


def beside(*digits: np.ndarray, gap: int = 3) -> np.ndarray:
    """Their boxes in one row."""
    boxes = [digit[4:24][:, digit.any(0)] for digit in digits]
    return np.pad(np.hstack([np.pad(box, ((0, 0), (0, gap))) for box in boxes]), 8)


def blank(noise: float) -> np.ndarray:
    return np.random.default_rng(0).normal(180, noise, (300, 300)).clip(0, 255)


UNREADABLE = {
    "all white": (np.full((50, 50), 255), "holds no ink"),
    "one pixel": (np.full((1, 1), 255), "holds no ink"),
    "noise": (blank(4), "holds no ink"),
    "much noise": (blank(30), "holds no ink|more than one digit"),
    "a speck": (np.pad(np.full((2, 3), 255), 20), "holds no ink: nothing of a digit's size"),
    "two digits": (beside(*CLEAN[:2]), "more than one digit"),
    "three digits": (beside(*CLEAN[:3], gap=1), "more than one digit"),
    "one above the other": (beside(*(each.T for each in CLEAN[:2])).T, "more than one digit"),
    "a line": (np.pad(np.full((4, 60), 255), 20), "holds no ink|more than one digit"),
}


@pytest.mark.parametrize(("pixels", "message"), UNREADABLE.values(), ids=UNREADABLE.keys())
def test_what_is_no_single_digit_is_refused(pixels: np.ndarray, message: str) -> None:
    with pytest.raises(ImageError, match=message):
        as_mnist((pixels / 255).astype(np.float32))


def test_a_digit_of_two_marks_is_one_digit() -> None:
    """A 5 whose bar stands apart, and dust."""
    page = np.zeros((120, 100), np.float32)
    page[20:26, 30:70] = 1
    page[40:100, 30:36] = 1
    page[94:100, 30:70] = 1
    clean = as_mnist(page)
    assert clean[4:7].any()
    page[2:4, 90:92] = 1
    np.testing.assert_array_equal(as_mnist(page), clean)
