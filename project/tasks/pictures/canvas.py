"""Text, boxes and pixels on a white picture.

matplotlib would draw the same: importing it takes longer than all pictures of a run together.
"""

import functools
from typing import Literal

import numpy as np
from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int]

BLACK, GREY, LIGHT = (0, 0, 0), (110, 110, 110), (220, 220, 220)
RED, BLUE = (178, 24, 43), (33, 102, 172)


@functools.cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


class Canvas:
    """A picture to draw on: x to the right, y down, in pixels.

    Args:
        width: Of the picture.
        height: Of the picture.
    """

    def __init__(self, width: int, height: int) -> None:
        self._image = Image.new("RGB", (width, height), "white")
        self._draw = ImageDraw.Draw(self._image)

    def text(
        self,
        x: float,
        y: float,
        text: str,
        colour: Colour = BLACK,
        size: int = 12,
        anchor: Literal["la", "ma", "ra", "mm", "lm", "rm"] = "la",
    ) -> None:
        """Write a line left, in the middle or right of (x, y), its ascender or middle."""
        self._draw.text((x, y), text, fill=colour, font=_font(size), anchor=anchor)

    def box(
        self,
        left: float,
        top: float,
        right: float,
        bottom: float,
        fill: Colour | None = None,
        outline: Colour | None = None,
    ) -> None:
        """Draw a rectangle."""
        self._draw.rectangle((left, top, right, bottom), fill=fill, outline=outline)

    def line(self, x1: float, y1: float, x2: float, y2: float, colour: Colour) -> None:
        """Draw a line."""
        self._draw.line((x1, y1, x2, y2), fill=colour)

    def paste(self, left: int, top: int, pixels: np.ndarray, zoom: int) -> None:
        """Draw bytes (H, W) or (H, W, 3), every pixel as a square of `zoom`."""
        self._image.paste(
            Image.fromarray(pixels.repeat(zoom, axis=0).repeat(zoom, axis=1)), (left, top)
        )

    def array(self) -> np.ndarray:
        """Return the picture as (H, W, 3) bytes."""
        return np.asarray(self._image)
