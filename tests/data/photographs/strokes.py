"""Digits drawn by strokes: curves through points, shaken, slanted, of any width of pen."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

Stroke = Sequence[tuple[float, float]]

# Ways to write each digit: strokes through points (x, y) of a unit box, y downwards. A point that
# is named twice in a row is a corner.
WAYS: dict[int, list[list[Stroke]]] = {
    0: [
        [[(0.5, 0), (0.1, 0.2), (0, 0.55), (0.2, 0.93), (0.5, 1), (0.85, 0.88), (1, 0.5),
          (0.85, 0.12), (0.5, 0)]],
        [[(0.6, 0.02), (0.2, 0.15), (0, 0.6), (0.25, 0.98), (0.7, 0.9), (0.98, 0.45), (0.8, 0.08),
          (0.55, 0.01)]],
    ],
    1: [
        [[(0.5, 0), (0.5, 0.5), (0.5, 1)]],
        [[(0.56, 0), (0.52, 0.5), (0.46, 1)]],
    ],
    2: [
        [[(0.05, 0.25), (0.25, 0.03), (0.6, 0), (0.85, 0.2), (0.7, 0.5), (0.3, 0.8), (0.02, 0.98),
          (0.02, 0.98), (0.5, 0.96), (1, 0.97)]],
        [[(0.1, 0.2), (0.35, 0), (0.75, 0.08), (0.82, 0.35), (0.5, 0.75), (0.15, 0.97),
          (0.02, 0.85), (0.2, 0.76), (0.55, 0.92), (1, 0.95)]],
    ],
    3: [
        [[(0.08, 0.12), (0.45, 0), (0.85, 0.12), (0.8, 0.36), (0.4, 0.47), (0.4, 0.47),
          (0.85, 0.56), (0.95, 0.8), (0.6, 0.99), (0.05, 0.9)]],
        [[(0.05, 0.06), (0.5, 0), (0.88, 0.2), (0.65, 0.42), (0.35, 0.46), (0.75, 0.54),
          (0.95, 0.75), (0.7, 0.97), (0.3, 1), (0, 0.9)]],
    ],
    4: [
        [[(0.12, 0), (0.05, 0.3), (0.08, 0.52), (0.08, 0.52), (0.5, 0.53), (0.92, 0.5)],
         [(0.8, 0.02), (0.76, 0.5), (0.72, 1)]],
        [[(0.2, 0), (0.1, 0.25), (0.02, 0.5), (0.02, 0.5), (0.5, 0.55), (1, 0.52)],
         [(0.78, 0.1), (0.72, 0.55), (0.7, 1)]],
    ],
    5: [
        [[(0.2, 0.03), (0.15, 0.25), (0.1, 0.45), (0.1, 0.45), (0.5, 0.38), (0.88, 0.55),
          (0.85, 0.85), (0.5, 1), (0.05, 0.9)], [(0.2, 0.03), (0.55, 0.02), (0.95, 0)]],
        [[(0.95, 0.02), (0.6, 0.01), (0.22, 0.04), (0.22, 0.04), (0.18, 0.25), (0.14, 0.43),
          (0.14, 0.43), (0.55, 0.4), (0.85, 0.6), (0.75, 0.9), (0.4, 1), (0, 0.92)]],
    ],
    6: [
        [[(0.75, 0), (0.4, 0.2), (0.1, 0.55), (0.1, 0.85), (0.45, 1), (0.85, 0.88), (0.88, 0.65),
          (0.55, 0.54), (0.2, 0.68), (0.1, 0.8)]],
        [[(0.6, 0), (0.25, 0.3), (0.05, 0.7), (0.25, 0.98), (0.7, 0.98), (0.92, 0.78),
          (0.7, 0.58), (0.3, 0.66), (0.1, 0.82)]],
    ],
    7: [
        [[(0, 0.04), (0.5, 0.03), (0.95, 0.02), (0.95, 0.02), (0.75, 0.4), (0.5, 1)]],
        [[(0, 0.1), (0.45, 0.06), (0.9, 0.02), (0.9, 0.02), (0.62, 0.5), (0.42, 1)]],
    ],
    8: [
        [[(0.75, 0.1), (0.45, 0), (0.15, 0.15), (0.3, 0.4), (0.65, 0.55), (0.85, 0.8), (0.5, 1),
          (0.15, 0.85), (0.3, 0.6), (0.65, 0.42), (0.85, 0.2), (0.7, 0.05), (0.5, 0)]],
        [[(0.9, 0.08), (0.5, 0), (0.15, 0.15), (0.3, 0.38), (0.7, 0.58), (0.8, 0.85), (0.45, 1),
          (0.12, 0.85), (0.3, 0.58), (0.7, 0.35), (0.9, 0.1)]],
    ],
    9: [
        [[(0.85, 0.15), (0.5, 0), (0.12, 0.15), (0.12, 0.4), (0.5, 0.5), (0.8, 0.35),
          (0.85, 0.15), (0.82, 0.55), (0.75, 1)]],
        [[(0.9, 0.2), (0.55, 0), (0.15, 0.12), (0.1, 0.38), (0.45, 0.5), (0.85, 0.32),
          (0.9, 0.15), (0.85, 0.5), (0.7, 0.8), (0.5, 1)]],
    ],
}  # fmt: skip
STEPS = 16  # of a curve, between two of its points
SIDE, MARGIN = 400, 100


def strokes_of(label: int, draw: np.random.Generator, ways: int = 2) -> list[np.ndarray]:
    """One of the first `ways` to write `label`: strokes (n, 2), points (x, y) of a unit box."""
    way = WAYS[label][draw.integers(ways)]
    # The same point stays the same point: strokes that meet go on meeting.
    moved: dict[tuple[float, float], np.ndarray] = {}
    for stroke in way:
        for point in stroke:
            moved.setdefault(point, np.array(point) + draw.normal(0, 0.03, 2))
    slant, aspect = draw.uniform(-0.1, 0.3), draw.uniform(0.5, 0.8)
    curves = []
    for stroke in way:
        x, y = curve(np.array([moved[point] for point in stroke])).T
        curves.append(np.column_stack([aspect * (x - 0.5) - slant * (y - 0.5) + 0.5, y]))
    return curves


def curve(points: np.ndarray) -> np.ndarray:
    """A Catmull-Rom spline through points (n, 2)."""
    ends = np.concatenate([points[:1], points, points[-1:]])
    steps = np.linspace(0, 1, STEPS, endpoint=False)[:, None]
    parts = []
    for before, start, end, after in zip(ends, ends[1:], ends[2:], ends[3:], strict=False):
        a = 2 * before - 5 * start + 4 * end - after
        b = 3 * start - before - 3 * end + after
        parts.append(start + 0.5 * steps * ((end - before) + steps * (a + steps * b)))
    return np.concatenate([*parts, points[-1:]])


def drawn(strokes: Sequence[np.ndarray], width: float) -> np.ndarray:
    """Strokes by a pen of `width`, in digits' heights: coverage (H, W) in [0, 1]."""
    image = Image.new("L", (SIDE + 2 * MARGIN, SIDE + 2 * MARGIN))
    pen, radius = ImageDraw.Draw(image), width * SIDE / 2
    for stroke in strokes:
        points = [tuple(point) for point in stroke * SIDE + MARGIN]
        pen.line(points, 255, max(1, round(2 * radius)), "curve")
        for x, y in points:
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), 255)
    return np.asarray(image.reduce(2), np.float32) / 255


