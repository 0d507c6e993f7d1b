"""The base of data modules whose splits are drawn by named random streams and held in memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import torch
from pytorch_lightning import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from project.seeding import generator


class Split(Dataset[Any]):
    """Examples in memory; an index tensor returns a whole batch."""

    images: Tensor

    def __len__(self) -> int:
        return len(self.images)

    def mean_and_std(self) -> tuple[Tensor, Tensor]:
        """Return what normalises the pixels of these examples."""
        raise NotImplementedError

    def normalise(self, mean: Tensor, std: Tensor) -> None:
        """Serve the pixels as (pixels - mean) / std."""
        raise NotImplementedError


class BatchIndexSampler(Sampler[Tensor]):
    """Sampler that yields index tensors of at most `batch_size` of `count` items.

    They are in order or, with `shuffle`, in the order of the stream `order/<epoch>` of `seed`: so a
    run that is resumed in epoch 7 sees the same as an uninterrupted one. Lightning calls
    `set_epoch`.
    """

    def __init__(self, count: int, batch_size: int, seed: int, shuffle: bool) -> None:
        self.count = count
        self.batch_size = batch_size
        self.seed = seed
        self.shuffle = shuffle
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch whose order the next iteration uses."""
        self.epoch = epoch

    def __len__(self) -> int:
        return -(-self.count // self.batch_size)

    def __iter__(self) -> Iterator[Tensor]:
        order = self.permutation(self.count) if self.shuffle else torch.arange(self.count)
        for start in range(0, self.count, self.batch_size):
            yield order[start : start + self.batch_size]

    def permutation(self, count: int) -> Tensor:
        """Return the epoch's random order of `count` items."""
        return torch.randperm(count, generator=generator(self.seed, "order", self.epoch))


SplitT = TypeVar("SplitT", bound=Split)


@dataclass(eq=False, repr=False, kw_only=True)
class DrawnData(LightningDataModule, Generic[SplitT]):
    """Base class of data modules that draw training, validation and test examples.

    Args:
        seed: The seed of the streams that draw the splits.
        order_seed: The seed of the streams that order the training examples.
        batch_size: The batch size of training; `evaluation_batch` is that of validation and test.
        shuffle: Whether each epoch has a new order.
        normalise: Whether to normalise pixels by the mean and std of the training examples.

    Attributes:
        train, val, test: The splits; available after `setup`.
        mean, std: Used to normalise pixels; 0 and 1 without normalisation.
    """

    seed: int
    order_seed: int
    batch_size: int
    shuffle: bool
    normalise: bool

    evaluation_batch = 500

    def __post_init__(self) -> None:
        super().__init__()
        self.mean, self.std = torch.zeros(()), torch.ones(())
        self.train: SplitT
        self.val: SplitT
        self.test: SplitT
        self._is_set_up = False
        self._statistics: tuple[Tensor, Tensor] | None = None

    def draw(self) -> tuple[SplitT, SplitT, SplitT]:
        """Return the training, validation and test examples."""
        raise NotImplementedError

    def normalise_like(self, trained: "DrawnData[Any]") -> None:
        """Normalise by the mean and std of another data module, whatever `normalise` says.

        Call this before `setup`; `trained` must be set up.
        """
        self._statistics = (trained.mean, trained.std)

    def setup(self, stage: str | None = None) -> None:
        """Draw and normalise all splits at the first call; later calls do nothing.

        Raises:
            DataError: The data are not available, too few or of a size that does not fit.
        """
        if self._is_set_up:
            return
        self.train, self.val, self.test = self.draw()
        if self._statistics is not None:
            self.mean, self.std = self._statistics
        elif self.normalise:
            self.mean, self.std = self.train.mean_and_std()
        for split in (self.train, self.val, self.test):
            split.normalise(self.mean, self.std)
        self._is_set_up = True

    def permutation(self, stream: str, count: int) -> Tensor:
        """Return a random order of `count` items from a stream of `seed`."""
        return torch.randperm(count, generator=generator(self.seed, stream))

    def train_dataloader(self) -> DataLoader[Any]:
        """Return a loader of the training examples in batches."""
        count = len(self.train)
        sampler = BatchIndexSampler(count, self.batch_size, self.order_seed, self.shuffle)
        return loader(self.train, sampler)

    def val_dataloader(self) -> DataLoader[Any] | list[DataLoader[Any]]:
        """Return a loader of the validation examples in order; an empty list without any."""
        return self._in_order(self.val) if len(self.val) else []

    def test_dataloader(self) -> DataLoader[Any]:
        """Return a loader of the test examples in order."""
        return self._in_order(self.test)

    def _in_order(self, split: SplitT) -> DataLoader[Any]:
        sampler = BatchIndexSampler(len(split), self.evaluation_batch, 0, shuffle=False)
        return loader(split, sampler)


def loader(split: Split, sampler: BatchIndexSampler) -> DataLoader[Any]:
    """Return a loader of the batches that the index tensors of `sampler` name."""
    # With batch_size=None the sampler's index tensor goes to the dataset as it is: one indexing
    # per batch instead of one Python call per example and a collation.
    # A DataLoader draws a seed for its worker processes at the start of each iteration; given a
    # generator, it does not draw it from torch's global one.
    return DataLoader(split, batch_size=None, sampler=sampler, generator=torch.Generator())
