"""Which marks on a page may be a digit: none that touches the border, no specks and no shades."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

MIN_INK = 0.05  # contrast with the paper: less is no ink
STRONG = 0.35  # of the strongest ink: less may be a shade
STRONGEST = 0.98  # the quantile of what stands out that counts as the strongest
MIN_SIZE, MIN_PIXELS = 0.05, 5  # a digit's, by the image's longer side and in pixels
SPECK = 0.02  # of the largest mark's ink
DUST = 0.15  # of the largest mark's size: smaller marks away from it are none of its parts
AWAY = 0.05  # of the largest mark's size
PALE = 0.6  # of the largest mark's mean depth: paler marks are shades
MAX_LAYERS = 5  # of marks at the border, each paler than the last: a frame, a desk, a shadow
FRAME = 0.15  # of the border that a frame, a desk or a shadow covers, and a digit does not
FAINTER = 0.5  # of what touches the border and may be the digit: less is no digit
HALO = 0.15  # of a mark's ink: what is stronger and next to it belongs to it
MAX_COVER = 0.5  # of the border, by a digit that is cut out closely
# Of 20,000 digits of MNIST one in a thousand has wider strokes, or fills more of its box.
SHEET_WIDTH, SHEET_FILL = 0.6, 0.78  # by the size of the box
NARROW = 0.45  # width by height: a 1 may fill its box
TOUCHING = np.ones((3, 3))  # pixels also touch at their corners


@dataclass(frozen=True, eq=False)
class Marks:
    """What may be a digit's ink."""

    depth: np.ndarray  # contrast with the paper, (H, W)
    kept: np.ndarray  # where there is a mark, (H, W)
    ink: float  # the depth of the strongest ink
    noise: float  # the depth up to which it may be noise
    inside: bool  # whether no mark touches the border

    @property
    def box(self) -> tuple[slice, slice]:
        """The rows and columns of the marks."""
        return box_of(self.kept)

    @property
    def size(self) -> int:
        """The longer side of the box."""
        return max(each.stop - each.start for each in self.box)


def box_of(mask: np.ndarray) -> tuple[slice, slice]:
    """Return the rows and columns of what is True in (H, W), of which there must be something."""
    return ndimage.find_objects(mask.astype(np.int8))[0]


def spans_of(labels: np.ndarray) -> np.ndarray:
    """Return the first row and column, and those after the last, of each label: (N, 2, 2)."""
    boxes = ndimage.find_objects(labels)
    return np.array([[(each.start, each.stop) for each in box] for box in boxes])


def distances(mask: np.ndarray) -> np.ndarray:
    """Return each True pixel's distance from the nearest False one (H, W)."""
    return np.asarray(ndimage.distance_transform_edt(mask))


def widest_stroke(mask: np.ndarray) -> float:
    """Return the width of the widest stroke of a mask (H, W), in pixels."""
    return 2 * float(distances(np.pad(mask, 1)).max())


def find_marks(depth: np.ndarray, noise: float) -> Marks | None:
    """Return the marks inside of the image (H, W), or else those that touch its border, or None.

    A frame, a desk or a shadow at the border may be stronger than the ink: what touches the border
    is taken away, and what is left is looked at again.
    """
    at_border = None
    rest, least = depth.copy(), max(MIN_INK, 2 * noise)
    for _ in range(MAX_LAYERS):
        outstanding = rest[rest > max(noise, MIN_INK)]
        ink = float(np.quantile(outstanding, STRONGEST)) if outstanding.size else 0.0
        if ink < least:
            break
        strong = rest > max(STRONG * ink, noise)
        labels, count = ndimage.label(strong, TOUCHING)
        border = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
        at_edge = np.isin(np.arange(count + 1), border[border > 0])
        inside = _digit(depth, labels, ~at_edge)
        if inside is not None:
            return Marks(depth, inside, ink, noise, True)
        cover = at_edge[border].mean()
        if at_border is None and cover < MAX_COVER:
            kept = _digit(depth, labels, at_edge)
            at_border = None if kept is None else Marks(depth, kept, ink, noise, False)
        least = max(least, (FAINTER if cover < FRAME else HALO) * ink)
        # With its pale edge.
        edges = ndimage.binary_propagation(at_edge[labels], TOUCHING, rest > HALO * ink)
        rest[ndimage.binary_dilation(edges, TOUCHING)] = 0
    return at_border


def _digit(depth: np.ndarray, labels: np.ndarray, allowed: np.ndarray) -> np.ndarray | None:
    """Return where the marks are that may be parts of one digit, of the `allowed` ones, or None."""
    spans = spans_of(labels)
    if not len(spans):
        return None
    sizes = np.ptp(spans, axis=2).max(1)
    allowed = allowed[1:]
    least = max(MIN_PIXELS, MIN_SIZE * max(labels.shape))
    if not (allowed & (sizes >= least)).any():
        return None
    weights = np.bincount(labels.ravel(), depth.ravel())[1:] * allowed
    means = weights / np.bincount(labels.ravel())[1:]
    largest = weights.argmax()
    gaps = np.maximum(spans[largest, :, 0] - spans[:, :, 1], spans[:, :, 0] - spans[largest, :, 1])
    dust = (sizes < DUST * sizes[largest]) & (gaps.max(1) > AWAY * sizes[largest])
    kept = allowed & (weights >= SPECK * weights[largest]) & ~dust
    kept &= means >= PALE * means[largest]
    digit = np.concatenate([[False], kept])[labels]
    return None if _is_sheet(digit[box_of(digit)]) else digit


def _is_sheet(marked: np.ndarray) -> bool:
    """Return whether what is marked in its box (h, w) is no stroke but an area: paper, a shadow."""
    height, width = marked.shape
    filled = marked.mean() > SHEET_FILL and width > NARROW * height
    return bool(filled or widest_stroke(marked) - 1 > SHEET_WIDTH * max(height, width))
