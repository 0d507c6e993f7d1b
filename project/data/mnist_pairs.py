"""Pairs of digits as a LightningDataModule: drawn by named streams, served whole from memory."""

from collections.abc import Iterator
from pathlib import Path

import torch
from pytorch_lightning import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from project.data.digests import ExampleDigest
from project.data.mnist import Digits, Mnist, check_enough, load_mnist
from project.seeding import generator

# Pairs in a batch of validation or test: few batches, whose maps still fit into the cache.
EVALUATION_BATCH = 250

# images (N, 2, 14, 14), target (N,) and digit classes (N, 2)
Batch = tuple[Tensor, Tensor, Tensor]


class Pairs(Dataset[Batch]):
    """N pairs in memory; an index tensor takes out a whole batch at once.

    Attributes:
        images: (N, 2, 14, 14) float32.
        digits: (N, 2) int64, the classes.
        target: (N,) int64, 1 where the first digit is lesser than or equal to the second, else 0.
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
    """Return (N,) of classes (N, 2): 1 where the first is at most as large as the second, else 0."""
    return (digits[:, 0] <= digits[:, 1]).long()


class SingleDigits(Dataset[Batch]):
    """The digits of `pairs`, taken out of them: an index tensor (N, 2) makes N new pairs."""

    def __init__(self, pairs: Pairs) -> None:
        self.images = pairs.images.flatten(0, 1)
        self.digits = pairs.digits.flatten()

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: Tensor) -> Batch:
        digits = self.digits[index]
        return self.images[index], targets(digits), digits


class BatchIndexSampler(Sampler[Tensor]):
    """Index tensors of at most `batch_size`, the last one shorter; in order, or shuffled by epoch.

    The order of an epoch is a function of (seed, epoch) alone, so a run that is resumed in epoch 7
    sees the pairs as one that came there by itself. Lightning calls `set_epoch`.

    Args:
        pairs: How many there are.
        batch_size: How many make a batch.
        seed: Of the order.
        shuffle: Whether every epoch has an order of its own.
    """

    def __init__(self, pairs: int, batch_size: int, seed: int, shuffle: bool) -> None:
        self.pairs = pairs
        self.batch_size = batch_size
        self.seed = seed
        self.shuffle = shuffle
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Let the next pass be that of an epoch."""
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
    """Of all digits, paired anew in every epoch: index tensors (at most `batch_size`, 2)."""

    def __iter__(self) -> Iterator[Tensor]:
        stream = generator(self.seed, "order", self.epoch)
        order = torch.randperm(2 * self.pairs, generator=stream).view(-1, 2)
        yield from order.split(self.batch_size)


def downsample(images: Tensor) -> Tensor:
    """Return (N, 14, 14) float32 in [0, 255] of (N, 28, 28) bytes, by a 2x2 mean."""
    if images.shape[1:] != (28, 28):
        raise ValueError(f"digits must be (N, 28, 28), got {tuple(images.shape)}")
    return torch.nn.functional.avg_pool2d(images.float().unsqueeze(1), 2).squeeze(1)


