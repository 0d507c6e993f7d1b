"""Photographs as the bytes of a file, also in numbers that few files hold."""

import io
import struct

import numpy as np
from PIL import Image

from tests.data.photographs.pages import Draw

File = tuple[bytes, str]  # content and ending


def encoded(image: Image.Image | np.ndarray, form: str = "PNG") -> File:
    """A picture, or its pixels, as a file of Pillow's format `form`."""
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    file = io.BytesIO()
    image.save(file, format=form)
    return file.getvalue(), form.lower()


def odd_numbers(draw: Draw, photo: np.ndarray) -> File:
    """A photograph (H, W, 3) bytes in grey, in numbers of another size than eight bits."""
    grey = np.asarray(Image.fromarray(photo).convert("L")).astype(float) / 255
    writers = (
        lambda: encoded(Image.fromarray(np.rint(1023 * grey).astype(np.uint16))),
        lambda: encoded(Image.fromarray(np.rint(255 * grey).astype(np.uint16))),
        lambda: encoded(Image.fromarray(np.rint(65535 * grey).astype(np.uint16)), "TIFF"),
        lambda: tiff(np.rint(4_000_000_000 * grey).astype("<u4"), 1),
        lambda: tiff(np.rint(100_000 * (grey - 0.5)).astype("<i4"), 2),
        lambda: encoded(Image.fromarray((2 * grey - 1).astype(np.float32)), "TIFF"),
        lambda: encoded(Image.fromarray((7 * grey).astype(np.float32)), "TIFF"),
        lambda: bmp_without_alpha(photo),
        lambda: encoded(Image.fromarray(np.rint(15 * grey).astype(np.uint8))),
    )
    return writers[draw.integers(len(writers))]()


def tiff(pixels: np.ndarray, sample_format: int) -> File:
    """Little-endian, without compression. sample_format: 1 unsigned, 2 signed, 3 floating point."""
    height, width = pixels.shape
    bits = 8 * pixels.itemsize
    tags = [
        (256, width), (257, height), (258, bits), (259, 1), (262, 1), (273, 8), (277, 1),
        (278, height), (279, pixels.nbytes), (339, sample_format),
    ]  # fmt: skip
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    directory = struct.pack("<H", len(tags)) + entries + bytes(4)
    return b"II*\0" + struct.pack("<I", 8 + pixels.nbytes) + pixels.tobytes() + directory, "tif"


def bmp_without_alpha(photo: np.ndarray) -> File:
    """32 bits a pixel, with masks that name an alpha channel which nobody has filled."""
    height, width, _ = photo.shape
    pixels = np.dstack([photo[..., ::-1], np.zeros((height, width), np.uint8)])[::-1].tobytes()
    masks = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    header = struct.pack("<IiiHHIIiiII", 124, width, height, 1, 32, 3, len(pixels), 0, 0, 0, 0)
    header = (header + masks).ljust(124, b"\0")
    start = 14 + len(header)
    return b"BM" + struct.pack("<IHHI", start + len(pixels), 0, 0, start) + header + pixels, "bmp"
