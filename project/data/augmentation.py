"""Augmentation: random deformations of images (affine, elastic, stroke thickness)."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample, interpolate

# An elastic deformation is drawn on a grid with this number of knots along each axis and
# interpolated between them: a few pixels apart, about the width of a stroke (Simard et al. 2003).
KNOTS = 4


@dataclass(frozen=True)
class Deformation:
    """Random deformation of a batch, different for each image: affine, elastic, stroke thickness.

    Each amount is drawn from U(-limit, limit); the attributes are the limits. Pixels from outside
    an image are those of the nearest border. Random numbers come from torch's global generator.
    """

    rotation: float  # degrees
    shift: float  # pixels, along each axis
    scale: float  # share of the size
    shear: float  # degrees
    elastic: float  # pixels, along each axis
    # Pixels, rescaled to [0, 1] per image, are raised to a power between 1 / gamma and gamma whose
    # logarithm is drawn uniformly; this makes strokes thicker or thinner. 1 is no change.
    gamma: float = 1.0

    def __call__(self, pairs: Tensor) -> Tensor:
        """Return deformed pairs (N, 2, H, W) or images (N, C, H, W), in the same shape.

        Up to 2 channels, as the digits of a pair, are deformed each by itself, more together.
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
        """Return affine maps (M, 2, 3) from new to old pixel coordinates in [-1, 1]."""
        turn, lean, size, right, down = _uniform(5, len(images)).to(images)
        turn = turn * math.radians(self.rotation)
        lean = (lean * math.radians(self.shear)).tan()
        size = 1 + size * self.scale
        pixel = 2 / images.shape[-1]
        cosine, sine = turn.cos() * size, turn.sin() * size
        # The matrix of rotation and scaling, times the shear matrix (1, lean; 0, 1).
        rows = (
            torch.stack((cosine, lean * cosine - sine, right * self.shift * pixel), 1),
            torch.stack((sine, lean * sine + cosine, down * self.shift * pixel), 1),
        )
        return torch.stack(rows, 1)

    def _dents(self, images: Tensor) -> Tensor:
        """Return elastic displacements (M, H, W, 2) in the same coordinates."""
        knots = _uniform(len(images), 2, KNOTS, KNOTS).to(images)
        dents = interpolate(knots, images.shape[-2:], mode="bilinear", align_corners=True)
        return dents.permute(0, 2, 3, 1) * (self.elastic * 2 / images.shape[-1])

    def _inked(self, images: Tensor) -> Tensor:
        """Return images (M, C, H, W), each raised to a random power."""
        powers = _uniform(len(images), 1, 1, 1).to(images).mul(math.log(self.gamma)).exp()
        lightest = images.amin((2, 3), keepdim=True)
        span = images.amax((2, 3), keepdim=True) - lightest
        ink = (images - lightest) / span.clamp_min(torch.finfo(images.dtype).tiny)
        return lightest + span * ink**powers


def _uniform(*shape: int) -> Tensor:
    """Draw from U(-1, 1) on the CPU, so that the numbers are the same on every device."""
    return torch.rand(*shape).mul_(2).sub_(1)
