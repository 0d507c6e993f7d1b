"""Whether marks are one digit: it may be in several parts, if these stand close together."""

from itertools import combinations

import numpy as np
from PIL import Image
from scipy import ndimage

from project.data.digit_images.decoding import ImageError
from project.data.digit_images.marks import TOUCHING, distances, spans_of

MAX_WIDTH = 2.5  # by height; MNIST's widest digits have 2
SIDE = 80  # to which larger marks are shrunk

# In heights of all the marks. Of MNIST's digits with a strip cut out 93 % pass for one digit; of
# two of its digits beside each other 6 %, above each other 8 % where the gap is as wide as 0.15 of
# a digit or wider.
TALL_BESIDE, TALL_ABOVE = 0.5, 0.35  # two parts of that height may be two digits
GAP_BESIDE, GAP_ABOVE = 0.1, 0.065  # the widest between parts of one digit
WIDTH_BESIDE = 1.1  # the widest digit whose parts stand beside each other
WIDTH_ABOVE, WIDTH_OF_1 = 0.42, 0.25  # two digits above each other are between the two
MAX_PARTS = 12
MAX_GAP = 0.35  # between the largest part and any other, of the former's size
OVERLAP = 0.3  # of the smaller part: with more, parts are not beside or above each other


def check_one_digit(marked: np.ndarray) -> None:
    """Raise ImageError if what is `marked` in its box (H, W) may be more than one digit."""
    height, width = marked.shape
    if width > MAX_WIDTH * height or _may_be_two(_coarse(marked)):
        raise ImageError(
            f"seems to hold more than one digit (its ink fills {width} x {height} pixels); cut it "
            "into images of one digit each, or insist on one digit with --single"
        )


def _coarse(marked: np.ndarray) -> np.ndarray:
    """Return the marks in at most SIDE pixels; of thin strokes the strongest pixels are left."""
    image = Image.fromarray(255 * marked.astype(np.uint8))
    covered = np.asarray(image.reduce(-(-max(marked.shape) // SIDE)))
    return covered >= min(128, covered.max())


def _may_be_two(marked: np.ndarray) -> bool:
    height, width = marked.shape
    labels, count = ndimage.label(marked, TOUCHING)
    if count > MAX_PARTS:
        return True
    spans = spans_of(labels)
    lengths = np.ptp(spans, axis=2)  # heights and widths, (N, 2)
    for part in range(1, count + 1):
        others = (labels > 0) & (labels != part)
        if others.any() and _gap(others, labels == part) > MAX_GAP * lengths.max():
            return True
    for pair in combinations(range(count), 2):
        parts, smaller = spans[[*pair]], lengths[[*pair]].min(0)
        common = parts[:, :, 1].min(0) - parts[:, :, 0].max(0)
        rows_differ, columns_differ = common <= OVERLAP * smaller
        tall = smaller[0] / height
        beside = tall >= TALL_BESIDE and columns_differ
        above = tall >= TALL_ABOVE and rows_differ
        if not beside and not above:
            continue
        gap = _gap(*(labels == 1 + part for part in pair)) / height
        if beside and (gap > GAP_BESIDE or width > WIDTH_BESIDE * height):
            return True
        if above and (gap > GAP_ABOVE or WIDTH_OF_1 < width / height < WIDTH_ABOVE):
            return True
    return False


def _gap(first: np.ndarray, second: np.ndarray) -> float:
    """Return the pixels between what is True in the one mask and in the other."""
    return float(distances(~first)[second].min()) - 1
