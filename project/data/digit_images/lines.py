"""Paper without its printed lines: those of ruled and of squared paper, which cross all of it."""

import numpy as np
from scipy import ndimage

WIDEST = 0.03  # line, of the image's longer side
MIN_WIDEST = 3  # pixels
MIN_DEPTH = 0.06  # of the paper's level
MIN_LENGTH = 0.6  # of the image's side
ENDS = 0.1  # of a side
EDGE = 0.15  # of a line's length that is its blurred edge
DARKER = 1.3  # than most of a line is ink that lies on it
STEEPEST = 0.09  # five degrees


def without_lines(level: np.ndarray, shrinking: int) -> np.ndarray:
    """Return levels (H, W) with dark lines across the image made as light as the paper beside.

    Ink that crosses a line stays, being longer in the other direction than a line is wide. Lines
    are looked for in an image that is smaller by the factor `shrinking`.
    """
    if WIDEST * max(level.shape) < MIN_WIDEST:
        return level  # a line is as wide as a stroke
    for axis in (0, 1):
        level = np.moveaxis(level, axis, 0)
        small = level[
            : len(level) // shrinking * shrinking, : level.shape[1] // shrinking * shrinking
        ]
        small = small.reshape(len(small) // shrinking, shrinking, -1, shrinking).mean((1, 3))
        found = _lines(small)
        if found is not None:
            slope, lines = found
            rows, columns = np.mgrid[: level.shape[0], : level.shape[1]]
            places = (rows - slope * columns) / shrinking + small.shape[1]
            on_line = lines[np.rint(places).astype(int).clip(0, len(lines) - 1)]
            paper = _across(level, WIDEST * max(level.shape))
            depth = paper - level
            printed = depth[on_line & (depth > MIN_DEPTH * paper)]
            if printed.size:
                on_line &= depth < DARKER * np.median(printed)
                level = np.where(on_line, paper, level)
        level = np.moveaxis(level, 0, axis)
    return level


def _across(level: np.ndarray, width: float) -> np.ndarray:
    """Return levels without what is dark in fewer than `width` rows."""
    return ndimage.grey_closing(level, (2 * (max(MIN_WIDEST, round(width)) // 2) + 1, 1))


def _lines(level: np.ndarray) -> tuple[float, np.ndarray] | None:
    """Return the slope of lines from left to right in (H, W), and the rows from -W at column 0."""
    height, width = level.shape
    paper = _across(level, WIDEST * max(level.shape))
    rows, columns = np.nonzero(paper - level > MIN_DEPTH * paper)
    best, longest = None, 0.0
    # Lines reach both sides, which a long 1 does not.
    ends = (columns < ENDS * width) | (columns >= (1 - ENDS) * width)
    for slope in np.arange(-STEEPEST, STEEPEST, 1 / max(level.shape)):
        starts = np.rint(rows - slope * columns).astype(int) + width
        lengths = np.bincount(starts, minlength=height + 2 * width) / width
        at_ends = np.bincount(starts[ends], minlength=height + 2 * width) / width
        length = lengths[at_ends > 1.5 * ENDS].max(initial=0)
        if length > longest:
            best, longest = (float(slope), lengths), length
    if best is None or longest < MIN_LENGTH:
        return None
    slope, lengths = best
    lines = ndimage.binary_propagation(lengths > MIN_LENGTH, mask=lengths > EDGE)
    return slope, ndimage.binary_dilation(lines)
