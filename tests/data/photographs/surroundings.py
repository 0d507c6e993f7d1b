"""What lies round a page in its picture: frames, margins, bars, a scanner's edge, a desk."""

import numpy as np
from PIL import Image
from scipy import ndimage

from tests.data.photographs.light import as_bytes
from tests.data.photographs.pages import Draw

COLOURS = ([0, 0, 0], [255, 255, 255], [40, 40, 40], [128, 128, 128], [200, 30, 30], [30, 60, 160])


def padded(photo: np.ndarray, widths: list[int], colour: np.ndarray | list[int]) -> np.ndarray:
    """Bytes (H, W, 3) with a margin above, below, left and right."""
    above, below, left, right = widths
    height, width, _ = photo.shape
    wide = np.empty((height + above + below, width + left + right, 3), np.uint8)
    wide[:] = colour
    wide[above : above + height, left : left + width] = photo
    return wide


def a_colour(draw: Draw) -> list[int]:
    return COLOURS[draw.integers(len(COLOURS))]


def framed(draw: Draw, photo: np.ndarray) -> np.ndarray:
    """A line of one to ten pixels round the picture, as a screenshot has; sometimes two."""
    for _ in range(draw.integers(1, 3)):
        photo = padded(photo, [int(draw.integers(1, 11))] * 4, a_colour(draw))
    return photo


def with_margins(draw: Draw, photo: np.ndarray) -> np.ndarray:
    """On a larger canvas: margins of 0 to 40 % of the picture, no two alike."""
    widths = [int(each) for each in draw.uniform(0, 0.4, 4) * len(photo)]
    return padded(photo, widths, a_colour(draw))


def with_bars(draw: Draw, photo: np.ndarray) -> np.ndarray:
    """Above and below, or left and right: black or another colour, 5 to 40 % of the picture."""
    bar = int(draw.uniform(0.05, 0.4) * len(photo))
    widths = [bar, bar, 0, 0] if draw.random() < 0.5 else [0, 0, bar, bar]
    return padded(photo, widths, a_colour(draw))


def scanned(draw: Draw, photo: np.ndarray) -> np.ndarray:
    """Black along one or two sides, not quite parallel to them: the lid of a scanner."""
    photo = photo.astype(float)
    height, width, _ = photo.shape
    rows, columns = np.mgrid[:height, :width]
    for side in draw.choice(4, draw.integers(1, 3), replace=False):
        along, across = (rows, columns) if side % 2 else (columns, rows)
        depth, slope = draw.uniform(0.005, 0.05) * height, draw.uniform(-0.04, 0.04)
        away = across if side < 2 else across.max() - across
        black = (depth + slope * along - away + 0.5).clip(0, 1)[..., None]
        photo = photo * (1 - black) + draw.uniform(0, 40) * black
    return as_bytes(photo / 255)


def on_a_desk(draw: Draw, seen: np.ndarray) -> np.ndarray:
    """The page (H, W, 3) in [0, 1] turned on a darker desk with some grain."""
    height, width, _ = seen.shape
    margin = round(draw.uniform(0.15, 0.3) * height)
    around = ((margin, margin), (margin, margin), (0, 0))
    mask = np.pad(np.ones((height, width, 1)), around)
    wide = np.pad(seen, around)
    angle = draw.uniform(-12, 12)
    mask = ndimage.rotate(mask, angle, reshape=False, order=1).clip(0, 1)
    wide = ndimage.rotate(wide, angle, reshape=False, order=1)
    grain = ndimage.gaussian_filter(draw.normal(0, 1, wide.shape[:2]), (1, 12))
    desk = draw.uniform(0.1, 0.45) * np.array([1, draw.uniform(0.6, 1), draw.uniform(0.3, 1)])
    desk = desk * (1 + 0.06 * (grain / grain.std())[..., None])
    return (wide + desk * (1 - mask)).clip(0, 1)


def on_glass(draw: Draw, photo: np.ndarray) -> Image.Image:
    """Bytes (H, W, 3) in the middle of a canvas that is transparent."""
    height, width, _ = photo.shape
    above, left = (int(each) for each in draw.uniform(1, 0.3 * height, 2))
    canvas = Image.new("RGBA", (width + 2 * left, height + 2 * above), (0, 0, 0, 0))
    canvas.paste(Image.fromarray(photo), (left, above))
    return canvas
