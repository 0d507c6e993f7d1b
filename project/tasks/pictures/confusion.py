"""Picture of the confusion matrix of the digits."""

import numpy as np

from project.tasks.pictures.canvas import BLACK, BLUE, GREY, LIGHT, Canvas

CELL, LEFT, TOP = 28, 50, 60


def confusion(true: np.ndarray, read: np.ndarray) -> np.ndarray:
    """Return counts (10, 10): the row is the true class, the column the predicted class."""
    return np.bincount(10 * true.ravel() + read.ravel(), minlength=100).reshape(10, 10)


def draw_confusion(true: np.ndarray, read: np.ndarray) -> np.ndarray:
    """Draw the confusion matrix of equally shaped arrays of classes as uint8 (H, W, 3).

    A cell's shade is its share of the row.
    """
    counts = confusion(true, read)
    shares = counts / counts.sum(axis=1, keepdims=True).clip(1)
    canvas = Canvas(LEFT + 10 * CELL + 10, TOP + 10 * CELL + 10)
    wrong = int(counts.sum() - counts.trace())
    canvas.text(8, 6, f"{wrong:,} of {counts.sum():,} digits wrong", size=13)
    canvas.text(LEFT + 5 * CELL, TOP - 34, "read", GREY, anchor="ma")
    canvas.text(8, TOP + 5 * CELL, "true", GREY, anchor="lm")
    for row in range(10):
        middle = row * CELL + CELL // 2
        canvas.text(LEFT - 8, TOP + middle, str(row), anchor="rm")
        canvas.text(LEFT + middle, TOP - 10, str(row), anchor="mm")
        for column in range(10):
            left, top = LEFT + column * CELL, TOP + row * CELL
            fill = _shade(float(shares[row, column]), right=row == column)
            canvas.draw.rectangle((left, top, left + CELL, top + CELL), fill, LIGHT)
            if counts[row, column]:
                ink = BLACK if shares[row, column] < 0.6 else (255, 255, 255)
                place = (left + CELL // 2, top + CELL // 2)
                canvas.text(*place, str(counts[row, column]), ink, 11, "mm")
    return canvas.array()


def _shade(share: float, right: bool) -> tuple[int, int, int]:
    """Return a shade of blue for right predictions, of red for wrong ones; white for none."""
    strength = share if right else share**0.5  # the root makes rare errors visible
    target = BLUE if right else (214, 47, 39)
    red, green, blue = (round(255 + strength * (value - 255)) for value in target)
    return red, green, blue
