"""What kind of file a file is, by its first bytes, and which kinds Pillow reads here."""

import importlib
import re
import warnings
from importlib.util import find_spec
from pathlib import Path

from PIL import Image, features

# What Pillow reads by itself, in its own decoders: EPS, for one, would start another program.
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM")
# What Pillow reads only where it was built with the module.
MORE_FORMATS = {"avif": "AVIF", "jpg_2000": "JPEG2000"}
HEIF = "HEIF"  # read by a plug-in
HEAD = 64  # bytes that tell the kind of a file

# How the files begin that Pillow cannot tell apart or that are not read here. Files of the ISO base
# media format name their brands after `ftyp`.
BEGINNINGS = {
    rb".{4}ftyp.*(avif|avis)": "AVIF",
    rb".{4}ftyp.*(heic|heix|hevc|heim|heis|mif1|msf1)": HEIF,
    rb".{4}ftyp.*crx ": "a raw photograph",
    rb"%PDF": "a PDF document",
    rb"%!PS": "a PostScript document",
    rb"8BPS": "a Photoshop document",
    rb"<svg": "an SVG drawing",
    rb"\xff\x0a|\0\0\0\x0cJXL ": "JPEG XL",
    rb"\0\0\0\x0cjP  ": "JPEG 2000",
}
# TIFF is read, but for unusual numbers.
TIFF = (b"II*\0", b"MM\0*")


def kind_of(head: bytes) -> str | None:
    """Return the kind of image that begins with `head`; None if Pillow has to find out."""
    found = (kind for start, kind in BEGINNINGS.items() if re.match(start, head, re.DOTALL))
    return next(found, None)


def formats() -> list[str]:
    """Return the formats that Pillow may try on a file."""
    names = [*FORMATS, *(name for module, name in MORE_FORMATS.items() if features.check(module))]
    if find_spec("pillow_heif"):
        importlib.import_module("pillow_heif").register_heif_opener()
        names.append(HEIF)
    return names


def is_image(path: Path) -> bool:
    """Return whether the file's content is an image's, though perhaps damaged or not read here."""
    try:
        with path.open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about odd metadata and many pixels
            if kind_of(file.read(HEAD)) is None:
                Image.open(file, formats=formats()).close()
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
