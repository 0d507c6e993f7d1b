"""The points of the report's part 2: uniform in the unit square, labelled by a disk.

The disk covers half of the square, so the two classes are equally likely.
"""

import hashlib
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from project.seeding import generator

CENTRE = (0.5, 0.5)
RADIUS = 1 / math.sqrt(2 * math.pi)  # pi * RADIUS^2 is one half
STAGES = ("train", "val", "test")


@dataclass(frozen=True)
class Points:
    """Labelled points."""

    coordinates: Tensor  # (N, 2) float32 in [0, 1)
    labels: Tensor  # (N,) int64, 1 inside the disk and 0 outside


def label(coordinates: Tensor) -> Tensor:
    """Return the labels (N,) int64 of points (N, 2): 1 inside the disk, 0 outside.

    Computed in float64, so that rounding changes no label.
    """
    centre = torch.tensor(CENTRE, dtype=torch.float64)
    return ((coordinates.double() - centre).square().sum(1) <= RADIUS**2).long()


def draw_points(count: int, seed: int, stage: str) -> Points:
    """Draw `count` labelled points from the stream `points/<stage>` of `seed`."""
    coordinates = torch.rand(count, 2, generator=generator(seed, f"points/{stage}"))
    return Points(coordinates, label(coordinates))


def digest(points: Points) -> str:
    """Return the SHA-256 of all coordinates and labels, in hexadecimal."""
    content = points.coordinates.numpy().tobytes() + points.labels.numpy().tobytes()
    return hashlib.sha256(content).hexdigest()


def mean_and_std(coordinates: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean (2,) and std (2,) of points (N, 2); 1 for the std of what does not vary."""
    std = coordinates.std(0, correction=0)
    return coordinates.mean(0), std.where(std > 0, torch.ones_like(std))
