"""The base class of data modules with pairs of digits; its subclasses load the digits."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, Self

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from project.data.digests import ExampleDigest
from project.data.mnist import Digits, check_enough
from project.data.mnist_files import DataError
from project.data.splits import BatchIndexSampler, DrawnData, Split, loader

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

    def __iter__(self) -> Iterator[Tensor]:
        yield from self.permutation(2 * self.count).view(-1, 2).split(self.batch_size)


def scaled(images: Tensor, size: int) -> Tensor:
    """Return digits, uint8 (N, H, W), as float32 in [0, 255] of the size that a net expects.

    Raises:
        DataError: They have neither that size nor the double, of which 2x2 means are taken.
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
    test digits (`pairs/test`). So no digit is in two pairs. The arguments not listed are those of
    `DrawnData`; without normalisation pixels are in [0, 255].

    Args:
        train_pairs, val_pairs, test_pairs: The numbers of pairs; there may be no validation pairs.
        resample_pairs: Whether the digits of the training pairs are paired anew in each epoch.
        image_size: The pixels of a digit along each axis.

    Attributes:
        dataset_name: The name of the data set; empty before `setup`.
    """

    train_pairs: int
    val_pairs: int
    test_pairs: int
    resample_pairs: bool = False
    image_size: Literal[14, 28] = 14

    evaluation_batch = 250  # few batches, but small enough for the CPU's cache

    def __post_init__(self) -> None:
        super().__post_init__()
        self.dataset_name = ""
        self._digests: dict[str, str | None] = {}

    def load_digits(self) -> tuple[str, Digits, Digits]:
        """Return the name of the data set, its training digits and its test digits."""
        raise NotImplementedError

    def draw(self) -> tuple[Pairs, Pairs, Pairs]:
        """Load the digits and draw the pairs; raise DataError as `setup`."""
        self.dataset_name, train_digits, test_digits = self.load_digits()
        counts = len(train_digits.labels), len(test_digits.labels)
        check_enough(self.dataset_name, *counts, self.train_pairs, self.val_pairs, self.test_pairs)
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
        digest = ExampleDigest()
        digest.add_batch((pixels.view(-1, 2, *pixels.shape[1:]), labels))
        self._digests[stage] = digest.hexdigest()
        size = self.image_size
        return Pairs(scaled(pixels, size).view(-1, 2, size, size), labels)

    def plain(self) -> Self:
        """Return a copy of the data module, set up with the same pairs, but pixels in [0, 255]."""
        other = copy.copy(self)
        other.normalise = False
        other.__post_init__()
        other.setup()
        return other

    def example_digest(self, stage: str) -> str | None:
        """Return the SHA-256 of a stage's pairs before any scaling; None if it has no pairs."""
        return self._digests[stage]

    def train_dataloader(self) -> DataLoader[Any]:
        """Return a loader of the training pairs in batches."""
        if not self.resample_pairs:
            return super().train_dataloader()
        # Pairing the digits anew also changes their order, so `shuffle` has no effect.
        sampler = PairResampler(len(self.train), self.batch_size, self.order_seed, shuffle=True)
        return loader(self.train, sampler)
