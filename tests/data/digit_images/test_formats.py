"""Claims about what kinds of files are images, and about the numbers in them."""

import io
import struct
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features

from project.data.digit_images.decoding import ImageError, read_levels
from project.data.digit_images.formats import is_image
from project.data.images import read_digit
from tests.data.digit_images.pages import DIGITS, SAME, page
from tests.data.photographs.files import bmp_without_alpha, tiff

DIGIT = DIGITS[3]
GREY = page(DIGIT)
BYTES = np.rint(255 * GREY).astype(np.uint8)


def encoded(pixels: np.ndarray, form: str, **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, form, **options)
    return file.getvalue()


def box(brand: bytes) -> bytes:
    return struct.pack(">I", 24) + b"ftyp" + brand + bytes(4) + b"mif1" + brand + bytes(200)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM"])
@pytest.mark.parametrize("name", ["digit.jfif", "digit", "digit.txt"])
def test_content_and_not_the_ending_says_what_an_image_is(
    tmp_path: Path, form: str, name: str
) -> None:
    (tmp_path / name).write_bytes(encoded(BYTES, form))
    assert is_image(tmp_path / name)
    assert np.abs(read_digit(tmp_path / name).astype(int) - DIGIT).mean() < SAME


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow was built without AVIF")
def test_avif_is_read_where_pillow_can(tmp_path: Path) -> None:
    (tmp_path / "digit.avif").write_bytes(encoded(BYTES, "AVIF", quality=90))
    assert np.abs(read_digit(tmp_path / "digit.avif").astype(int) - DIGIT).mean() < 2


UNREAD = {
    "HEIC": (box(b"heic"), "is HEIC, which Pillow reads with a plug-in: pip install pillow-heif"),
    "raw": (struct.pack(">I", 24) + b"ftypcrx " + bytes(100), "is a raw photograph, which is not"),
    "PDF": (b"%PDF-1.7\n" + bytes(100), "is a PDF document, which is not read here; save it as"),
    "SVG": (b"<svg xmlns='a'/>", "is an SVG drawing"),
    "JPEG XL": (b"\xff\x0a" + bytes(100), "is JPEG XL"),
    "Photoshop": (b"8BPS" + bytes(100), "is a Photoshop document"),
    "PostScript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "is a PostScript"),
}


@pytest.mark.parametrize(("content", "why"), UNREAD.values(), ids=UNREAD.keys())
def test_an_image_that_is_not_read_here_is_named_as_what_it_is(
    tmp_path: Path, content: bytes, why: str
) -> None:
    (tmp_path / "a.jpg").write_bytes(content)
    assert is_image(tmp_path / "a.jpg")
    with pytest.raises(ImageError, match=f"a.jpg {why}"):
        read_digit(tmp_path / "a.jpg")


@pytest.mark.parametrize(
    "content", [b"", b"text", b"a,b\n1,2\n", b"\0\0\0\x20ftypqt  " + bytes(100)], ids=repr
)
def test_other_files_are_no_images(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    assert not is_image(tmp_path / "a")


PLUG_IN = """
from PIL import Image

def register_heif_opener():
    class Heif(Image.Image):
        pass
    def opened(file, name):
        image = Image.open({path!r})
        image.load()
        return image
    Image.register_open("HEIF", opened, lambda head: head[4:12] == b"ftypheic")
"""


def test_heic_is_read_where_the_plug_in_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stand-in for pillow-heif: that it is found, asked to register, and that Pillow uses it."""
    (tmp_path / "digit.png").write_bytes(encoded(BYTES, "PNG"))
    source = PLUG_IN.format(path=str(tmp_path / "digit.png"))
    (tmp_path / "pillow_heif.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(Image, "OPEN", dict(Image.OPEN))
    monkeypatch.setattr(Image, "ID", list(Image.ID))
    (tmp_path / "IMG_2.HEIC").write_bytes(box(b"heic"))
    try:
        digit = read_digit(tmp_path / "IMG_2.HEIC")
    finally:
        del sys.modules["pillow_heif"]
    assert np.abs(digit.astype(int) - DIGIT).mean() < 2


def of_bits(bits: int) -> bytes:
    return encoded(np.rint((2**bits - 1) * GREY).astype(np.uint16), "PNG")


NUMBERS: dict[str, Callable[[], bytes]] = {
    "8 of 16 bits": lambda: of_bits(8),
    "10 of 16 bits": lambda: of_bits(10),
    "12 of 16 bits": lambda: of_bits(12),
    "14 of 16 bits": lambda: of_bits(14),
    "16 bits": lambda: of_bits(16),
    "4 of 8 bits": lambda: encoded(np.rint(15 * GREY).astype(np.uint8), "PNG"),
    "unsigned 32 bits": lambda: tiff(np.rint(4e9 * GREY).astype("<u4"), 1)[0],
    "signed 32 bits": lambda: tiff(np.rint(1e9 * (GREY - 0.5)).astype("<i4"), 2)[0],
    "signed 16 bits": lambda: tiff(np.rint(6e4 * (GREY - 0.5)).astype("<i2"), 2)[0],
    "signed 8 bits": lambda: tiff(np.rint(250 * (GREY - 0.5)).astype("i1"), 2)[0],
    "floats": lambda: tiff(GREY.astype("<f4"), 3)[0],
    "floats below 0": lambda: tiff((7 * GREY - 5).astype("<f4"), 3)[0],
    "large floats": lambda: tiff((1e30 * GREY).astype("<f4"), 3)[0],
    "BMP, alpha 0": lambda: bmp_without_alpha(np.stack([BYTES] * 3, 2))[0],
}


@pytest.mark.parametrize("numbers", NUMBERS)
def test_the_numbers_in_a_file_change_nothing(tmp_path: Path, numbers: str) -> None:
    (tmp_path / "digit").write_bytes(NUMBERS[numbers]())
    assert np.abs(read_digit(tmp_path / "digit").astype(int) - DIGIT).mean() < 3


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (tiff(GREY.astype("<f8"), 3)[0], "is a TIFF of unusual numbers, which is not read here"),
        (
            tiff(np.rint(GREY).astype("<u8"), 1)[0],
            "is a TIFF of unusual numbers, which is not read here",
        ),
        (tiff(np.full((9, 9), np.nan, "<f4"), 3)[0], "its pixels are not all finite numbers"),
        (tiff(np.full((9, 9), np.inf, "<f4"), 3)[0], "its pixels are not all finite numbers"),
    ],
    ids=["64-bit floats", "64-bit integers", "no numbers", "infinite"],
)
def test_numbers_that_cannot_be_read_are_the_reason(
    tmp_path: Path, content: bytes, why: str
) -> None:
    (tmp_path / "digit.tif").write_bytes(content)
    with pytest.raises(ImageError, match=why):
        read_digit(tmp_path / "digit.tif")


@pytest.mark.parametrize(
    ("side", "form"),
    [(7_100, "PNG"), (7_100, "TIFF"), pytest.param(14_000, "PNG", marks=pytest.mark.slow)],
)
def test_50_to_200_megapixels_are_a_photograph(tmp_path: Path, side: int, form: str) -> None:
    """Of one bit each, so that the test is quick."""
    small = Image.fromarray(np.where(BYTES > 127, 255, 0).astype(np.uint8))
    small.convert("1").resize((side, side)).save(tmp_path / "large", form)
    (tmp_path / "small").write_bytes(encoded(np.asarray(small), "PNG"))
    assert max(read_levels(tmp_path / "large").shape) <= 1024
    got, want = (read_digit(tmp_path / name).astype(int) for name in ("large", "small"))
    assert np.abs(got - want).mean() < 12
