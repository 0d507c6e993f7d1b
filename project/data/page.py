"""Where the page is in a picture with a margin: a frame, bars, a larger canvas."""

import numpy as np
from scipy import ndimage

DIFFERENT = 0.08  # in one colour at least, of a margin and the page that it lies round
MARGIN_COVERED, PAGE_COVERED = 0.005, 0.9  # of a row that is a margin's, or the page's
TRANSITION = 0.01  # of the picture's side: from the one to the other
PAGE_FILL = 0.7  # of its box: the rest is written on
NARROW = 2.5  # height by width of a box that may be a 1
PAGE_CONTRAST = 0.1  # of what is written on a page
MOST_MARGINS = 5  # one in another


def without_margins(levels: np.ndarray) -> np.ndarray:
    """The page of a picture (H, W, C) in [0, 1], or all of it."""
    for _ in range(MOST_MARGINS):
        box = page_box(levels)
        if box is None:
            break
        levels = levels[box]
    return levels


def page_box(levels: np.ndarray) -> tuple[slice, slice] | None:
    """The rectangle which differs in all of its outermost rows and columns from what is around it.

    No digit does: its outermost rows hold little of it. But a 1 does, which is known by what is
    within: nothing.
    """
    corners = levels[[0, 0, -1, -1], [0, -1, 0, -1]]
    for margin in np.unique(corners, axis=0):
        differs = (np.abs(levels - margin) > DIFFERENT).any(2)
        box = _box(differs)
        if box is not None and _is_page(levels[box], margin):
            around = np.ones(differs.shape, bool)
            around[box] = False
            even = (np.abs(levels[around] - margin) < DIFFERENT / 2).all(1).mean()
            if even > 0.9 or not around.any():
                return box
    return None


def _box(differs: np.ndarray) -> tuple[slice, slice] | None:
    """The box of a filled rectangle in a mask (H, W); None if there is none, or it is all."""
    spans = []
    for axis in (1, 0):
        profile = differs.mean(axis)
        plateau = np.quantile(profile, 0.9)
        if plateau < 0.1:
            return None
        across = np.flatnonzero(profile > 0.5 * plateau)
        spans.append((across[0], across[-1] + 1))
    (top, bottom), (left, right) = spans
    height, width = differs.shape
    if (top, left, bottom, right) == (0, 0, height, width):
        return None
    blurred = 1 + round(TRANSITION * max(height, width))
    inner = [top + blurred * (top > 0), bottom - blurred * (bottom < height),
             left + blurred * (left > 0), right - blurred * (right < width)]  # fmt: skip
    outer = [max(0, top - blurred), bottom + blurred, max(0, left - blurred), right + blurred]
    page = differs[inner[0] : inner[1], inner[2] : inner[3]]
    if min(page.shape) < 5 or page.mean() < PAGE_FILL:
        return None
    sides = (
        (top > 0, page[0], differs[: outer[0]]),
        (bottom < height, page[-1], differs[outer[1] :]),
        (left > 0, page[:, 0], differs[:, : outer[2]]),
        (right < width, page[:, -1], differs[:, outer[3] :]),
    )
    for there, edge, margin in sides:
        covered = margin.mean() if margin.size else 0
        if there and (edge.mean() < PAGE_COVERED or covered > MARGIN_COVERED):
            return None
    return slice(inner[0], inner[1]), slice(inner[2], inner[3])


def _is_page(page: np.ndarray, margin: np.ndarray) -> bool:
    height, width, _ = page.shape
    within = np.ptp(page, axis=(0, 1)).max()
    if height <= NARROW * width:
        return bool(within > PAGE_CONTRAST)
    corners = page[[0, 0, -1, -1], [0, -1, 0, -1]]
    step = np.abs(np.median(page, (0, 1)) - margin).max()
    return bool(within > 0.5 * step and (np.abs(corners - margin).max(1) > 0.5 * step).all())


SHEET = 0.88  # of a rectangle, turned as it may be, that a page fills; of MNIST's digits none 0.87
SMALLEST_SHEET = 0.06  # of the picture's area
SHORT = 0.4  # of its longer side
EDGE = 0.015  # of the picture's longer side: what is left out along a sheet's edge


def sheet(level: np.ndarray) -> np.ndarray | None:
    """Where a sheet of paper lies (H, W) on a desk that is all round it, turned as it may be."""
    bright = level > threshold(level)
    for side in (bright, ~bright):
        labels, _ = ndimage.label(side)
        sizes = np.bincount(labels.ravel())[1:]
        if not len(sizes):
            continue
        filled = ndimage.binary_fill_holes(labels == 1 + np.argmax(sizes))
        touched = sum(edge.any() for edge in (filled[0], filled[-1], filled[:, 0], filled[:, -1]))
        if touched < 2 and filled.mean() > SMALLEST_SHEET and is_rectangle(filled):
            margin = 1 + round(EDGE * max(level.shape))
            return ndimage.binary_erosion(filled, iterations=margin)
    return None


def threshold(level: np.ndarray) -> float:
    """Otsu's: between two levels, so that each half varies least."""
    counts, edges = np.histogram(level, 64, (0, 1))
    middles = (edges[1:] + edges[:-1]) / 2
    below, total = np.cumsum(counts), np.cumsum(counts * middles)
    above = below[-1] - below
    with np.errstate(invalid="ignore", divide="ignore"):
        between = below * above * (total / below - (total[-1] - total) / above) ** 2
    return float(edges[1 + np.nanargmax(np.where(np.isfinite(between), between, -1))])


def is_rectangle(filled: np.ndarray) -> bool:
    """Whether a mask (H, W) fills a rectangle, turned as it may be, and one that is not narrow."""
    rows, columns = np.nonzero(filled)
    area, sides = np.inf, (1, 1)
    for angle in np.deg2rad(np.arange(0, 90, 3)):
        u = np.cos(angle) * columns + np.sin(angle) * rows
        v = np.cos(angle) * rows - np.sin(angle) * columns
        extent = np.ptp(u) + 1, np.ptp(v) + 1
        if extent[0] * extent[1] < area:
            area, sides = extent[0] * extent[1], extent
    return bool(len(rows) > SHEET * area and min(sides) > SHORT * max(sides))


def on_sheet(levels: np.ndarray, where: np.ndarray) -> np.ndarray:
    """The box of a sheet, and outside of it what is at its edge."""
    nearest = ndimage.distance_transform_edt(~where, return_distances=False, return_indices=True)
    rows, columns = (np.flatnonzero(where.any(axis)) for axis in (1, 0))
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    return levels[tuple(nearest)][box]
