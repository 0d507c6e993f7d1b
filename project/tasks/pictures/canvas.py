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

_font = functools.cache(ImageFont.load_default)


class Canvas:
    """A white picture to draw on; coordinates in pixels, x to the right, y down."""

    def __init__(self, width: int, height: int) -> None:
        self._image = Image.new("RGB", (width, height), "white")
        self.draw = ImageDraw.Draw(self._image)  # Pillow's drawing methods

    def text(
        self,
        x: float,
        y: float,
        text: str,
        colour: Colour = BLACK,
        size: int = 12,
        anchor: Literal["la", "ma", "ra", "mm", "lm", "rm"] = "la",
    ) -> None:
        """Draw a line of text with the point `anchor`, in Pillow's notation, at (x, y)."""
        self.draw.text((x, y), text, fill=colour, font=_font(size), anchor=anchor)

    def paste(self, left: int, top: int, pixels: np.ndarray, zoom: int) -> None:
        """Draw an image (H, W) or (H, W, 3) of uint8, each pixel as a square with side `zoom`."""
        zoomed = pixels.repeat(zoom, axis=0).repeat(zoom, axis=1)
        self._image.paste(Image.fromarray(zoomed), (left, top))

    def array(self) -> np.ndarray:
        """Return the picture as uint8 (H, W, 3)."""
        return np.asarray(self._image)
