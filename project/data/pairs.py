"""The base class of data modules with pairs of digits, drawn by named random streams.

`DigitPairsData` draws, normalises and batches the pairs, which it holds in memory; its subclasses
load the digits.
"""

import copy
from collections.abc import Iterator
from typing import Literal, Self

import torch
from pytorch_lightning import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from project.data.digests import ExampleDigest
from project.data.mnist import Digits, check_enough
from project.data.mnist_files import DataError
from project.seeding import generator

# The batch size of validation and test: few batches, but small enough for the CPU's cache.
EVALUATION_BATCH = 250

# images (N, 2, H, W), target (N,) and digit classes (N, 2)
Batch = tuple[Tensor, Tensor, Tensor]


class Pairs(Dataset[Batch]):
    """Dataset of N pairs in memory; an index tensor returns a whole batch.

    Args:
        images: (N, 2, H, W) float32.
        digits: (N, 2) int64, the classes.

    Attributes:
        target: (N,) int64, 1 if the first digit is less than or equal to the second, else 0.
    """

    def __init__(self, images: Tensor, digits: Tensor) -> None:
        self.images = images
        self.digits = digits
        self.target = targets(digits)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: Tensor) -> Batch:
        return self.images[index], self.target[index], self.digits[index]


def targets(digits: Tensor) -> Tensor:
    """Return 1 for each pair of classes (N, 2) whose first is at most the second, else 0: (N,)."""
    return (digits[:, 0] <= digits[:, 1]).long()


class SingleDigits(Dataset[Batch]):
    """Dataset of the single digits of `pairs`; an index tensor (N, 2) returns N new pairs."""

    def __init__(self, pairs: Pairs) -> None:
        self.images = pairs.images.flatten(0, 1)
        self.digits = pairs.digits.flatten()

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: Tensor) -> Batch:
        digits = self.digits[index]
        return self.images[index], targets(digits), digits


