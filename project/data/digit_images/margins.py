"""An image without its margin: a frame, bars above and below, a larger canvas of one colour."""

import numpy as np

DIFFERENT = 0.08  # in one colour at least, of a margin and the page that it lies round
EVEN = 0.9  # of a margin that differs by half as much from its colour, or less
MARGIN_COVER, PAGE_COVER = 0.02, 0.9  # of a side that differs from the margin's colour
PAGE_FILL = 0.7  # of its box: the rest is what is written on it
TRANSITION = 0.01  # of the longer side: from the margin to the page
MIN_PROFILE = 0.1  # of rows that hold the page
MIN_PAGE = 5  # pixels
NARROW = 2.5  # height by width: the box may be a 1
PAGE_CONTRAST = 0.1  # of what is written on a page
OF_STEP = 0.5  # between a margin and a narrow page
COARSE_SIDE = 160  # pixels in which a margin is looked for first
MAX_MARGINS = 5  # one in another


def without_margins(levels: np.ndarray) -> np.ndarray:
    """Return the page of an image (H, W, C) in [0, 1]: all of it if there is no margin."""
    for _ in range(MAX_MARGINS):
        step = -(-max(levels.shape) // COARSE_SIDE)
        if step > 1 and _page(levels[::step, ::step]) is None:
            break
        box = _page(levels)
        if box is None:
            break
        levels = levels[box]
    return levels


def _page(levels: np.ndarray) -> tuple[slice, slice] | None:
    """Find the rectangle that differs in each of its sides from one colour, which is all round it.

    A digit does not: its outermost rows and columns hold little of it. A 1 does, and a page that is
    as narrow has something within.
    """
    corners = levels[[0, 0, -1, -1], [0, -1, 0, -1]]
    for margin in np.unique(corners, axis=0):
        away = np.maximum.reduce([np.abs(levels[..., i] - each) for i, each in enumerate(margin)])
        box = _filled_box(away > DIFFERENT)
        if box is None or not _is_written_on(levels[box], margin):
            continue
        outside = np.ones(away.shape, bool)
        outside[box] = False
        if (away[outside] < DIFFERENT / 2).mean() > EVEN:
            return box
    return None


def _filled_box(differs: np.ndarray) -> tuple[slice, slice] | None:
    """Return a mask's filled rectangle without its blurred edge; None if it is all or nothing."""
    height, width = differs.shape
    spans = []
    for axis in (1, 0):
        profile = differs.mean(axis)
        plateau = np.quantile(profile, 0.9)
        if plateau < MIN_PROFILE:
            return None
        within = np.flatnonzero(profile > plateau / 2)
        spans.append((int(within[0]), int(within[-1]) + 1))
    if spans == [(0, height), (0, width)]:
        return None
    blurred = 1 + round(TRANSITION * max(height, width))
    box = []
    for axis, ((start, stop), length) in enumerate(zip(spans, differs.shape, strict=True)):
        first, last = start + blurred * (start > 0), stop - blurred * (stop < length)
        if last - first < MIN_PAGE:
            return None
        box.append(slice(first, last))
        lines = np.moveaxis(differs, axis, 0)
        before, after = lines[: max(0, start - blurred)], lines[stop + blurred :]
        if any(margin.size and margin.mean(1).max() > MARGIN_COVER for margin in (before, after)):
            return None
    page = differs[tuple(box)]
    edges = [
        (box[0].start, page[0]), (height - box[0].stop, page[-1]),
        (box[1].start, page[:, 0]), (width - box[1].stop, page[:, -1]),
    ]  # fmt: skip
    full = all(edge.mean() > PAGE_COVER for margin, edge in edges if margin)
    return (box[0], box[1]) if full and page.mean() > PAGE_FILL else None


def _is_written_on(page: np.ndarray, margin: np.ndarray) -> bool:
    """Return whether something stands out on the page; a narrow one could itself be a 1."""
    height, width, _ = page.shape
    within = np.ptp(page, axis=(0, 1)).max()
    if height <= NARROW * width:
        return bool(within > PAGE_CONTRAST)
    corners = page[[0, 0, -1, -1], [0, -1, 0, -1]]
    step = OF_STEP * np.abs(np.median(page, (0, 1)) - margin).max()
    return bool(within > step and (np.abs(corners - margin).max(1) > step).all())
