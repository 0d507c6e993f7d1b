"""A digit on paper: where it stands, what paper and pen are like, what else is on the paper.

A page is what it reflects, (H, W, 3) in [0, 1], before any light falls on it.
"""

import numpy as np
from PIL import Image
from scipy import ndimage

Draw = np.random.Generator


def placed(draw: Draw, digit: np.ndarray) -> np.ndarray:
    """Coverage (H, W) of a page by a digit, somewhere on it and a little turned."""
    side, tall = draw.integers(180, 420), draw.uniform(0.35, 0.7)
    turned = ndimage.rotate(digit, draw.uniform(-5, 5), order=1)
    rows, columns = (np.flatnonzero((turned > 0.05).any(axis)) for axis in (1, 0))
    box = turned[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].clip(0, 1)
    height = round(tall * side)
    width = max(3, round(box.shape[1] * height / box.shape[0]))
    box = np.asarray(Image.fromarray(box).resize((width, height), Image.Resampling.BICUBIC))
    wide = max(round(side * draw.uniform(0.8, 1.3)), round(1.3 * width))
    page = np.zeros((side, wide), np.float32)
    free = [page.shape[axis] - box.shape[axis] for axis in (0, 1)]
    row, column = (round(each * draw.uniform(0.15, 0.85)) for each in free)
    page[row : row + height, column : column + width] = box.clip(0, 1)
    return page


def written(coverage: np.ndarray, paper: np.ndarray, ink: np.ndarray) -> np.ndarray:
    """The page (H, W, 3). paper: a colour (3,) or a page that is written on; ink: (3,)."""
    alpha = coverage[..., None]
    return (paper * (1 - alpha) + ink * alpha).astype(np.float32)


def white(draw: Draw) -> np.ndarray:
    """The colour of a white, grey or yellowish paper."""
    return draw.uniform(0.75, 0.97) * np.array([1, draw.uniform(0.95, 1), draw.uniform(0.85, 1)])


def pen(draw: Draw) -> np.ndarray:
    """The colour of a black, blue or dark red pen."""
    strength = draw.uniform(0.05, 0.2)
    colour = strength * np.ones(3)
    colour[draw.integers(3)] += draw.choice([0, 0.25])
    return colour


def page(draw: Draw, coverage: np.ndarray) -> np.ndarray:
    """Ink on white paper."""
    return written(coverage, white(draw), pen(draw))


def pencilled(draw: Draw, coverage: np.ndarray) -> np.ndarray:
    """A pencil on rough paper: pale, and not everywhere."""
    grain = ndimage.gaussian_filter(draw.normal(0, 1, coverage.shape), 1.0)
    grain /= grain.std()
    paper = white(draw) * (1 + 0.008 * grain[..., None])
    pencil = white(draw) * draw.uniform(0.45, 0.7)
    return written(coverage * (1 + 0.15 * grain).clip(0, 1), paper, pencil)


def ruled(draw: Draw, coverage: np.ndarray) -> np.ndarray:
    """Lines that were printed before anything was written, and perhaps a margin's."""
    paper = np.broadcast_to(white(draw), (*coverage.shape, 3))
    gap, colour = draw.uniform(0.1, 0.3) * len(coverage), printed(draw)
    lines = grid(draw, coverage.shape, gap, across=True, along=False)
    paper = written(lines, paper, colour)
    if draw.random() < 0.3:
        margin = np.zeros_like(coverage)
        left = round(0.08 * coverage.shape[1])
        margin[:, left : left + 2] = 1
        paper = written(margin, paper, np.array([0.85, 0.45, 0.45]))
    return written(coverage, paper, pen(draw))


def squared(draw: Draw, coverage: np.ndarray) -> np.ndarray:
    """The paper of mathematics."""
    gap = draw.uniform(0.06, 0.2) * len(coverage)
    lines = grid(draw, coverage.shape, gap, across=True, along=True)
    return written(coverage, written(lines, white(draw), printed(draw)), pen(draw))