class BatchIndexSampler(Sampler[Tensor]):
    """Sampler that yields index tensors of at most `batch_size`, in order or shuffled.

    The order of an epoch depends on (seed, epoch) only, so a run that is resumed in epoch 7 sees
    the same order as an uninterrupted one. Lightning calls `set_epoch`.

    Args:
        pairs: The number of items.
        batch_size: The number of items in a batch; the last batch may be smaller.
        seed: The seed of the streams `order/<epoch>`.
        shuffle: Whether each epoch has its own order.
    """

    def __init__(self, pairs: int, batch_size: int, seed: int, shuffle: bool) -> None:
        self.pairs = pairs
        self.batch_size = batch_size
        self.seed = seed
        self.shuffle = shuffle
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch whose order the next iteration uses."""
        self.epoch = epoch

    def __len__(self) -> int:
        return -(-self.pairs // self.batch_size)

    def __iter__(self) -> Iterator[Tensor]:
        if self.shuffle:
            order = torch.randperm(self.pairs, generator=generator(self.seed, "order", self.epoch))
        else:
            order = torch.arange(self.pairs)
        for start in range(0, self.pairs, self.batch_size):
            yield order[start : start + self.batch_size]


class PairResampler(BatchIndexSampler):
    """Sampler that pairs all digits anew in each epoch: index tensors (at most `batch_size`, 2).

    It always shuffles. Its arguments are those of `BatchIndexSampler`; there are 2 * `pairs`
    digits.
    """

    def __iter__(self) -> Iterator[Tensor]:
        stream = generator(self.seed, "order", self.epoch)
        order = torch.randperm(2 * self.pairs, generator=stream).view(-1, 2)
        yield from order.split(self.batch_size)


def scaled(images: Tensor, size: int) -> Tensor:
    """Return digits as float32 in [0, 255], at the size that a net expects.

    Args:
        images: uint8 (N, H, W).
        size: H and W of the result: those of `images`, or half of them (by 2x2 means).

    Raises:
        DataError: The digits have another size.
    """
    if images.shape[1:] == (size, size):
        return images.float()
    if images.shape[1:] == (2 * size, 2 * size):
        return torch.nn.functional.avg_pool2d(images.float().unsqueeze(1), 2).squeeze(1)
    height, width = images.shape[1:]
    raise DataError(
        f"data.image_size={size} takes digits of {size}x{size} or {2 * size}x{2 * size} pixels, "
        f"and these have {height}x{width}"
    )


class DigitPairsData(LightningDataModule):
    """Base class of data modules with training, validation and test pairs of digits.

    Digits are drawn without replacement. Training and validation pairs are drawn from the training
    digits (stream `pairs/train`, then `pairs/val` from the remaining digits), test pairs from the
    test digits (`pairs/test`). So no digit is in two pairs.

    Args:
        seed: The seed of the streams that draw the digits.
        order_seed: The seed of the streams that order the training pairs.
        train_pairs: The number of training pairs.
        val_pairs: The number of validation pairs; 0 for none.
        test_pairs: The number of test pairs, at least 1.
        batch_size: The batch size of training.
        shuffle: Whether each epoch has a new order.
        normalise: Whether to normalise pixels by the mean and std of all pixels of the training
            pairs; if False, they are in [0, 255].
        resample_pairs: Whether the digits of the training pairs are paired anew in each epoch.
        image_size: The pixels of a digit along each axis.

    Attributes:
        dataset: The name of the data set; empty before `setup`.
        train, val, test: The pairs; available after `setup`.
        mean, std: Scalars, used to normalise pixels; 0 and 1 without normalisation.
    """

    def __init__(
        self,
        seed: int,
        order_seed: int,
        train_pairs: int,
        val_pairs: int,
        test_pairs: int,
        batch_size: int,
        shuffle: bool,
        normalise: bool,
        resample_pairs: bool = False,
        image_size: Literal[14, 28] = 14,
    ) -> None:
        super().__init__()
        self.seed = seed
        self.order_seed = order_seed
        self.train_pairs = train_pairs
        self.val_pairs = val_pairs
        self.test_pairs = test_pairs
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.normalise = normalise
        self.resample_pairs = resample_pairs
        self.image_size = image_size
        self.dataset = ""
        self.mean, self.std = torch.zeros(()), torch.ones(())
        self.train: Pairs
        self.val: Pairs
        self.test: Pairs
        self._is_set_up = False
        self._digests: dict[str, str | None] = {}
        self._statistics: tuple[Tensor, Tensor] | None = None

    def load_digits(self) -> tuple[str, Digits, Digits]:
        """Return the name of the data set, its training digits and its test digits."""
        raise NotImplementedError

    def normalise_like(self, trained: "DigitPairsData") -> None:
        """Normalise by the mean and std of another data module, whatever `normalise` says.

        Call this before `setup`; `trained` must be set up.
        """
        self._statistics = (trained.mean, trained.std)

    def setup(self, stage: str | None = None) -> None:
        """Load the digits and draw the pairs at the first call; later calls do nothing.

        Args:
            stage: Ignored: all stages are set up.

        Raises:
            DataError: There are too few digits, they are not available, or their size does not fit
                `image_size`.
        """
        if self._is_set_up:
            return
        self.dataset, train_digits, test_digits = self.load_digits()
        counts = len(train_digits.labels), len(test_digits.labels)
        check_enough(self.dataset, *counts, self.train_pairs, self.val_pairs, self.test_pairs)
        train_order = self._permutation("pairs/train", counts[0])
        chosen = 2 * self.train_pairs
        left = train_order[chosen:].sort().values
        val_order = left[self._permutation("pairs/val", len(left))]
        test_order = self._permutation("pairs/test", counts[1])
        self.train = self._pair("train", train_digits, train_order[:chosen])
        self.val = self._pair("val", train_digits, val_order[: 2 * self.val_pairs])
        self.test = self._pair("test", test_digits, test_order[: 2 * self.test_pairs])
        self._normalise()
        self._is_set_up = True

    def plain(self) -> Self:
        """Return a copy of the data module with the same pairs, but pixels in [0, 255].

        The digits are read again.

        Raises:
            DataError: As `setup`.
        """
        other = copy.copy(self)
        other.normalise, other._statistics, other._is_set_up = False, None, False
        other.mean, other.std, other._digests = torch.zeros(()), torch.ones(()), {}
        other.setup()
        return other

    def _normalise(self) -> None:
        if self._statistics is not None:
            self.mean, self.std = self._statistics
        elif self.normalise:
            self.std, self.mean = torch.std_mean(self.train.images)
        else:
            return
        for pairs in (self.train, self.val, self.test):
            pairs.images = (pairs.images - self.mean) / self.std

    def _permutation(self, stream: str, length: int) -> Tensor:
        return torch.randperm(length, generator=generator(self.seed, stream))

    def _pair(self, stage: str, digits: Digits, index: Tensor) -> Pairs:
        pixels, labels = digits.images[index], digits.labels[index].view(-1, 2)
        digest = ExampleDigest()
        digest.add_batch((pixels.view(-1, 2, *pixels.shape[1:]), labels))
        self._digests[stage] = digest.hexdigest()
        size = self.image_size
        return Pairs(scaled(pixels, size).view(-1, 2, size, size), labels)

    def example_digest(self, stage: str) -> str | None:
        """Return the SHA-256 of a stage's pairs before any scaling; None if it has no pairs."""
        return self._digests[stage]

    def train_dataloader(self) -> DataLoader[Batch]:
        """Return a loader of the training pairs in batches."""
        arguments = len(self.train), self.batch_size, self.order_seed
        if self.resample_pairs:
            # Pairing the digits anew also changes their order, so `shuffle` has no effect.
            return _loader(SingleDigits(self.train), PairResampler(*arguments, shuffle=True))
        return _loader(self.train, BatchIndexSampler(*arguments, self.shuffle))

    def val_dataloader(self) -> DataLoader[Batch] | list[DataLoader[Batch]]:
        """Return a loader of the validation pairs in order; an empty list if there are none."""
        return self._in_order(self.val) if len(self.val) else []

    def test_dataloader(self) -> DataLoader[Batch]:
        """Return a loader of the test pairs in order."""
        return self._in_order(self.test)

    def transfer_batch_to_device(
        self, batch: Batch, device: torch.device, dataloader_idx: int
    ) -> Batch:
        """Move a batch to a device; return it unchanged if it is there already."""
        # Lightning would walk through the batch even if nothing has to be moved.
        if batch[0].device == device:
            return batch
        return super().transfer_batch_to_device(batch, device, dataloader_idx)

    def _in_order(self, pairs: Pairs) -> DataLoader[Batch]:
        return _loader(pairs, BatchIndexSampler(len(pairs), EVALUATION_BATCH, 0, shuffle=False))


def _loader(dataset: Dataset[Batch], sampler: BatchIndexSampler) -> DataLoader[Batch]:
    # With batch_size=None the sampler's index tensor goes to the dataset as it is: one indexing
    # per batch instead of one Python call per pair and a collation.
    # A DataLoader draws a number (a seed for worker processes) at the start of each iteration. With
    # a generator of its own it does not draw from torch's global one.
    return DataLoader(dataset, batch_size=None, sampler=sampler, generator=torch.Generator())
