"""The ink of an image: in which colour, lighter or darker than the paper, and how strong."""

import numpy as np
from PIL import Image
from scipy import ndimage

from project.data.decoding import ImageError
from project.data.lines import without_lines
from project.data.margins import without_margins
from project.data.marks import TOUCHING, Marks, box_of, find_marks
from project.data.one_digit import check_one_digit
from project.data.paper import MIN_PAPER, channels, contrast
from project.data.sheets import on_sheet

COARSE_SIDE = 240  # pixels in which the marks are looked for
WINDOWS = (0.08, 0.12, 0.18, 0.27, 0.4, 0.6)  # of the longer side
MIN_WINDOW = 11
CORE, GROWTH, MAX_GROWTH = 0.65, 0.03, 0.3  # ink that a wider window finds: its strength, and how much of it
AROUND = 0.3  # the digit's surroundings, of its size
STROKES = 1.5  # a window's width, in those of the widest stroke
EDGE = 0.08  # of the digit's size: how far from a stroke its pale edge may reach
PALEST = 0.05  # of the strongest ink: what is paler is no edge of it
SHADE, MAX_SHADE = 1.2, 0.3  # of the paper's own unevenness; of the strongest ink

NEAR_BORDER = 0.07  # of the longer side
UNEVEN, MIN_EVEN = 0.1, 0.4  # of a side: other than the paper's level; as much as is paper

ENOUGH = 0.3  # contrast of brightness, which makes colours needless
COLOUR, AT_BORDER = 0.7, 0.5  # what contrast counts in colour, and of marks at the border


class Found:
    """Marks in one channel of an image."""

    def __init__(self, level: np.ndarray, marks: Marks, light_ink: bool) -> None:
        self.level = level
        self.marks = marks
        self.light_ink = light_ink

    @property
    def near_border(self) -> bool:
        """Whether the marks come near to the image's border."""
        shape, near = self.marks.kept.shape, NEAR_BORDER * max(self.marks.kept.shape)
        return any(
            each.start < near or each.stop > length - near
            for each, length in zip(self.marks.box, shape, strict=True)
        )


def digit_ink(levels: np.ndarray, single: bool) -> np.ndarray:
    """The ink of the digit in (H, W, C), cut out: (h, w) in [0, 1].

    Raises:
        ImageError: if there is none, or unless `single` if it may be more than one digit.
    """
    found = _on_page(levels)
    marks = _fine(found)
    marked = marks.kept[marks.box]
    if max(marked.shape) < 5:
        raise ImageError(f"is too small: its ink fills {marked.shape[1]} x {marked.shape[0]} pixels")
    if not single:
        check_one_digit(marked)
    edge = max(1, round(EDGE * marks.size))
    near = ndimage.binary_dilation(marks.kept, TOUCHING, iterations=edge)
    away = ~ndimage.binary_dilation(near, TOUCHING, iterations=edge)
    shade = SHADE * float(np.quantile(marks.depth[away], 0.9)) if away.any() else 0.0
    least = max(PALEST * marks.ink, min(max(marks.noise, shade), MAX_SHADE * marks.ink))
    labels, count = ndimage.label(near & (marks.depth > least), TOUCHING)
    with_mark = np.zeros(count + 1, bool)
    with_mark[labels[marks.kept]] = True
    with_mark[0] = False
    ink = np.where(with_mark[labels], marks.depth / marks.ink, 0).clip(0, 1).astype(np.float32)
    return ink[box_of(ink > 0)]


def _on_page(levels: np.ndarray) -> Found:
    """In the page's inside, if the image has a margin or shows a sheet on a desk; else in all."""
    page = without_margins(levels)
    regions = [on_sheet(page), page if page.shape != levels.shape else None]
    for region in regions:
        found = None if region is None else _in_best_channel(region)
        if found is not None and found.marks.inside:
            return found
    found = _in_best_channel(levels)
    if found is None or not found.marks.inside or found.near_border:
        padded = _with_paper_round(levels)
        found = (None if padded is None else _in_best_channel(padded)) or found
    if found is None:
        raise ImageError("holds no ink: nothing in it stands out from the paper")
    return found


