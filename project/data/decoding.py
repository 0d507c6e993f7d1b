"""An image file to levels in [0, 1], whatever its format, its numbers and its transparency."""

import importlib
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps, TiffImagePlugin, features

# What Pillow reads by itself, in its own decoders: EPS, for one, would start another program.
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM")
# In which Pillow can be built to read them.
MORE_FORMATS = {"avif": "AVIF", "jpg_2000": "JPEG2000"}
HEIF = "HEIF"  # by a plug-in
MAX_PIXELS = 250_000_000  # telephones make 200 million
WORKING_SIDE = 1024  # larger images are shrunk first: a digit needs 20 pixels
# The greatest value of 1, 2, 4, 8, 10, ... bits: files often use fewer bits than they have.
WHITES = tuple(2**bits - 1 for bits in (1, 2, 4, 8, 10, 12, 14, 16))
OPAQUE = 127  # alpha
PAGE_FILL = 0.95  # of its box by an opaque page with a transparent margin
MIN_CONTRAST = 25  # bytes: between what is written on such a page and the page
HEAD = 64  # bytes, which say what a file is

UNSIGNED, SIGNED = 1, 2  # TIFF's sample formats
SAMPLE_FORMATS = {UNSIGNED: "whole numbers", SIGNED: "signed whole numbers", 3: "floating point"}
BITS_PER_SAMPLE, SAMPLE_FORMAT = 258, 339  # TIFF's tags

# How a file begins that is an image for people, but none that is read here.
SIGNATURES = {
    b"%PDF": "a PDF document",
    b"%!PS": "a PostScript document",
    b"8BPS": "a Photoshop document",
    b"<svg": "an SVG drawing",
    b"\xff\x0a": "JPEG XL",
    b"\0\0\0\x0cJXL ": "JPEG XL",
    b"\0\0\0\x0cjP  ": "JPEG 2000",
}


class ImageError(Exception):
    """The file holds no image of one digit."""

    exit_code = 2


