"""The strokes in an image: in which colour, and whether lighter or darker than the paper."""

from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy import ndimage

from project.data.digit_images.lines import without_lines
from project.data.digit_images.marks import TOUCHING, Marks, find_marks
from project.data.digit_images.paper import MIN_PAPER, channels, contrast

COARSE_SIDE = 240  # pixels in which marks are looked for
WINDOWS = (0.08, 0.12, 0.18, 0.27, 0.4, 0.6)  # of the longer side
MIN_WINDOW = 11
CORE = 0.65  # of the ink: what a wider window finds and is as strong is ink too
GROWTH, MAX_GROWTH = 0.03, 0.3  # of the marks by such ink, that is none and that is too much
NEAR_BORDER = 0.07  # of the longer side
ENOUGH = 0.3  # contrast of brightness, which makes colours needless
COLOUR, AT_BORDER = 0.7, 0.5  # what contrast counts in colour, and of marks at the border


@dataclass(frozen=True, eq=False)
class Strokes:
    """Marks in one channel of an image."""

    level: np.ndarray  # the channel without printed lines, inverted if the ink is light, (H, W)
    marks: Marks  # in at most 240 pixels
    light_ink: bool  # lighter than the paper

    @property
    def near_border(self) -> bool:
        """Whether the marks come near to the image's border."""
        shape, near = self.marks.kept.shape, NEAR_BORDER * max(self.marks.kept.shape)
        return any(
            each.start < near or each.stop > length - near
            for each, length in zip(self.marks.box, shape, strict=True)
        )


def find_strokes(levels: np.ndarray) -> Strokes | None:
    """Return the strokes in (H, W, C) in the channel in which they stand out most, or None."""
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


def odd(length: float) -> int:
    """Return an odd number of pixels about `length`, at least 3: the side of a window."""
    return max(3, 2 * int(length / 2) + 1)


def _light_or_dark(level: np.ndarray) -> Strokes | None:
    """Return strokes that are darker or lighter than what is marked neither way."""
    shrinking = -(-max(level.shape) // COARSE_SIDE)
    found = []
    for light_ink in (False, True):
        plain = without_lines(1 - level if light_ink else level, shrinking)
        marks = _solid(_shrunk(plain, shrinking), light_ink)
        if marks is not None:
            found.append(Strokes(plain, marks, light_ink))
    if len(found) < 2:
        return found[0] if found else None
    small = _shrunk(level, shrinking)
    paper = ~(found[0].marks.kept | found[1].marks.kept)
    size = max(each.marks.size for each in found)
    weight = ndimage.uniform_filter(paper.astype(np.float32), size)
    paper_level = ndimage.uniform_filter(small * paper, size) / np.maximum(weight, 1e-6)
    lighter = (small - paper_level) / np.maximum(np.maximum(small, paper_level), MIN_PAPER)

    def stands_out(each: Strokes) -> float:
        ratio = float(lighter[each.marks.kept].mean()) * (1 if each.light_ink else -1)
        return ratio * (1 if each.marks.inside else AT_BORDER)

    return max(found, key=stands_out)


def _shrunk(level: np.ndarray, shrinking: int) -> np.ndarray:
    return np.asarray(Image.fromarray(level.astype(np.float32)).reduce(shrinking))


def _solid(level: np.ndarray, light_ink: bool) -> Marks | None:
    """Return the marks by the smallest window that is wider than their strokes."""
    side = max(level.shape)
    windows = [odd(part * side) for part in WINDOWS if part * side >= MIN_WINDOW] or [odd(side)]
    marks, best, lowest = None, None, (True, np.inf)
    for number, window in enumerate(windows):
        wider = find_marks(*contrast(level, window, light_ink))
        if marks is not None and wider is not None:
            reach = windows[number - 1] // 2
            near = ndimage.binary_dilation(marks.kept, TOUCHING, iterations=reach)
            more = (wider.depth > CORE * marks.ink) & near & ~marks.kept
            growth = more.sum() / marks.kept.sum()
            rank = (not marks.inside or growth > MAX_GROWTH, growth)
            if rank < lowest:
                best, lowest = marks, rank
            if rank < (False, GROWTH):
                break
        marks = wider
    return best or marks
