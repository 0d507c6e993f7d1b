"""An image file to levels in [0, 1], whatever its format, its numbers and its transparency."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, TiffImagePlugin

from project.data.digit_images.formats import formats, why_unknown
from project.data.digit_images.marks import box_of

MAX_PIXELS = 250_000_000  # phones make 200 million
WORKING_SIDE = 1024  # larger images are shrunk first: a digit needs 20 pixels
# The greatest value of 1, 2, 4, 8, 10, ... bits: files often use fewer bits than they have.
WHITES = tuple(2**bits - 1 for bits in (1, 2, 4, 8, 10, 12, 14, 16))
OPAQUE = 127  # alpha
PAGE_FILL = 0.95  # of its box by an opaque page with a transparent margin
MIN_CONTRAST = 25  # in bytes, of what is written on such a page
SAMPLE_FORMAT, UNSIGNED, SIGNED = 339, 1, 2  # TIFF's tag for the kind of its numbers, two kinds


class ImageError(Exception):
    """The file holds no image of one digit."""

    exit_code = 2


def read_levels(path: Path) -> np.ndarray:
    """Return the image upright, in grey (H, W) or in colour (H, W, 3): float32, 1 for white.

    Neither side is above 1024. Of several pages the first counts. The message of the ImageError of
    a file that cannot be read lacks the path.
    """
    if not path.is_file():
        raise ImageError("is no file" if path.exists() else "does not exist")
    if path.stat().st_size == 0:
        raise ImageError("is empty (0 bytes)")
    try:
        with _no_limit_of_pillow(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about odd metadata
            with Image.open(path, formats=formats()) as image:
                return _upright(image)
    except ImageError:
        raise
    except Image.UnidentifiedImageError:
        raise ImageError(why_unknown(path)) from None
    except Exception as error:  # damaged bytes can raise anything
        reason = getattr(error, "strerror", None) or str(error) or repr(error)
        raise ImageError(f"cannot be read ({reason})") from None


@contextmanager
def _no_limit_of_pillow() -> Iterator[None]:
    """Lift Pillow's own limit of 179 megapixels: MAX_PIXELS is the limit here."""
    before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


def _upright(image: Image.Image) -> np.ndarray:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise ImageError(
            f"is too large: {width} x {height} pixels are more than "
            f"{MAX_PIXELS // 1_000_000} megapixels; shrink it, or cut out the digit"
        )
    image.draft(None, (WORKING_SIDE, WORKING_SIDE))  # a JPEG is decoded smaller
    tags = image.tag_v2 if isinstance(image, TiffImagePlugin.TiffImageFile) else {}
    sample_format = tags.get(SAMPLE_FORMAT, (UNSIGNED,))[0]
    ImageOps.exif_transpose(image, in_place=True)  # without a copy of 200 megapixels
    return _levels(image, sample_format)


def _levels(image: Image.Image, sample_format: int) -> np.ndarray:
    """Return levels; `sample_format` is TIFF's name for the numbers in the file."""
    signed_bytes = image.mode == "L" and sample_format == SIGNED
    if image.mode.startswith("I") or image.mode == "F" or signed_bytes:
        numbers = Image.fromarray(_numbers(np.asarray(image), sample_format))
        # No format says which number is white in 32 bits.
        whites = () if image.mode in ("I", "F") else WHITES
        return _scaled(np.asarray(_shrunk(numbers)), whites)
    if image.has_transparency_data:
        image = _on_paper(_shrunk(image.convert("RGBA")))
    else:
        image = _shrunk(image.convert("L" if image.mode in ("1", "L") else "RGB"))
    return _scaled(np.asarray(image, np.float32), WHITES)


def _shrunk(image: Image.Image) -> Image.Image:
    return image.reduce(-(-max(image.size) // WORKING_SIDE))


def _numbers(pixels: np.ndarray, sample_format: int) -> np.ndarray:
    """Return the numbers (H, W) that the file means, raised so that none is below 0: float32."""
    # Pillow takes unsigned numbers of 32 bits for signed ones, and signed ones of 8 for unsigned.
    if pixels.dtype == np.int32 and sample_format == UNSIGNED:
        pixels = pixels.view(np.uint32)
    elif pixels.dtype == np.uint8:
        pixels = pixels.view(np.int8)
    if not np.isfinite(pixels).all():
        raise ImageError("cannot be read (its pixels are not all finite numbers)")
    return (pixels - min(0.0, float(pixels.min()))).astype(np.float32)


def _scaled(levels: np.ndarray, whites: tuple[int, ...]) -> np.ndarray:
    """Scale to [0, 1] by the first of `whites` that is not exceeded, or by the greatest level."""
    greatest = max(float(levels.max()), np.finfo(np.float32).tiny)
    white = next((white for white in whites if greatest <= white), greatest)
    return levels / np.float32(white)


def _on_paper(image: Image.Image) -> Image.Image:
    """Return what can be seen: an opaque page's inside, or ink on white or on black paper."""
    alpha = np.asarray(image.getchannel("A"))
    seen = alpha > OPAQUE
    if not alpha.any():
        return image.convert("RGB")  # no program has filled the channel
    grey = np.asarray(image.convert("L"))
    if seen.any():
        rows, columns = inside = box_of(seen)
        if seen[inside].mean() > PAGE_FILL and np.ptp(grey[seen]) > MIN_CONTRAST:
            image = image.crop((columns.start, rows.start, columns.stop, rows.stop))
            seen, grey = seen[inside], grey[inside]
    # Black where everything that can be seen is light.
    paper = "black" if seen.any() and grey[seen].min() > OPAQUE else "white"
    under = Image.new("RGB", image.size, paper)
    return Image.composite(image.convert("RGB"), under, image.getchannel("A"))
