"""Digits that are never twice the same: turned, moved, scaled, sheared, dented, thick or thin."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample, interpolate

# An elastic deformation is drawn at so many places along each axis and smooth in between: a few
# pixels from place to place, about the width of a stroke (Simard et al. 2003, where a Gaussian
# filter smooths).
KNOTS = 4


@dataclass(frozen=True)
class Deformation:
    """A random map for every digit of a batch: from affine amounts, and an elastic one.

    Each amount is drawn uniformly from [-limit, limit]. What comes in from outside an image is its
    border's nearest pixel. Draws from torch's default generator (the stream `noise/<step>`).

    Attributes:
        rotation: In degrees.
        shift: In pixels along each axis.
        scale: As a share of the size.
        shear: In degrees.
        elastic: In pixels along each axis.
        gamma: At last the ink, between 0 at an image's lightest pixel and 1 at its darkest, is
            raised to a power between 1 / gamma and gamma, whose logarithm is drawn uniformly:
            strokes become thicker or thinner.
    """

    rotation: float
    shift: float
    scale: float
    shear: float
    elastic: float
    gamma: float = 1.0

    def __call__(self, pairs: Tensor) -> Tensor:
        """Map pairs (N, 2, H, W), or images (N, C, H, W), to what has the same shape.

        The digits of a pair move apart, the channels of a colour image together.
        """
        is_colour = pairs.shape[1] > 2
        images = pairs if is_colour else pairs.flatten(0, 1).unsqueeze(1)
        places = affine_grid(self._maps(images), list(images.shape), align_corners=False)
        if self.elastic:
            places = places + self._dents(images)
        moved = grid_sample(images, places, padding_mode="border", align_corners=False)
        if self.gamma != 1.0:
            moved = self._inked(moved)
        return moved.view_as(pairs)

    def _maps(self, images: Tensor) -> Tensor:
        """Return maps (2 N, 2, 3) from pixels of the new image to pixels of the old, in [-1, 1]."""
        turn, lean, size, right, down = _uniform(5, len(images)).to(images)
        turn = turn * math.radians(self.rotation)
        lean = (lean * math.radians(self.shear)).tan()
        size = 1 + size * self.scale
        pixel = 2 / images.shape[-1]
        cosine, sine = turn.cos() * size, turn.sin() * size
        # The rotation and scaling times the shear (1, lean; 0, 1).
        rows = (
            torch.stack((cosine, lean * cosine - sine, right * self.shift * pixel), 1),
            torch.stack((sine, lean * sine + cosine, down * self.shift * pixel), 1),
        )
        return torch.stack(rows, 1)

    def _dents(self, images: Tensor) -> Tensor:
        """Return displacements (2 N, H, W, 2) in the same unit."""
        knots = _uniform(len(images), 2, KNOTS, KNOTS).to(images)
        dents = interpolate(knots, images.shape[-2:], mode="bilinear", align_corners=True)
        return dents.permute(0, 2, 3, 1) * (self.elastic * 2 / images.shape[-1])

    def _inked(self, images: Tensor) -> Tensor:
        """Return images (2 N, 1, H, W), each with a power of its own."""
        powers = _uniform(len(images), 1, 1, 1).to(images).mul(math.log(self.gamma)).exp()
        lightest = images.amin((2, 3), keepdim=True)
        span = images.amax((2, 3), keepdim=True) - lightest
        ink = (images - lightest) / span.clamp_min(torch.finfo(images.dtype).tiny)
        return lightest + span * ink**powers


def _uniform(*shape: int) -> Tensor:
    """Draw on the CPU, so that the numbers are those of the stream on every device."""
    return torch.rand(*shape).mul_(2).sub_(1)
