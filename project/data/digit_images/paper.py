"""What stands out from the paper: by an estimate of the paper next to each pixel, in any light."""

from collections.abc import Iterator

import numpy as np
from scipy import ndimage

MIN_PAPER = 0.1  # of white: darker paper says nothing about the light
NOISE = 4  # standard deviations that stand out from the noise
MAX_GRAIN = 0.008  # of white, as a standard deviation: more is smoothed
SMOOTHING = 80  # the widest, as a part of the image's longer side
# Of an image that is cut out closely most pixels are near to ink, which is no noise.
FLAT, TO_STD = 0.2, 3.95  # a fifth of normal noise deviates by less than its std / 3.95
SAMPLE = 20_000  # pixels that a median is taken of
GREY = 0.02  # of white: colours that differ less are grey
LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)


def channels(levels: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the brightness (H, W) and then each colour of (H, W, C), without a photo's grain."""
    grey = brightness(levels)
    yield _smoothed(grey)
    if levels.shape[2] > 1 and np.abs(levels - grey[..., None]).max() > GREY:
        for colour in np.moveaxis(levels, 2, 0):
            yield _smoothed(colour)


def brightness(levels: np.ndarray) -> np.ndarray:
    """Return the brightness (H, W) of (H, W, C)."""
    return levels[..., 0] if levels.shape[2] == 1 else levels @ LUMINANCE


def _smoothed(level: np.ndarray) -> np.ndarray:
    grain = _roughness(level, 3)
    if grain <= MAX_GRAIN:
        return level
    # Of white noise a Gaussian of width s leaves 1 / (2 s sqrt(pi)).
    width = min(grain / MAX_GRAIN / (2 * np.sqrt(np.pi)), max(level.shape) / SMOOTHING)
    return ndimage.gaussian_filter(level, max(0.5, width))


def _roughness(level: np.ndarray, size: int) -> float:
    """Return the standard deviation from the mean of `size` x `size` pixels, away from ink."""
    return TO_STD * _quantile(np.abs(level - ndimage.uniform_filter(level, size)), FLAT)


def _quantile(values: np.ndarray, part: float) -> float:
    """Return a quantile of the values: of a sample of them, if there are many."""
    step = -(-values.size // SAMPLE)
    return float(np.quantile(values.ravel()[::step], part))


def contrast(level: np.ndarray, window: int, light_ink: bool) -> tuple[np.ndarray, float]:
    """Return by how much each pixel of (H, W) stands out from the paper next to it.

    Levels are in [0, 1], inverted if the ink is lighter than the paper; the window is wider than
    the widest stroke, in pixels.

    Returns:
        Depth (H, W), 0 for paper: of dark ink the part of the paper's light that it takes, of light
        ink its level above the paper's. And the depth up to which it may be noise.
    """
    # A grey closing puts in a pixel's place the paper next to it.
    paper = ndimage.grey_closing(level, (window, window))
    depth = paper - level
    if not light_ink:
        depth = depth / np.maximum(paper, MIN_PAPER)
    # Of noise the peaks pass for paper, which makes all other paper darker than it.
    blank = _quantile(depth[depth <= depth.max() / 2], 0.5)
    # What was smoothed is smooth in its nearest pixels.
    noise = max(_roughness(depth, 3), _roughness(depth, 7) / 1.5)
    depth = ((depth - blank) / (1 - blank)).clip(0, None)
    return depth.astype(np.float32), NOISE * noise
