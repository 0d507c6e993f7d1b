"""The base class of data modules with pairs of digits; its subclasses load the digits."""

from dataclasses import dataclass, replace
from typing import Literal, Self

import torch
from torch import Tensor

from project.data.digests import digest_of
from project.data.mnist import Digits, check_enough
from project.data.mnist_files import DataError
from project.data.splits import BatchIndexSampler, DrawnData, Split

# images (N, 2, H, W), target (N,) and digit classes (N, 2)
Batch = tuple[Tensor, Tensor, Tensor]


class Pairs(Split):
    """N pairs: images (N, 2, H, W) float32, digits, their classes (N, 2), and their target (N,)."""

    def __init__(self, images: Tensor, digits: Tensor) -> None:
        self.images = images
        self.digits = digits
        self.target = targets(digits)

    def __getitem__(self, index: Tensor) -> Batch:
        """Return the pairs at an index (B,), or B new pairs of the single digits at (B, 2)."""
        if index.dim() == 1:
            return self.images[index], self.target[index], self.digits[index]
        digits = self.digits.flatten()[index]
        return self.images.flatten(0, 1)[index], targets(digits), digits

    def mean_and_std(self) -> tuple[Tensor, Tensor]:
        """Return the mean and std of all pixels, two scalars."""
        std, mean = torch.std_mean(self.images)
        return mean, std

    def normalise(self, mean: Tensor, std: Tensor) -> None:
        """Replace the pixels by (pixels - mean) / std."""
        self.images = (self.images - mean) / std


def targets(digits: Tensor) -> Tensor:
    """Return 1 for each pair of classes (N, 2) whose first is at most the second, else 0: (N,)."""
    return (digits[:, 0] <= digits[:, 1]).long()


class PairResampler(BatchIndexSampler):
    """Sampler that pairs 2 * `count` digits anew in each epoch: index tensors (batch_size, 2)."""

    def order(self) -> Tensor:
        """Return the epoch's pairs of indices, (count, 2)."""
        return self.permutation(2 * self.count).view(-1, 2)


def scaled(images: Tensor, size: int) -> Tensor:
    """Return digits, uint8 (N, H, W), as float32 in [0, 255] of the size that a net expects.

    Of digits of the double size 2x2 means are taken; others are refused with a DataError.
    """
    height, width = images.shape[1:]
    if height == width == size:
        return images.float()
    if height == width == 2 * size:
        return torch.nn.functional.avg_pool2d(images.float().unsqueeze(1), 2).squeeze(1)
    raise DataError(
        f"data.image_size={size} takes digits of {size}x{size} or {2 * size}x{2 * size} pixels, "
        f"and these have {height}x{width}"
    )


@dataclass(eq=False, repr=False, kw_only=True)
class DigitPairsData(DrawnData[Pairs]):
    """Base class of data modules with training, validation and test pairs of digits.

    Digits are drawn without replacement. Training and validation pairs are drawn from the training
    digits (stream `pairs/train`, then `pairs/val` from the remaining digits), test pairs from the
    test digits (`pairs/test`). So no digit is in two pairs. Without normalisation pixels are in
    [0, 255].
    """

    train_pairs: int
    val_pairs: int  # may be 0
    test_pairs: int
    resample_pairs: bool = False  # whether the training digits are paired anew in each epoch
    image_size: Literal[14, 28] = 14  # pixels of a digit along each axis

    evaluation_batch = 250  # few batches, but small enough for the CPU's cache
    levels = 1  # pixels stay in [0, 255]

    def load_digits(self) -> tuple[str, Digits, Digits]:
        """Return the name of the data set, its training digits and its test digits."""
        raise NotImplementedError

    def draw(self) -> tuple[Pairs, Pairs, Pairs]:
        """Load the digits and draw the pairs; raise DataError as `setup`."""
        self._digests: dict[str, str | None] = {}
        self.dataset_name, train_digits, test_digits = self.load_digits()
        counts = len(train_digits.labels), len(test_digits.labels)
        check_enough(self.dataset_name, counts, self.train_pairs, self.val_pairs, self.test_pairs)
        train_order = self.permutation("pairs/train", counts[0])
        chosen = 2 * self.train_pairs
        left = train_order[chosen:].sort().values
        val_order = left[self.permutation("pairs/val", len(left))]
        test_order = self.permutation("pairs/test", counts[1])
        return (
            self._pair("train", train_digits, train_order[:chosen]),
            self._pair("val", train_digits, val_order[: 2 * self.val_pairs]),
            self._pair("test", test_digits, test_order[: 2 * self.test_pairs]),
        )

    def _pair(self, stage: str, digits: Digits, index: Tensor) -> Pairs:
        pixels, labels = digits.images[index], digits.labels[index].view(-1, 2)
        self._digests[stage] = digest_of((pixels.view(-1, 2, *pixels.shape[1:]), labels))
        size = self.image_size
        return Pairs(scaled(pixels, size).view(-1, 2, size, size), labels)

    def plain(self) -> Self:
        """Return a copy of the data module, set up with the same pairs, but pixels in [0, 255]."""
        other = replace(self, normalise=False)
        other.setup()
        return other

    def example_digest(self, stage: str) -> str | None:
        """Return the SHA-256 of a stage's pairs before any scaling; None if it has no pairs."""
        return self._digests[stage]

    def train_sampler(self) -> BatchIndexSampler:
        """Return the sampler of the training batches."""
        if not self.resample_pairs:
            return super().train_sampler()
        # Pairing the digits anew also changes their order, so `shuffle` has no effect.
        return PairResampler(len(self.train), self.batch_size, self.order_seed, shuffle=True)
