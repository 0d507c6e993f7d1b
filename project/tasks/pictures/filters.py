"""Picture of the filters of the first convolution."""

import numpy as np

from project.tasks.pictures.canvas import BLUE, LIGHT, RED, Canvas

COLUMNS, CELL, TOP = 8, 36, 28


def draw_filters(weights: np.ndarray) -> np.ndarray:
    """Draw weights (filters, channels, height, width) as uint8 (H, W, 3).

    The channels of a filter are drawn side by side. Blue is negative, white 0, red positive, with
    one scale for all filters.
    """
    filters, channels, height, width = weights.shape
    largest = float(np.abs(weights).max())
    zoom = max(1, (CELL - 6) // max(height, width))
    cell_width, cell_height = channels * (zoom * width + 2) + 8, zoom * height + 8
    rows = -(-filters // COLUMNS)
    canvas = Canvas(max(COLUMNS * cell_width + 16, 300), TOP + rows * cell_height + 8)
    title = f"{filters} filters; blue {-largest:.2f}, white 0, red {largest:.2f}"
    canvas.text(8, 6, title, size=13)
    values = (weights / (largest or 1))[..., None]
    colours = (255 + np.abs(values) * (np.where(values > 0, RED, BLUE) - 255)).round()
    for number in range(filters):
        row, column = divmod(number, COLUMNS)
        top = TOP + row * cell_height
        for channel in range(channels):
            left = 8 + column * cell_width + channel * (zoom * width + 2)
            canvas.paste(left, top, colours[number, channel].astype(np.uint8), zoom)
            corners = (left - 1, top - 1, left + zoom * width, top + zoom * height)
            canvas.draw.rectangle(corners, None, LIGHT)
    return canvas.array()
