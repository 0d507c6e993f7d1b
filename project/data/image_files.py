"""Which image files are compared with which: two by two, from a folder, from a CSV file."""

import csv
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from project.data.digit_images.decoding import ImageError
from project.data.digit_images.formats import FORMATS, is_image
from project.data.images import read_digit

FilePair = tuple[Path, Path]

HEADER = ["first", "second"]
# Of images, also of those that are not read here. Other files are judged by their content.
ENDINGS = (
    ".avif", ".bmp", ".dng", ".gif", ".heic", ".heif", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg",
    ".jxl", ".pbm", ".pgm", ".png", ".pnm", ".ppm", ".svg", ".tif", ".tiff", ".webp",
)  # fmt: skip
MAX_NAMED = 20


def file_pairs(paths: Sequence[Path]) -> list[FilePair]:
    """Return the pairs that the words of a command line name.

    Images are taken two by two. A folder stands for its images by name, 2.png before 10.png, those
    that cannot be read included: else the pairs would be others. A CSV file stands for its lines
    `first,second`, whose paths begin at its own folder. Other words raise an ImageError.
    """
    if len(paths) == 1 and paths[0].suffix.lower() == ".csv":
        return _csv_pairs(paths[0])
    images: list[Path] = []
    for path in paths:
        images += _images_in(path) if path.is_dir() else [path]
    if len(images) % 2 or not images:
        raise ImageError(
            f"images are compared two by two, and the number of those named is {len(images)}"
            + (f"; the last is {images[-1]}" if images else "")
        )
    return list(zip(images[::2], images[1::2], strict=True))


def _images_in(folder: Path) -> list[Path]:
    images = sorted((path for path in folder.iterdir() if _is_listed(path)), key=_natural_order)
    if not images:
        raise ImageError(f"{folder} holds no image ({', '.join(FORMATS)})")
    if len(images) % 2:
        raise ImageError(
            f"{folder} holds an odd number of images, {len(images)}, and they are compared two by "
            "two; name the pairs in a CSV file"
        )
    return images


def _is_listed(path: Path) -> bool:
    """Return whether a folder's entry is an image; other programs' hidden files are none."""
    if path.name.startswith(".") or path.is_dir():
        return False
    return path.suffix.lower() in ENDINGS or (path.is_file() and is_image(path))


def _natural_order(path: Path) -> tuple[list[tuple[str, int]], str]:
    """Return a key that sorts the numbers in names by their values."""
    parts = re.findall(r"(\D*)(\d*)", path.name)
    return [(text, int(number or -1)) for text, number in parts], path.name


def _csv_pairs(path: Path) -> list[FilePair]:
    pairs = []
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            rows = csv.reader(file, strict=True)
            for row in rows:
                cells = [cell.strip() for cell in row]
                if not any(cells) or (not pairs and cells == HEADER):
                    continue
                if len(cells) != 2 or not all(cells):
                    raise ImageError(
                        f"{path}, line {rows.line_num}: must name two images, `first,second`, got "
                        f"{','.join(row)!r}"
                    )
                pairs.append((path.parent / cells[0], path.parent / cells[1]))
    except (OSError, UnicodeError, csv.Error) as error:
        raise ImageError(f"{path} cannot be read ({error})") from None
    if not pairs:
        raise ImageError(f"{path} names no pair of images; a line must be `first,second`")
    return pairs


def read_digits(pairs: Iterable[FilePair], single: bool = False) -> np.ndarray:
    """Return the digits of N pairs, (N, 2, 28, 28) bytes.

    An ImageError names every file that holds no single digit.
    """
    pairs = list(pairs)
    digits: dict[Path, np.ndarray] = {}
    problems = []
    for path in dict.fromkeys(path for pair in pairs for path in pair):
        try:
            digits[path] = read_digit(path, single)
        except ImageError as error:
            problems.append(str(error))
    if problems:
        more = len(problems) - MAX_NAMED
        named = problems[:MAX_NAMED] + ([f"and {more} more files"] if more > 0 else [])
        raise ImageError("\n  ".join(named))
    return np.stack([np.stack([digits[first], digits[second]]) for first, second in pairs])
