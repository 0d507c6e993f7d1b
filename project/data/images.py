"""An image file to a digit as MNIST has them: 28x28 bytes, ink 255, cropped, scaled, centred.

MNIST's digits are "size normalized to fit in a 20x20 pixel box while preserving their aspect
ratio", with grey levels from anti-aliasing, and "centered in a 28x28 image by computing the center
of mass of the pixels" (LeCun, Bottou, Bengio and Haffner 1998, Gradient-Based Learning Applied to
Document Recognition, III.A). Every one of its digits fills its box, and its strongest pixel is 254
or 255. A digit of MNIST comes out of here as it went in, but for its palest pixels.
"""

from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

from project.data.decoding import ImageError, read_levels
from project.data.marks import EVERYWHERE, MIN_PIXELS, Marks, find_marks, is_page
from project.data.page import on_sheet, sheet, without_margins
from project.data.paper import channels, contrast, smoothed

SIDE, BOX, MIDDLE = 28, 20, 14
COARSE, FINE = 0.45, 0.6  # windows: of the picture's longer side; of the digit's
COARSE_SIDE = 320
AROUND = 0.3
WIDEST = 2.5  # width by height; MNIST's widest digits have 2


def read_digit(path: Path, single: bool = False) -> np.ndarray:
    """The digit in an image file: (28, 28) bytes, ink 255.

    single: what may be two digits is read as one.

    Raises:
        ImageError: naming the file.
    """
    try:
        return as_mnist(read_levels(path), single)
    except ImageError as error:
        raise ImageError(f"{path} {error}") from None


def as_mnist(levels: np.ndarray, single: bool = False) -> np.ndarray:
    """Levels (H, W) or (H, W, 3) in [0, 1] to (28, 28) bytes, ink 255. Raises ImageError."""
    if levels.ndim == 2:
        levels = levels[..., None]
    ink = digit_ink(levels, single)
    height, width = ink.shape
    scale = BOX / max(height, width)
    size = (max(1, round(scale * width)), max(1, round(scale * height)))
    # A pixel of the box is the mean of those that it covers, as a scanner would have it.
    how = Image.Resampling.BOX if scale <= 1 else Image.Resampling.BICUBIC
    digit = np.asarray(Image.fromarray(ink).resize(size, how)).clip(0)
    # Here and not before: shrinking makes thin strokes pale.
    return centred(np.rint(255 * digit / digit.max()).astype(np.uint8))


def odd(length: float) -> int:
    return max(3, 2 * int(length / 2) + 1)


