"""A sheet of paper on a desk, turned as it may be."""

import numpy as np
from scipy import ndimage

from project.data.digit_images.marks import box_of
from project.data.digit_images.paper import brightness

RECTANGLE = 0.88  # of a turned box that a sheet fills; no one of 6,000 digits of MNIST fills 0.87
MIN_AREA = 0.06  # of the image
NARROW = 0.4  # the shorter side by the longer one: a 1 is narrower
EDGE = 0.015  # of the image's longer side: left out along a sheet's edge
MAX_BORDERS = 1  # of the image, that a sheet touches
ANGLES = np.deg2rad(np.arange(0, 90, 3))
BINS = 64
COARSE_SIDE = 320  # pixels in which a sheet is looked for


def on_sheet(levels: np.ndarray) -> np.ndarray | None:
    """Return the box of a sheet in (H, W, C), the desk made as the paper next to it, or None."""
    step = -(-max(levels.shape) // COARSE_SIDE)
    where = _sheet(brightness(levels[::step, ::step]))
    if where is None or not where.any():
        return None
    where = where.repeat(step, 0).repeat(step, 1)[: levels.shape[0], : levels.shape[1]]
    nearest = np.asarray(
        ndimage.distance_transform_edt(~where, return_distances=False, return_indices=True)
    )
    return levels[nearest[0], nearest[1]][box_of(where)]


def _sheet(level: np.ndarray) -> np.ndarray | None:
    """Return where a sheet lies (H, W), lighter or darker than the desk all round it, or None."""
    light = level > _threshold(level)
    for side in (light, ~light):
        labels, count = ndimage.label(side)
        if not count:
            continue
        largest = labels == 1 + np.argmax(np.bincount(labels.ravel())[1:])
        filled = ndimage.binary_fill_holes(largest)
        borders = sum(line.any() for line in (filled[0], filled[-1], filled[:, 0], filled[:, -1]))
        if borders <= MAX_BORDERS and filled.mean() > MIN_AREA and _is_rectangle(filled):
            edge = 1 + round(EDGE * max(level.shape))
            return ndimage.binary_erosion(filled, iterations=edge)
    return None


def _threshold(level: np.ndarray) -> float:
    """Return Otsu's threshold: between two kinds of pixels that vary as little as can be."""
    counts, edges = np.histogram(level, BINS, (0, 1))
    middles = (edges[1:] + edges[:-1]) / 2
    below, total = np.cumsum(counts)[:-1], np.cumsum(counts * middles)
    above = counts.sum() - below
    means = total[:-1] / np.maximum(below, 1), (total[-1] - total[:-1]) / np.maximum(above, 1)
    return float(edges[1 + np.argmax(below * above * (means[0] - means[1]) ** 2)])


def _is_rectangle(filled: np.ndarray) -> bool:
    """Return whether a mask (H, W) fills a turned box that is not narrow."""
    rows, columns = np.nonzero(filled)
    best, sides = np.inf, (1, 1)
    for angle in ANGLES:
        along = np.cos(angle) * columns + np.sin(angle) * rows
        across = np.cos(angle) * rows - np.sin(angle) * columns
        extent = np.ptp(along) + 1, np.ptp(across) + 1
        if extent[0] * extent[1] < best:
            best, sides = extent[0] * extent[1], extent
    return bool(len(rows) > RECTANGLE * best and min(sides) > NARROW * max(sides))
