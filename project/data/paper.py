"""What stands out from the paper: by a local estimate of the paper, in whatever light.

A grey closing with a window in which no square of ink fits puts in each pixel's place the paper
next to it; a shadow's edge, which is wider than the window on both its sides, stays where it is.
"""

from typing import NamedTuple

import numpy as np
from scipy import ndimage

DARKEST = 0.02  # of white: paper that is darker says nothing of the light
FAINTEST = 0.05  # of the paper's level: less contrast is no ink
NOISE = 4  # standard deviations
GRAIN = 0.008  # of white, as a standard deviation: more is smoothed
LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)


class Contrast(NamedTuple):
    """depth (H, W): from 0 for paper to 1. faintest: below it may be noise."""

    depth: np.ndarray
    faintest: float


def channels(levels: np.ndarray) -> list[np.ndarray]:
    """Brightness first, then each colour, (H, W) each: two colours may be of one brightness."""
    if levels.shape[2] == 1:
        return [levels[..., 0]]
    grey = levels @ LUMINANCE
    if np.abs(levels - grey[..., None]).max() < 0.02:
        return [grey]
    return [grey, *np.moveaxis(levels, 2, 0)]


def smoothed(level: np.ndarray) -> np.ndarray:
    """Without the grain of a photograph in little light."""
    grain = roughness(level)
    if grain <= GRAIN:
        return level
    # Of white noise a Gaussian of deviation s leaves 1 / (2 s sqrt(pi)).
    width = min(grain / GRAIN / (2 * np.sqrt(np.pi)), max(level.shape) / 80)
    return ndimage.gaussian_filter(level, max(0.5, width))


def roughness(level: np.ndarray, size: int = 3) -> float:
    """The standard deviation of (H, W) within `size` pixels, as long as ink covers less than half."""
    rough = level - ndimage.uniform_filter(level, size)
    return 1.4826 * float(np.median(np.abs(rough)))


def contrast(level: np.ndarray, window: int, inverted: bool = False) -> Contrast:
    """By how much each pixel of (H, W) is darker than the paper next to it."""
    paper = ndimage.grey_closing(level, (window, window))
    depth = paper - level
    if not inverted:
        depth = depth / np.maximum(paper, DARKEST)
    blank = depth[depth <= depth.max() / 2]
    middle = float(np.median(blank))  # of noise, whose peaks pass for paper
    noise = max(roughness(depth), roughness(depth, 7) / 1.5)
    depth = ((depth - middle) / (1 - middle)).clip(0, None)
    return Contrast(depth.astype(np.float32), max(FAINTEST, NOISE * noise))