def read_levels(path: Path) -> np.ndarray:
    """The image upright, in grey (H, W) or in colour (H, W, 3): float32, 1 for white.

    Neither side is above 1024. Of an animation or of several pages the first counts.

    Raises:
        ImageError: without the path, which the caller knows.
    """
    if not path.is_file():
        raise ImageError("is no file" if path.exists() else "does not exist")
    try:
        if path.stat().st_size == 0:
            raise ImageError("is empty (0 bytes)")
        with path.open("rb") as file, _no_limit_of_pillow(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd metadata
            with Image.open(file, formats=_formats(file)) as image:
                width, height = image.size
                if width * height > MAX_PIXELS:
                    raise ImageError(
                        f"is too large: {width} x {height} pixels are more than "
                        f"{MAX_PIXELS // 1_000_000} megapixels; shrink it, or cut out the digit"
                    )
                image.draft(None, (WORKING_SIDE, WORKING_SIDE))  # a JPEG is decoded smaller
                tags = image.tag_v2 if isinstance(image, TiffImagePlugin.TiffImageFile) else {}
                sample_format = tags.get(SAMPLE_FORMAT, (UNSIGNED,))[0]
                return _levels(ImageOps.exif_transpose(image), sample_format)
    except ImageError:
        raise
    except Image.UnidentifiedImageError:
        raise ImageError(_why_not(path)) from None
    except Exception as error:  # damaged bytes can raise anything
        reason = getattr(error, "strerror", None) or str(error) or repr(error)
        raise ImageError(f"cannot be read ({reason})") from None


def is_image(path: Path) -> bool:
    """Whether the file's content is that of an image, also of one that is not read here."""
    try:
        with path.open("rb") as file, _no_limit_of_pillow(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if _named_kind(file.read(HEAD)) is not None:
                return True
            Image.open(file, formats=_formats(file)).close()
    except Image.UnidentifiedImageError:
        return False
    except Exception:  # damaged bytes can raise anything
        return True
    return True


@contextmanager
def _no_limit_of_pillow() -> Iterator[None]:
    """Pillow's own limit is 179 megapixels; here there is another."""
    before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


def _formats(file: BinaryIO) -> list[str]:
    """What Pillow may try; `file` is put back to its begin."""
    formats = [*FORMATS, *(name for module, name in MORE_FORMATS.items() if features.check(module))]
    file.seek(0)
    if _named_kind(file.read(HEAD)) == HEIF and find_spec("pillow_heif"):
        importlib.import_module("pillow_heif").register_heif_opener()
        formats.append(HEIF)
    file.seek(0)
    return formats


def _named_kind(head: bytes) -> str | None:
    """What a file is that begins with `head`, if it is no image that Pillow always reads."""
    if head[4:8] == b"ftyp":
        brands = head[8:]
        if b"avif" in brands or b"avis" in brands:
            return "AVIF"
        heif = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")
        return HEIF if any(brand in brands for brand in heif) else "a film or a raw photograph"
    for signature, kind in SIGNATURES.items():
        if head.startswith(signature):
            return kind
    return None


def _why_not(path: Path) -> str:
    """The reason why Pillow knows no image in a file."""
    with path.open("rb") as file:
        head = file.read(HEAD)
        kind = _named_kind(head)
        if kind == HEIF:
            return (
                "is HEIC, which Pillow reads with a plug-in: pip install pillow-heif; or save it "
                "as JPEG or PNG"
            )
        if kind is not None:
            return f"is {kind}, which is not read here; save it as JPEG or PNG"
        if head[:4] in (b"II*\0", b"MM\0*"):
            return _why_not_tiff(file, head)
    return f"is no image, or none of {', '.join(FORMATS)}"


def _why_not_tiff(file: BinaryIO, head: bytes) -> str:
    """What is unusual about a TIFF that Pillow does not read."""
    directory = TiffImagePlugin.ImageFileDirectory_v2(head[:8])
    file.seek(directory.next)
    directory.load(file)
    bits = directory.get(BITS_PER_SAMPLE, (1,))
    kind = SAMPLE_FORMATS.get(directory.get(SAMPLE_FORMAT, (UNSIGNED,))[0], "no numbers")
    return (
        f"is a TIFF of {' + '.join(map(str, bits))} bits a pixel ({kind}), which Pillow does not "
        "read; save it with 8 or 16 bits"
    )


def _levels(image: Image.Image, sample_format: int) -> np.ndarray:
    """sample_format: TIFF's, of the numbers in the file."""
    signed_bytes = image.mode == "L" and sample_format == SIGNED
    if image.mode.startswith("I") or image.mode == "F" or signed_bytes:
        numbers = _numbers(np.asarray(image), sample_format)
        wide = image.mode in ("I", "F")  # what is white in 32 bits, nobody says
        return _scaled(_shrunk(Image.fromarray(numbers)), () if wide else WHITES)
    if image.has_transparency_data:
        image = _on_paper(image.convert("RGBA"))
    else:
        image = image.convert("L" if image.mode in ("1", "L") else "RGB")
    return _scaled(_shrunk(image))


def _shrunk(image: Image.Image) -> np.ndarray:
    return np.asarray(image.reduce(-(-max(image.size) // WORKING_SIDE)), np.float32)


def _numbers(pixels: np.ndarray, sample_format: int) -> np.ndarray:
    """The pixels (H, W) float32 as the numbers that the file means; the least is 0 or above."""
    # Pillow takes unsigned numbers of 32 bits for signed ones, and signed ones of 8 for unsigned.
    if pixels.dtype == np.int32 and sample_format == UNSIGNED:
        pixels = pixels.view(np.uint32)
    elif pixels.dtype == np.uint8:
        pixels = pixels.view(np.int8)
    if not np.isfinite(pixels).all():
        raise ValueError("its pixels are not all finite numbers")
    return (pixels - min(0.0, float(pixels.min()))).astype(np.float32)


def _scaled(levels: np.ndarray, whites: tuple[int, ...] = WHITES) -> np.ndarray:
    """To [0, 1]: by the first of `whites` that is not exceeded, or by the greatest level."""
    greatest = max(float(levels.max()), np.finfo(np.float32).tiny)
    white = next((white for white in whites if greatest <= white), greatest)
    return levels / np.float32(white)


def _on_paper(image: Image.Image) -> Image.Image:
    """What can be seen: of an opaque page its inside, else ink on white or on black paper."""
    alpha = np.asarray(image.getchannel("A"))
    seen = alpha > OPAQUE
    if not alpha.any():
        return image.convert("RGB")  # a channel that nobody has filled
    grey = np.asarray(image.convert("L"))
    rows, columns = (np.flatnonzero(seen.any(axis)) for axis in (1, 0))
    if len(rows):
        box = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
        inside = (slice(box[1], box[3]), slice(box[0], box[2]))
        if seen[inside].mean() > PAGE_FILL and np.ptp(grey[seen]) > MIN_CONTRAST:
            image, seen, grey = image.crop(box), seen[inside], grey[inside]
    # Black where everything that can be seen is light.
    paper = "black" if seen.any() and grey[seen].min() > OPAQUE else "white"
    under = Image.new("RGB", image.size, paper)
    return Image.composite(image.convert("RGB"), under, image.getchannel("A"))
