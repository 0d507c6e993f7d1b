"""The ink of the digit in an image, cut out, with the pale edges of its strokes."""

import numpy as np
from scipy import ndimage

from project.data.digit_images.decoding import ImageError
from project.data.digit_images.marks import TOUCHING, Marks, box_of, find_marks, widest_stroke
from project.data.digit_images.one_digit import check_one_digit
from project.data.digit_images.paper import contrast
from project.data.digit_images.paper_round import with_paper_round
from project.data.digit_images.sheets import on_sheet
from project.data.digit_images.strokes import Strokes, find_strokes, odd

AROUND = 0.3  # the digit's surroundings, of its size
STROKES, NARROWEST, OF_SIZE = 1.5, 17, 0.6  # a window's width: in strokes, in pixels, of the size
EDGE = 0.08  # of the digit's size: how far from a stroke its pale edge may reach
PALEST = 0.05  # of the strongest ink: what is paler is no edge of it
SHADE, MAX_SHADE = 1.2, 0.3  # of the paper's own unevenness; of the strongest ink
THIN = 0.08  # of the image: less is covered by a line that crosses it, more by a digit
NO_INK = "holds no ink: nothing of a digit's size stands out from the paper"


def digit_ink(levels: np.ndarray, single: bool) -> np.ndarray:
    """Return the ink of the digit in (H, W, C), cut out: (h, w) in [0, 1].

    Without any, or unless `single` if it may be more than one digit, an ImageError is raised.
    """
    marks = _in_all_pixels(_on_page(levels))
    marked = marks.kept[marks.box]
    if not single:
        check_one_digit(marked)
    edge = max(1, round(EDGE * marks.size))
    near = ndimage.binary_dilation(marks.kept, TOUCHING, iterations=edge)
    away = ~ndimage.binary_dilation(near, TOUCHING, iterations=edge)
    shade = SHADE * float(np.quantile(marks.depth[away], 0.9)) if away.any() else 0.0
    least = max(PALEST * marks.ink, min(max(marks.noise, shade), MAX_SHADE * marks.ink))
    pale = marks.depth > least
    # A pale line that goes on away from the strokes is a fold or a print, and no edge of theirs.
    lines = ndimage.binary_dilation(pale & ~near, TOUCHING, iterations=edge + 1)
    seen = marks.kept | (near & pale & ~lines)
    seen = ndimage.binary_propagation(marks.kept, TOUCHING, seen)
    ink = np.where(seen, marks.depth / marks.ink, 0).clip(0, 1).astype(np.float32)
    return ink[box_of(ink > 0)]


def _on_page(levels: np.ndarray) -> Strokes:
    """Look on a sheet on a desk, if there is one; else everywhere."""
    sheet = on_sheet(levels)
    found = None if sheet is None else find_strokes(sheet)
    if found is not None and found.marks.inside:
        return found
    found = find_strokes(levels)
    if found is None or not found.marks.inside or found.near_border:
        found = _at_border(levels, found)
    if found is None:
        raise ImageError(NO_INK)
    return found


def _at_border(levels: np.ndarray, found: Strokes | None) -> Strokes | None:
    """Look again with more paper round the image; drop what only crosses the image."""
    page, padded = levels, with_paper_round(levels)
    wider = None if padded is None else find_strokes(padded)
    if padded is not None and wider is not None and wider.marks.inside:
        found, page = wider, padded
    if found is None:
        return None
    height, width = (
        length * levels.shape[axis] / page.shape[axis]
        for axis, length in enumerate(found.marks.kept.shape)
    )
    return None if _crosses(found.marks.kept, height, width) else found


def _crosses(kept: np.ndarray, height: float, width: float) -> bool:
    """Return whether a thin mark goes from side to side of the image: a fold, a printed line."""
    labels, _ = ndimage.label(kept, TOUCHING)
    for part, (rows, columns) in enumerate(ndimage.find_objects(labels), 1):
        across = rows.stop - rows.start >= height - 2 or columns.stop - columns.start >= width - 2
        if across and (labels[rows, columns] == part).sum() < THIN * height * width:
            return True
    return False


def _in_all_pixels(found: Strokes) -> Marks:
    """Find the same marks in the image's own pixels, by a window of their strokes' width."""
    coarse = found.marks
    shrinking = found.level.shape[0] / coarse.kept.shape[0]
    around = AROUND * coarse.size
    near = [(each.start - around, each.stop + around) for each in coarse.box]
    rows, columns = (
        slice(max(0, int(shrinking * start)), int(shrinking * stop) + 1) for start, stop in near
    )
    stroke = shrinking * widest_stroke(coarse.kept)
    window = odd(max(STROKES * stroke + 2, min(OF_SIZE * shrinking * coarse.size, NARROWEST)))
    marks = find_marks(*contrast(found.level[rows, columns], window, found.light_ink))
    if marks is None:
        raise ImageError(NO_INK)
    return marks
