"""The report's points: uniform in the unit square, in the disk that covers half of it or not."""

import hashlib
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from project.seeding import generator

CENTRE = (0.5, 0.5)
RADIUS = 1 / math.sqrt(2 * math.pi)  # pi * RADIUS^2 is one half: the classes are equally likely
STAGES = ("train", "val", "test")


@dataclass(frozen=True)
class Points:
    """coordinates (N, 2), float32, in [0, 1); labels (N,), int64, 1 inside the disk and else 0."""

    coordinates: Tensor
    labels: Tensor


def label(coordinates: Tensor) -> Tensor:
    """Coordinates (N, 2) to labels (N,); in float64, so that rounding moves no point over."""
    centre = torch.tensor(CENTRE, dtype=torch.float64)
    return ((coordinates.double() - centre).square().sum(1) <= RADIUS**2).long()


def draw_points(count: int, seed: int, stage: str) -> Points:
    """`count` points from the stream `points/<stage>` of `seed`."""
    coordinates = torch.rand(count, 2, generator=generator(seed, f"points/{stage}"))
    return Points(coordinates, label(coordinates))


def digest(points: Points) -> str:
    """Return the SHA-256 of all coordinates and labels."""
    sha256 = hashlib.sha256()
    sha256.update(points.coordinates.numpy().tobytes())
    sha256.update(points.labels.numpy().tobytes())
    return sha256.hexdigest()


@dataclass(frozen=True)
class Normalisation:
    """x to (x - mean) / std, both (2,); those of the training points, or 0 and 1."""

    mean: Tensor
    std: Tensor

    @classmethod
    def of(cls, coordinates: Tensor, normalise: bool) -> "Normalisation":
        """That of training points (N, 2); coordinates that do not vary are only shifted."""
        mean, std = coordinates.mean(0), coordinates.std(0, correction=0)
        if not normalise:
            return cls(torch.zeros_like(mean), torch.ones_like(std))
        return cls(mean, std.where(std > 0, torch.ones_like(std)))

    def __call__(self, coordinates: Tensor) -> Tensor:
        """Coordinates (N, 2) to inputs (N, 2)."""
        return (coordinates - self.mean) / self.std