def digit_ink(levels: np.ndarray, single: bool) -> np.ndarray:
    level, marks, inverted = on_page(levels)
    rows, columns = marks.box
    height, width = marks.size
    around = round(AROUND * max(height, width))
    crop = (slice(max(0, rows.start - around), rows.stop + around),
            slice(max(0, columns.start - around), columns.stop + around))  # fmt: skip
    level = level[crop]
    depth, faintest = contrast(level, odd(FINE * max(height, width)), inverted)
    fine = find_marks(depth, faintest)
    if fine is None:
        raise ImageError("holds no ink: nothing in it stands out from the paper")
    if not single:
        check_one_digit(fine.kept[fine.box])
    # What is next to a stroke, and paler, is its edge.
    near = max(1, round(0.08 * max(fine.size)))
    reach = ndimage.binary_dilation(fine.kept, EVERYWHERE, iterations=near)
    away = ~ndimage.binary_dilation(reach, EVERYWHERE, iterations=near)
    shade = float(np.quantile(fine.depth[away], 0.9)) if away.any() else 0
    faintest = min(max(fine.faintest, 1.2 * shade), 0.3 * fine.ink)
    labels, count = ndimage.label(reach & (fine.depth > faintest), EVERYWHERE)
    marked = np.zeros(count + 1, bool)
    marked[labels[fine.kept]] = True
    marked[0] = False
    ink = np.where(marked[labels], fine.depth / fine.ink, 0).astype(np.float32).clip(0, 1)
    rows, columns = (np.flatnonzero(ink.any(axis)) for axis in (1, 0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def on_page(levels):
    page = without_margins(levels)
    where = sheet(channels(page)[0])
    regions = [levels]
    if page.shape != levels.shape:
        regions.insert(0, page)
    if where is not None:
        regions.insert(0, on_sheet(page, where))
    for region in regions[:-1]:
        try:
            found = best_channel(region)
        except ImageError:
            continue
        if found[1].inside:
            return found
    return best_channel(levels)


def best_channel(levels):
    best, best_score = None, 0
    for number, level in enumerate(channels(levels)):
        level = smoothed(level)
        found = polarity(level)
        if found is None:
            continue
        inverted, marks = found
        score = marks.ink * (1 if number == 0 else 0.7) * (1 if marks.inside else 0.3)
        if score > best_score:
            best, best_score = (1 - level if inverted else level, marks, inverted), score
    if best is None:
        raise ImageError("holds no ink: nothing in it stands out from the paper")
    return best


def polarity(level):
    window = odd(COARSE * max(level.shape))
    found = [
        (inverted, find_marks(*contrast(1 - level if inverted else level, window, inverted)))
        for inverted in (False, True)
    ]
    found = [each for each in found if each[1] is not None]
    if len(found) < 2:
        return found[0] if found else None
    inside = [each for each in found if each[1].inside]
    if len(inside) == 1:
        return inside[0]
    unmarked = ~(found[0][1].kept | found[1][1].kept)
    width = max(found[0][1].size + found[1][1].size)
    weight = ndimage.uniform_filter(unmarked.astype(np.float32), width)
    ground = ndimage.uniform_filter(level * unmarked, width) / np.maximum(weight, 1e-6)
    return max(found, key=lambda each: (np.abs(level - ground) / np.maximum(np.maximum(level, ground), 0.02))[each[1].kept].mean())


def check_one_digit(marked: np.ndarray) -> None:
    """Raise ImageError if what is `marked` in its box (H, W) cannot be one digit."""
    height, width = marked.shape
    if max(height, width) < MIN_PIXELS:
        raise ImageError(f"is too small: its ink fills {width} x {height} pixels")
    # Of a broken digit no two parts stand beside each other, both at least half as high as it is,
    # nor above each other, both half as wide and two fifths as high.
    beside = [part for part in _parts(marked) if part[0] >= height / 2]
    stacked = [
        part for part in _parts(marked.T) if part[0] >= width / 2 and part[1] >= 0.4 * height
    ]
    if max(len(beside), len(stacked)) > 1 or width > WIDEST * height:
        raise ImageError(
            f"seems to hold more than one digit (its ink fills {width} x {height} pixels); cut it "
            "into images of one digit each"
        )


def _parts(marked: np.ndarray) -> list[tuple[int, int]]:
    """Height and width of each part that empty columns set apart."""
    columns, _ = ndimage.label(marked.any(0))
    return [
        (int(np.ptp(np.flatnonzero(marked[:, part].any(1)))) + 1, part.stop - part.start)
        for (part,) in ndimage.find_objects(columns)
    ]


def centred(digit: np.ndarray) -> np.ndarray:
    """The box (h, w) in a field (28, 28), its centre of mass at pixel (14, 14)."""
    corner = []
    for axis, length in enumerate(digit.shape):
        mass = digit.sum(1 - axis, dtype=float)
        centre = mass @ np.arange(length) / mass.sum()
        corner.append(int(np.clip(np.ceil(MIDDLE - 0.5 - centre), 0, SIDE - length)))
    field = np.zeros((SIDE, SIDE), np.uint8)
    field[corner[0] : corner[0] + digit.shape[0], corner[1] : corner[1] + digit.shape[1]] = digit
    return field
