"""More paper round a digit that reaches the border of its image."""

import numpy as np

from project.data.digit_images.paper import FLAT, TO_STD

AROUND = 0.3  # of the longer side
UNEVEN, MIN_EVEN = 0.1, 0.5  # of white: other than the paper; of a side: as much as is paper
PLANE_STEPS, ROUNDING = 20, 1e-4


def with_paper_round(levels: np.ndarray) -> np.ndarray | None:
    """Add a margin of paper if ink reaches the border of (H, W, C) and most of the border is paper.

    The paper is a plane through the border, for light comes from one side.
    """
    height, width, colours = levels.shape
    edge = np.ones((height, width), bool)
    edge[1:-1, 1:-1] = False
    places, border = np.argwhere(edge), levels[edge]
    planes = [_plane(places, border[:, colour]) for colour in range(colours)]
    deviations = np.abs(border - np.column_stack([_at(places, plane) for plane in planes]))
    rows, columns = places.T
    sides = rows == 0, rows == height - 1, columns == 0, columns == width - 1
    even = [(deviations[side].max(1) < UNEVEN).mean() for side in sides]
    if min(even) < MIN_EVEN or min(even) == 1:
        return None
    around = round(AROUND * max(levels.shape))
    shape = (height + 2 * around, width + 2 * around)
    everywhere = np.argwhere(np.ones(shape, bool)) - around
    padded = np.stack([_at(everywhere, plane).reshape(shape) for plane in planes], 2)
    # As noisy as the image's own paper: what is smoother would make its noise stand out.
    noise = TO_STD * np.quantile(deviations, FLAT, 0)
    padded += np.random.default_rng(0).normal(0, 1, (*shape, 1)) * noise
    padded = padded.clip(0, 1).astype(np.float32)
    padded[around : around + height, around : around + width] = levels
    return padded


def _plane(places: np.ndarray, border: np.ndarray) -> np.ndarray:
    """Return the plane (3,) of least absolute deviations, which ink hardly moves."""
    terms = np.column_stack([np.ones(len(places)), places])
    plane = np.array([np.median(border), 0, 0])
    for _ in range(PLANE_STEPS):
        # Least squares weighted by 1 / |deviation| become least absolute deviations.
        weights = 1 / np.sqrt(np.maximum(np.abs(border - terms @ plane), ROUNDING))
        plane, *_ = np.linalg.lstsq(terms * weights[:, None], border * weights, rcond=None)
    return plane


def _at(places: np.ndarray, plane: np.ndarray) -> np.ndarray:
    return plane[0] + places @ plane[1:]