def printed(draw: Draw) -> np.ndarray:
    """The colour of printed lines: pale blue, pale red, grey."""
    colours = ([0.55, 0.7, 0.9], [0.9, 0.65, 0.65], [0.6, 0.6, 0.6], [0.75, 0.75, 0.75])
    return np.array(colours[draw.integers(len(colours))])


def grid(draw: Draw, shape: tuple[int, int], gap: float, across: bool, along: bool) -> np.ndarray:
    """Coverage by lines `gap` pixels apart, one to three wide, turned by up to two degrees."""
    height, width = shape
    rows, columns = np.mgrid[:height, :width].astype(float)
    angle, thickness = np.deg2rad(draw.uniform(-2, 2)), draw.uniform(1, max(1.2, 0.008 * height))
    covered = np.zeros(shape)
    places = (
        (across, np.cos(angle) * rows + np.sin(angle) * columns),
        (along, np.cos(angle) * columns - np.sin(angle) * rows),
    )
    start = draw.uniform(0, gap)
    for there, place in places:
        distance = np.abs((place - start + gap / 2) % gap - gap / 2)
        covered = np.maximum(covered, there * (thickness / 2 + 0.5 - distance).clip(0, 1))
    return covered


def folded(draw: Draw, seen: np.ndarray) -> np.ndarray:
    """A page (H, W, 3) that was folded once or twice: a crease, and two sides that catch light."""
    height, width, _ = seen.shape
    for _ in range(draw.integers(1, 3)):
        distance = distance_to_line(draw, (height, width))
        side = np.where(distance > 0, 1, draw.uniform(0.75, 0.95))
        crease = np.exp(-0.5 * (distance / draw.uniform(0.6, 1.5)) ** 2)
        seen = seen * (side * (1 + draw.choice([-0.25, -0.15, 0.1]) * crease))[..., None]
    return seen


def distance_to_line(draw: Draw, shape: tuple[int, int]) -> np.ndarray:
    """Signed, in pixels, of each place from a straight line through the middle half."""
    height, width = shape
    angle = draw.uniform(0, 2 * np.pi)
    rows, columns = np.mgrid[:height, :width].astype(float)
    across, down = draw.uniform(0.25, 0.75) * width, draw.uniform(0.25, 0.75) * height
    return np.cos(angle) * (columns - across) + np.sin(angle) * (rows - down)


def dusty(draw: Draw, seen: np.ndarray) -> np.ndarray:
    """Specks of dust, and the stain of a cup."""
    seen = seen.copy()
    height, width, _ = seen.shape
    rows, columns = np.mgrid[:height, :width]
    for _ in range(draw.integers(3, 15)):
        near = (rows - draw.uniform(0, height)) ** 2 + (columns - draw.uniform(0, width)) ** 2
        seen[near < draw.uniform(0.3, 0.01 * height) ** 2] *= draw.uniform(0.2, 0.8)
    radius = draw.uniform(0.2, 0.4) * height
    away = np.hypot(rows - draw.uniform(0, height), columns - draw.uniform(0, width)) - radius
    stain = np.exp(-0.5 * (away / (0.02 * height)) ** 2)
    return seen * (1 - draw.uniform(0.05, 0.2) * stain[..., None] * np.array([0.5, 0.8, 1]))


def broken(draw: Draw, coverage: np.ndarray) -> np.ndarray:
    """A strip without ink through the digit: a pen that failed, a bad copy."""
    rows, columns = (np.flatnonzero((coverage > 0.5).any(axis)) for axis in (1, 0))
    height = rows[-1] - rows[0]
    centre = (rows[0] + draw.uniform(0.3, 0.7) * height, columns.mean())
    angle = draw.uniform(-0.3, 0.3) + draw.choice([0, np.pi / 2])
    y, x = np.mgrid[: coverage.shape[0], : coverage.shape[1]]
    distance = np.abs(np.cos(angle) * (y - centre[0]) + np.sin(angle) * (x - centre[1]))
    half = draw.uniform(0.015, 0.03) * height
    return coverage * (distance - half + 0.5).clip(0, 1)