class MnistPairs(LightningDataModule):
    """Training, validation and test pairs of one seed, in the order of `order_seed`.

    Digits are drawn without replacement. Training and validation pairs come from MNIST's training
    digits and share none of them (stream `pairs/train`, then `pairs/val` from the digits left);
    test pairs come from its test digits (`pairs/test`). With `normalise`, every pixel is shifted
    and scaled by the mean and std of the training pairs' pixels, else it stays in [0, 255].
    With `resample_pairs`, the digits of the training pairs make other pairs in every epoch.

    Args:
        root: The data folder.
        seed: Of the digits that are drawn.
        order_seed: Of the order of the training pairs.
        source: Where the digits come from if they are not there: see `project.data.mnist`.
        train_pairs: Number of training pairs.
        val_pairs: Number of validation pairs.
        test_pairs: Number of test pairs.
        batch_size: Pairs in a training batch.
        shuffle: Whether the training pairs have a new order in every epoch.
        normalise: Whether pixels are shifted and scaled.
        resample_pairs: Whether every epoch has new training pairs.
    """

    def __init__(
        self,
        root: str | Path,
        seed: int,
        order_seed: int,
        source: str,
        train_pairs: int,
        val_pairs: int,
        test_pairs: int,
        batch_size: int,
        shuffle: bool,
        normalise: bool,
        resample_pairs: bool = False,
    ) -> None:
        super().__init__()
        self.root = Path(root)
        self.seed = seed
        self.order_seed = order_seed
        self.source = source
        self.train_pairs = train_pairs
        self.val_pairs = val_pairs
        self.test_pairs = test_pairs
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.normalise = normalise
        self.resample_pairs = resample_pairs
        self.mnist: Mnist | None = None
        self._digests: dict[str, str | None] = {}
        # By which every pixel is shifted and scaled.
        self.mean, self.std = torch.zeros(()), torch.ones(())
        self.train: Pairs
        self.val: Pairs
        self.test: Pairs

    def setup(self, stage: str | None = None) -> None:
        """Draw the pairs, once. Raises DataError if MNIST is out of reach or holds too few."""
        if self.mnist is not None:
            return
        mnist = load_mnist(self.root, self.source)
        train_digits, test_digits = len(mnist.train.labels), len(mnist.test.labels)
        check_enough(
            mnist.dataset,
            train_digits,
            test_digits,
            self.train_pairs,
            self.val_pairs,
            self.test_pairs,
        )
        train_order = self._permutation("pairs/train", train_digits)
        chosen = 2 * self.train_pairs
        left = train_order[chosen:].sort().values
        val_order = left[self._permutation("pairs/val", len(left))]
        test_order = self._permutation("pairs/test", test_digits)
        self.train = self._pair("train", mnist.train, train_order[:chosen])
        self.val = self._pair("val", mnist.train, val_order[: 2 * self.val_pairs])
        self.test = self._pair("test", mnist.test, test_order[: 2 * self.test_pairs])
        if self.normalise:
            self.std, self.mean = torch.std_mean(self.train.images)
            for pairs in (self.train, self.val, self.test):
                pairs.images = (pairs.images - self.mean) / self.std
        self.mnist = mnist

    def _permutation(self, stream: str, length: int) -> Tensor:
        return torch.randperm(length, generator=generator(self.seed, stream))

    def _pair(self, stage: str, digits: Digits, index: Tensor) -> Pairs:
        pixels, labels = digits.images[index], digits.labels[index].view(-1, 2)
        digest = ExampleDigest()
        digest.add_batch((pixels.view(-1, 2, 28, 28), labels))
        self._digests[stage] = digest.hexdigest()
        return Pairs(downsample(pixels).view(-1, 2, 14, 14), labels)

    def example_digest(self, stage: str) -> str | None:
        """Return the SHA-256 of a stage's pairs as they were drawn, before normalisation."""
        return self._digests[stage]

    def train_dataloader(self) -> DataLoader[Batch]:
        """Return the training pairs in batches."""
        arguments = len(self.train), self.batch_size, self.order_seed
        if self.resample_pairs:
            # A new pairing in every epoch is a new order as well, whatever `shuffle` says.
            return _loader(SingleDigits(self.train), PairResampler(*arguments, shuffle=True))
        return _loader(self.train, BatchIndexSampler(*arguments, self.shuffle))

    def val_dataloader(self) -> DataLoader[Batch] | list[DataLoader[Batch]]:
        """Return the validation pairs in order; no loader where there are none."""
        return self._in_order(self.val) if len(self.val) else []

    def test_dataloader(self) -> DataLoader[Batch]:
        """Return the test pairs in order."""
        return self._in_order(self.test)

    def transfer_batch_to_device(
        self, batch: Batch, device: torch.device, dataloader_idx: int
    ) -> Batch:
        """Move a batch."""
        # What is in its place already need not be walked through, which Lightning does.
        if batch[0].device == device:
            return batch
        return super().transfer_batch_to_device(batch, device, dataloader_idx)

    def _in_order(self, pairs: Pairs) -> DataLoader[Batch]:
        return _loader(pairs, BatchIndexSampler(len(pairs), EVALUATION_BATCH, 0, shuffle=False))


def _loader(dataset: Dataset[Batch], sampler: BatchIndexSampler) -> DataLoader[Batch]:
    # With batch_size=None the sampler's index tensor goes to the dataset as it is: one indexing
    # per batch instead of one Python call per pair and a collation.
    # A generator of its own: whenever a DataLoader is iterated over it draws a number (meant for
    # worker processes), else from the default one.
    return DataLoader(dataset, batch_size=None, sampler=sampler, generator=torch.Generator())
