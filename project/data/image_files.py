"""Which image files are compared with which: two by two, from a folder, from a CSV file."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from project.data.decoding import FORMATS, ImageError
from project.data.images import read_digit

FilePair = tuple[Path, Path]

HEADER = ["first", "second"]
ENDINGS = (
    ".bmp", ".gif", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff",
    ".webp",
)  # fmt: skip
MOST_NAMED = 20


def file_pairs(paths: Sequence[Path]) -> list[FilePair]:
    """The pairs that the words of a command line name; raises ImageError.

    A folder stands for its images in the order of their names, and images are taken two by two. A
    CSV file stands for its lines `first,second`, whose paths begin at its own folder.
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
    images = sorted(path for path in folder.iterdir() if path.suffix.lower() in ENDINGS)
    if not images:
        raise ImageError(f"{folder} holds no image ({', '.join(FORMATS)})")
    if len(images) % 2:
        raise ImageError(
            f"{folder} holds an odd number of images, {len(images)}, and they are compared two by "
            "two; name the pairs in a CSV file"
        )
    return images


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
                first, second = (path.parent / cell for cell in cells)
                for image in (first, second):
                    if not image.exists():
                        raise ImageError(f"{path}, line {rows.line_num}: {image} does not exist")
                pairs.append((first, second))
    except (OSError, UnicodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise ImageError(f"{path} cannot be read ({reason})") from None
    if not pairs:
        raise ImageError(f"{path} names no pair of images; a line must be `first,second`")
    return pairs


def read_digits(pairs: Iterable[FilePair]) -> np.ndarray:
    """The digits of N pairs, (N, 2, 28, 28) bytes; raises ImageError naming every bad file."""
    pairs = list(pairs)
    digits: dict[Path, np.ndarray] = {}
    problems = []
    for path in dict.fromkeys(path for pair in pairs for path in pair):
        try:
            digits[path] = read_digit(path)
        except ImageError as error:
            problems.append(str(error))
    if problems:
        more = len(problems) - MOST_NAMED
        named = problems[:MOST_NAMED] + ([f"and {more} more files"] if more > 0 else [])
        raise ImageError("\n  ".join(named))
    return np.stack([np.stack([digits[first], digits[second]]) for first, second in pairs])