def _with_paper_round(levels: np.ndarray) -> np.ndarray | None:
    """With a margin, if ink reaches the border of (H, W, C) and most of the border is even paper."""
    sides = levels[0], levels[-1], levels[:, 0], levels[:, -1]
    paper = np.median(np.concatenate(sides), 0)
    even = [(np.abs(side - paper).max(1) < UNEVEN).mean() for side in sides]
    if min(even) < MIN_EVEN or min(even) == 1:
        return None
    around = round(AROUND * max(levels.shape))
    shape = [length + 2 * around for length in levels.shape[:2]]
    padded = np.full((*shape, levels.shape[2]), paper, np.float32)
    padded[around:-around, around:-around] = levels
    return padded


def _in_best_channel(levels: np.ndarray) -> Found | None:
    best, best_score = None, 0.0
    for number, level in enumerate(channels(levels)):
        found = _light_or_dark(level)
        if found is None:
            continue
        score = (found.marks.ink - found.marks.noise) * (COLOUR if number else 1)
        score *= 1 if found.marks.inside else AT_BORDER
        if score > best_score:
            best, best_score = found, score
        if number == 0 and score > ENOUGH:
            break
    return best


def _light_or_dark(level: np.ndarray) -> Found | None:
    """Marks that are darker or lighter than what is marked neither way.

    Within a dark 0 there is light paper; but it is as light as the paper round the 0.
    """
    shrinking = -(-max(level.shape) // COARSE_SIDE)
    small = _shrunk(level, shrinking)
    found = []
    for light_ink in (False, True):
        plain = without_lines(1 - level if light_ink else level, shrinking)
        marks = _solid(_shrunk(plain, shrinking), light_ink)
        if marks is not None:
            found.append(Found(plain, marks, light_ink))
    if len(found) < 2:
        return found[0] if found else None
    paper = ~(found[0].marks.kept | found[1].marks.kept)
    size = max(each.marks.size for each in found)
    weight = ndimage.uniform_filter(paper.astype(np.float32), size)
    paper_level = ndimage.uniform_filter(small * paper, size) / np.maximum(weight, 1e-6)
    lighter = (small - paper_level) / np.maximum(np.maximum(small, paper_level), MIN_PAPER)

    def stands_out(each):
        ratio = lighter[each.marks.kept].mean() * (1 if each.light_ink else -1)
        return ratio * (1 if each.marks.inside else AT_BORDER)

    return max(found, key=stands_out)


def _shrunk(level: np.ndarray, shrinking: int) -> np.ndarray:
    return np.asarray(Image.fromarray(level.astype(np.float32)).reduce(shrinking))


def _solid(level: np.ndarray, light_ink: bool) -> Marks | None:
    """Marks by the smallest window that is wider than their strokes.

    In a smaller one only the strokes' ends and edges stand out; a larger one holds more shadows.
    """
    side = max(level.shape)
    windows = [_odd(part * side) for part in WINDOWS if part * side >= MIN_WINDOW]
    marks, best, lowest = None, None, (True, np.inf)
    for window in windows or [_odd(side)]:
        wider = find_marks(*contrast(level, window, light_ink))
        if marks is not None and wider is not None:
            near = ndimage.binary_dilation(marks.kept, TOUCHING, iterations=narrower // 2)
            more = (wider.depth > CORE * marks.ink) & near & ~marks.kept
            growth = more.sum() / marks.kept.sum()
            rank = (not marks.inside or growth > MAX_GROWTH, growth)
            if rank < lowest:
                best, lowest = marks, rank
            if rank < (False, GROWTH):
                break
        marks, narrower = wider, window
    return best or marks


def _fine(found: Found) -> Marks:
    """The same marks in the image's own pixels, by a window of their strokes' width."""
    coarse = found.marks
    shrinking = found.level.shape[0] / coarse.kept.shape[0]
    around = AROUND * coarse.size
    crop = tuple(
        slice(max(0, int(shrinking * (each.start - around))), int(shrinking * (each.stop + around)) + 1)
        for each in coarse.box
    )
    widest = 2 * shrinking * float(ndimage.distance_transform_edt(np.pad(coarse.kept, 1)).max())
    window = _odd(max(STROKES * widest + 2, min(0.6 * shrinking * coarse.size, 17)))
    marks = find_marks(*contrast(found.level[crop], window, found.light_ink))
    if marks is None:
        raise ImageError("holds no ink: nothing in it stands out from the paper")
    return marks


def _odd(length: float) -> int:
    return max(3, 2 * int(length / 2) + 1)
