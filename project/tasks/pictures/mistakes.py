"""Picture of the test pairs that the net got wrong, with their true and predicted digits."""

import numpy as np

from project.tasks.pictures.answers import Answers
from project.tasks.pictures.canvas import GREY, RED, Canvas

COLUMNS, MAX_PAIRS = 4, 32
ZOOM = 3
SIDE = 14 * ZOOM  # the side of a drawn 14x14 digit
CELL_WIDTH, CELL_HEIGHT, TOP = 106, 86, 42


def draw_mistakes(answers: Answers) -> np.ndarray:
    """Draw at most `MAX_PAIRS` wrong pairs as uint8 (H, W, 3), the most confident errors first."""
    wrong = np.flatnonzero(answers.said_ordered != answers.ordered)
    shown = wrong[np.argsort(-answers.certainty[wrong], kind="stable")][:MAX_PAIRS]
    rows = max(1, -(-len(shown) // COLUMNS))
    canvas = Canvas(COLUMNS * CELL_WIDTH + 8, TOP + rows * CELL_HEIGHT)
    title = f"{len(wrong):,} of {len(answers.digits):,} test pairs wrong"
    if len(shown) < len(wrong):
        title += f", the {len(shown)} surest of them"
    canvas.text(8, 4, title, size=14)
    canvas.text(8, 22, "black: true; red: what the net said, and how sure it was", GREY, size=11)
    for place, pair in enumerate(shown):
        row, column = divmod(place, COLUMNS)
        _draw_pair(canvas, 8 + column * CELL_WIDTH, TOP + row * CELL_HEIGHT, answers, int(pair))
    return canvas.array()


def _draw_pair(canvas: Canvas, left: int, top: int, answers: Answers, pair: int) -> None:
    images = answers.images[pair]
    low, high = images.min(), images.max()
    grey = (255 * (images - low) / max(high - low, 1e-12)).astype(np.uint8)
    for number, digit in enumerate(grey):
        canvas.paste(left + number * (SIDE + 2), top, digit, ZOOM)
    middle, bottom = left + SIDE + 1, top + SIDE + 3
    true = _sentence(answers.digits[pair], answers.ordered[pair])
    canvas.text(middle, bottom, true, anchor="ma")
    read = None if answers.digits_read is None else answers.digits_read[pair]
    said = _sentence(read, answers.said_ordered[pair])
    canvas.text(middle, bottom + 14, said, RED, anchor="ma")
    percent = f"{100 * answers.certainty[pair]:.0f} %"
    canvas.text(left + 2 * SIDE + 2, bottom + 27, percent, GREY, size=9, anchor="ra")


def _sentence(digits: np.ndarray | None, ordered: bool) -> str:
    sign = "<=" if ordered else ">"
    return f"first {sign} second" if digits is None else f"{digits[0]} {sign} {digits[1]}"
