"""A white picture on which text, boxes and pixels are drawn, with Pillow.

matplotlib is not used because importing it takes longer than drawing all pictures of a run.
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
    """A white picture to draw on; coordinates in pixels, x to the right, y down.

    Args:
        width: The width in pixels.
        height: The height in pixels.
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
        """Draw a line of text at (x, y).

        Args:
            x: The position.
            y: The position.
            text: The text.
            colour: Its colour.
            size: The font size.
            anchor: The point of the text that is put at (x, y), in Pillow's notation: l, m or r for
                left, middle or right; a or m for the top (ascender) or the middle.
        """
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
        """Draw a rectangle; None for `fill` or `outline` leaves that part out."""
        self._draw.rectangle((left, top, right, bottom), fill=fill, outline=outline)

    def line(self, x1: float, y1: float, x2: float, y2: float, colour: Colour) -> None:
        """Draw a line from (x1, y1) to (x2, y2)."""
        self._draw.line((x1, y1, x2, y2), fill=colour)

    def paste(self, left: int, top: int, pixels: np.ndarray, zoom: int) -> None:
        """Draw an image (H, W) or (H, W, 3) of uint8, each pixel as a square with side `zoom`."""
        self._image.paste(
            Image.fromarray(pixels.repeat(zoom, axis=0).repeat(zoom, axis=1)), (left, top)
        )

    def array(self) -> np.ndarray:
        """Return the picture as uint8 (H, W, 3)."""
        return np.asarray(self._image)
