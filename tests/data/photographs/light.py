"""What falls on a page, and what a camera does to it: pages and photographs (H, W, 3) in [0, 1]."""

import io

import numpy as np
from PIL import Image
from scipy import ndimage

from tests.data.photographs.pages import Draw, distance_to_line


def one_side(draw: Draw, shape: tuple[int, int]) -> np.ndarray:
    """(H, W): from 1 down to between 0.3 and 0.7 along some direction."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    angle = draw.uniform(0, 2 * np.pi)
    along = np.cos(angle) * columns + np.sin(angle) * rows
    along = (along - along.min()) / np.ptp(along)
    return 1 - draw.uniform(0.3, 0.7) * along


def lamp(draw: Draw, shape: tuple[int, int]) -> np.ndarray:
    """A bright spot somewhere on the page, and 0.25 to 0.5 of its light far from it."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    centre = draw.uniform(0, 1, 2) * shape
    near = np.hypot(rows - centre[0], columns - centre[1]) / (draw.uniform(0.3, 0.6) * shape[0])
    dark = draw.uniform(0.25, 0.5)
    return dark + (1 - dark) * np.exp(-0.5 * near**2)


def vignette(draw: Draw, shape: tuple[int, int]) -> np.ndarray:
    """Corners of 0.3 to 0.7 of the middle's light."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    height, width = shape
    out = np.hypot((rows - height / 2) / height, (columns - width / 2) / width) / np.sqrt(0.5)
    return 1 - draw.uniform(0.3, 0.7) * out ** draw.uniform(2, 4)


def shadow_edge(draw: Draw, shape: tuple[int, int]) -> np.ndarray:
    """Half of the page in shadow, 0.35 to 0.8 of the light; its edge sharp or not."""
    distance = distance_to_line(draw, shape)
    edge = 1 / (1 + np.exp(-(distance / draw.uniform(0.2, 6)).clip(-50, 50)))
    dark = draw.uniform(0.35, 0.8)
    return dark + (1 - dark) * edge


def several_shadows(draw: Draw, shape: tuple[int, int]) -> np.ndarray:
    """Of a hand, a head, a telephone: soft shapes which overlap, each 0.55 to 0.85."""
    light = np.ones(shape)
    for _ in range(draw.integers(2, 4)):
        coarse = ndimage.gaussian_filter(draw.normal(0, 1, shape), shape[0] / 6)
        lit = coarse > np.quantile(coarse, draw.uniform(0.3, 0.6))
        soft = ndimage.gaussian_filter(lit.astype(float), draw.uniform(0.5, 0.03 * shape[0]))
        dark = draw.uniform(0.55, 0.85)
        light = light * (dark + (1 - dark) * soft)
    return light


def camera(
    draw: Draw,
    seen: np.ndarray,
    blur: tuple[float, float] = (0.4, 1),
    noise: tuple[float, float] = (0.002, 0.012),
    quality: tuple[int, int] = (70, 96),
) -> np.ndarray:
    """A photograph (H, W, 3) bytes. noise: a standard deviation of [0, 1]; quality: JPEG's."""
    softness, grain = draw.uniform(*blur), draw.uniform(*noise)
    photo = ndimage.gaussian_filter(seen, (softness, softness, 0))
    photo = photo + draw.normal(0, grain, photo.shape)
    return compressed(as_bytes(photo), int(draw.integers(*quality)))


def moved(draw: Draw, seen: np.ndarray) -> np.ndarray:
    """The page seen by a hand that was not still: a streak of up to 2.5 % of the page."""
    steps = max(2, round(draw.uniform(0.005, 0.025) * len(seen)))
    angle = draw.uniform(0, np.pi)
    total = np.zeros_like(seen)
    for step in range(steps):
        by = (step * np.sin(angle), step * np.cos(angle), 0)
        total += ndimage.shift(seen, by, order=1, mode="nearest")
    return total / steps


def compressed(photo: np.ndarray, quality: int) -> np.ndarray:
    """What JPEG leaves of a photograph (H, W, 3) bytes."""
    file = io.BytesIO()
    Image.fromarray(photo).save(file, format="JPEG", quality=quality)
    return np.asarray(Image.open(file))


def as_bytes(photo: np.ndarray) -> np.ndarray:
    """[0, 1] to bytes."""
    return np.rint(255 * photo.clip(0, 1)).astype(np.uint8)
