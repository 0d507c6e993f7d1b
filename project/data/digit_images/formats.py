"""What kind of file a file is, by its first bytes, and which kinds Pillow reads here."""

import importlib
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO

from PIL import Image, features

# What Pillow reads by itself, in its own decoders: EPS, for one, would start another program.
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM")
# What Pillow reads only where it was built with the module.
MORE_FORMATS = {"avif": "AVIF", "jpg_2000": "JPEG2000"}
HEIF = "HEIF"  # read by a plug-in
HEAD = 64  # bytes that tell the kind of a file

# Files of the ISO base media format name their brands after `ftyp`.
BRANDS = {
    "AVIF": (b"avif", b"avis"),
    HEIF: (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"),
    "a raw photograph": (b"crx ",),
}
# What people open as an image, and which is not read here.
SIGNATURES = {
    b"%PDF": "a PDF document",
    b"%!PS": "a PostScript document",
    b"8BPS": "a Photoshop document",
    b"<svg": "an SVG drawing",
    b"\xff\x0a": "JPEG XL",
    b"\0\0\0\x0cJXL ": "JPEG XL",
    b"\0\0\0\x0cjP  ": "JPEG 2000",
}
# TIFF is read, but for unusual numbers.
TIFF = (b"II*\0", b"MM\0*")


def kind_of(head: bytes) -> str | None:
    """Return the kind of image that begins with `head`; None if Pillow has to find out."""
    if head[4:8] == b"ftyp":
        for kind, brands in BRANDS.items():
            if any(brand in head[8:] for brand in brands):
                return kind
    for signature, kind in SIGNATURES.items():
        if head.startswith(signature):
            return kind
    return None


def formats_for(file: BinaryIO) -> list[str]:
    """Return the formats that Pillow may try on `file`, which is left at its first byte."""
    formats = [*FORMATS, *(name for module, name in MORE_FORMATS.items() if features.check(module))]
    file.seek(0)
    if kind_of(file.read(HEAD)) == HEIF and find_spec("pillow_heif"):
        importlib.import_module("pillow_heif").register_heif_opener()
        formats.append(HEIF)
    file.seek(0)
    return formats


def is_image(path: Path) -> bool:
    """Return whether the file's content is an image's, though perhaps damaged or not read here."""
    try:
        with path.open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about odd metadata and many pixels
            if kind_of(file.read(HEAD)) is not None:
                return True
            Image.open(file, formats=formats_for(file)).close()
    except Image.UnidentifiedImageError:
        return False
    except Exception:  # damaged bytes can raise anything
        return True
    return True


def why_unknown(path: Path) -> str:
    """Return the reason why Pillow finds no image in the file."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    kind = "a TIFF of unusual numbers" if head.startswith(TIFF) else kind_of(head)
    if kind == HEIF:
        return (
            "is HEIC, which Pillow reads with a plug-in: pip install pillow-heif; or save it as "
            "JPEG or PNG"
        )
    if kind is not None:
        return f"is {kind}, which is not read here; save it as JPEG or PNG"
    return f"is no image, or none of {', '.join(FORMATS)}"