def digit_of_strokes(label: int, draw: np.random.Generator) -> np.ndarray:
    """Coverage (H, W) in [0, 1] of a digit `label`."""
    return drawn(strokes_of(label, draw), draw.uniform(0.07, 0.15))


def digit_in_parts(label: int, draw: np.random.Generator) -> np.ndarray:
    """Coverage of a 4 with a gap, a 5 whose bar stands apart or an 8 of two circles."""
    pen, apart = draw.uniform(0.07, 0.12), draw.uniform(0.03, 0.08)
    if label == 8:
        turn = np.linspace(0, 2 * np.pi, 40)
        circle = np.column_stack([np.sin(turn), np.cos(turn)])
        above, below = draw.uniform(0.2, 0.24), draw.uniform(0.22, 0.27)
        down = 2 * above + pen + apart
        wide = np.array([draw.uniform(0.8, 1.1), 1])
        return drawn([
            circle * above * wide + [0.5, above], circle * below * wide + [0.5, down + below],
        ], pen)  # fmt: skip
    first, second = strokes_of(label, draw, ways=1)
    if label == 4:
        beside = second[np.abs(second[:, 1] - first[-1, 1]).argmin()]
        away = np.array([first[-1, 0] + pen + apart - beside[0], 0])
    else:
        away = np.array([0, first[:, 1].min() - pen - apart - second[:, 1].max()])
    return drawn([first, second + away], pen)
