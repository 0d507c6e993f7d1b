"""Which marks on a page are the digit: not what touches the border, not specks, not lines."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

STRONG = 0.35  # of the strongest ink: less may be a shade
SPECK = 0.02  # of the largest mark's ink
SMALLEST = 0.05  # of the picture's longer side: smaller marks are no digit
MIN_PIXELS = 5  # as high as the smallest digits that can be read
ROUNDS = 5
PAGE_RECTANGLE = 0.88  # of a rectangle, turned as it may be, that a page fills; digits fill 0.87
PAGE_INK = 0.6
NARROW = 0.4
EVERYWHERE = np.ones((3, 3))


@dataclass(frozen=True, eq=False)
class Marks:
    """depth (H, W): contrast with the paper; kept (H, W): where it is a mark's; ink: the strongest.

    inside: no mark touches the border.
    """

    depth: np.ndarray
    kept: np.ndarray
    ink: float
    faintest: float
    inside: bool

    @property
    def box(self) -> tuple[slice, slice]:
        rows, columns = (np.flatnonzero(self.kept.any(axis)) for axis in (1, 0))
        return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)

    @property
    def size(self) -> tuple[int, int]:
        rows, columns = self.box
        return rows.stop - rows.start, columns.stop - columns.start


def find_marks(depth: np.ndarray, faintest: float) -> Marks | None:
    """The marks that may be a digit; those that touch the border only if there are no others."""
    at_border = None
    rest = depth.copy()
    smallest = max(MIN_PIXELS, SMALLEST * max(depth.shape))
    for _ in range(ROUNDS):
        ink = float(np.quantile(rest[rest > faintest], 0.98)) if (rest > faintest).any() else 0.0
        if ink < 2 * faintest:
            break
        strong = rest > max(STRONG * ink, faintest)
        labels, count = ndimage.label(strong, EVERYWHERE)
        edge = np.zeros(count + 1, bool)
        for line in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
            edge[line] = True
        boxes = ndimage.find_objects(labels)
        large = [False, *(max(y.stop - y.start, x.stop - x.start) >= smallest for y, x in boxes)]
        weights = ndimage.sum_labels(depth, labels, np.arange(count + 1))
        if (~edge & large).any():
            weights[edge] = 0
            kept = (weights >= SPECK * weights.max()) & (weights > 0)
            return Marks(depth, kept[labels], ink, faintest, True)
        weights[0] = 0
        if at_border is None and (edge & large).any() and strong.mean() < 0.9:
            kept = (weights >= SPECK * weights.max()) & (weights > 0)
            at_border = Marks(depth, kept[labels], ink, faintest, False)
        rest[ndimage.binary_dilation(edge[labels] & strong, iterations=3)] = 0
    return at_border


def is_page(marks: Marks) -> bool:
    """Whether the largest of the marks is a filled rectangle, turned as it may be."""
    labels, count = ndimage.label(marks.kept, EVERYWHERE)
    largest = labels == 1 + np.argmax(np.bincount(labels.ravel())[1:])
    rows, columns = np.nonzero(ndimage.binary_fill_holes(largest))
    area, sides = np.inf, (1, 1)
    for angle in np.deg2rad(np.arange(0, 90, 3)):
        u = np.cos(angle) * columns + np.sin(angle) * rows
        v = np.cos(angle) * rows - np.sin(angle) * columns
        extent = np.ptp(u) + 1, np.ptp(v) + 1
        if extent[0] * extent[1] < area:
            area, sides = extent[0] * extent[1], extent
    filled = len(rows) > PAGE_RECTANGLE * area and largest.sum() > PAGE_INK * area
    return bool(filled and min(sides) > NARROW * max(sides))
