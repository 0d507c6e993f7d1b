"""An image file to a digit as MNIST has them: 28x28 bytes, ink 255, cropped, scaled, centred.

MNIST's digits are "size normalized to fit in a 20x20 pixel box while preserving their aspect
ratio", and "centered in a 28x28 image by computing the center of mass of the pixels" (LeCun et al.
1998, III.A). A digit of MNIST comes out of here as it went in, but for its palest pixels.
"""

from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

from project.data.digit_images.decoding import ImageError, read_levels
from project.data.digit_images.ink import digit_ink

SIDE, BOX, MIDDLE = 28, 20, 14


def read_digit(path: Path, single: bool = False) -> np.ndarray:
    """Return the digit in an image file: (28, 28) bytes, ink 255; as `single`, what may be two.

    An ImageError names the file that holds no image of one digit.
    """
    try:
        return as_mnist(read_levels(path), single)
    except ImageError as error:
        raise ImageError(f"{path} {error}") from None


def as_mnist(levels: np.ndarray, single: bool = False) -> np.ndarray:
    """Turn levels (H, W) or (H, W, 3) in [0, 1] into (28, 28) bytes, ink 255.

    Without a digit, or unless `single` with more than one, they are refused with an ImageError.
    """
    ink = digit_ink(levels[..., None] if levels.ndim == 2 else levels, single)
    height, width = ink.shape
    scale = BOX / max(height, width)
    size = (max(1, round(scale * width)), max(1, round(scale * height)))
    # A pixel of the box is the mean of those that it covers, as a scanner would have it.
    how = Image.Resampling.BOX if scale <= 1 else Image.Resampling.BICUBIC
    digit = np.asarray(Image.fromarray(ink).resize(size, how)).clip(0)
    # Here and not before: shrinking makes thin strokes pale.
    return _centred(np.rint(255 * digit / digit.max()).astype(np.uint8))


def _centred(digit: np.ndarray) -> np.ndarray:
    """Place the box (h, w) in a field (28, 28), its centre of mass at pixel (14, 14)."""
    height, width = digit.shape
    centre = np.array(ndimage.center_of_mass(digit))
    corner = np.ceil(MIDDLE - 0.5 - centre).clip(0, (SIDE - height, SIDE - width))
    top, left = corner.astype(int)
    field = np.zeros((SIDE, SIDE), np.uint8)
    field[top : top + height, left : left + width] = digit
    return field
