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


@dataclass(eq=False)
class BatchIndexSampler(Sampler[Tensor]):
    """Sampler that yields index tensors of at most `batch_size` of `count` items.

    They are in order or, with `shuffle`, in the order of the stream `order/<epoch>` of `seed`: so a
    run that is resumed in epoch 7 sees the same as an uninterrupted one. Lightning calls
    `set_epoch`.
    """

    count: int
    batch_size: int
    seed: int
    shuffle: bool
    epoch: int = 0

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch whose order the next iteration uses."""
        self.epoch = epoch

    def __len__(self) -> int:
        return -(-self.count // self.batch_size)

    def __iter__(self) -> Iterator[Tensor]:
        order = self.order()
        for start in range(0, len(order), self.batch_size):
            yield order[start : start + self.batch_size]

    def order(self) -> Tensor:
        """Return the indices of the epoch's items in their order."""
        return self.permutation(self.count) if self.shuffle else torch.arange(self.count)

    def permutation(self, count: int) -> Tensor:
        """Return the epoch's random order of `count` items."""
        return torch.randperm(count, generator=generator(self.seed, "order", self.epoch))


SplitT = TypeVar("SplitT", bound=Split)


@dataclass(eq=False, repr=False, kw_only=True)
class DrawnData(LightningDataModule, Generic[SplitT]):
    """Base class of data modules that draw training, validation and test examples.

    After `setup` they are `train`, `val` and `test`.
    """

    seed: int  # of the streams that draw the splits
    order_seed: int  # of the streams that order the training examples
    batch_size: int  # of training
    shuffle: bool  # whether each epoch has a new order
    normalise: bool  # whether to normalise pixels by the training examples' mean and std

    evaluation_batch = 500

    def __post_init__(self) -> None:
        super().__init__()
        self.mean, self.std = torch.zeros(()), torch.ones(())
        self.train: SplitT
        self.val: SplitT
        self.test: SplitT

    def draw(self) -> tuple[SplitT, SplitT, SplitT]:
        """Return the training, validation and test examples."""
        raise NotImplementedError

    def normalise_like(self, trained: "DrawnData[Any]") -> None:
        """Normalise by the mean and std of another data module, set up; call it before `setup`."""
        self.normalise = False
        self.mean, self.std = trained.mean, trained.std

    def setup(self, stage: str | None = None) -> None:
        """Draw and normalise all splits at the first call; later calls do nothing.

        Data that are not available, too few or of a wrong size are refused with a DataError.
        """
        if hasattr(self, "train"):
            return
        splits = self.draw()
        if self.normalise:
            self.mean, self.std = splits[0].mean_and_std()
        for split in splits:
            split.normalise(self.mean, self.std)
        self.train, self.val, self.test = splits

    def permutation(self, stream: str, count: int) -> Tensor:
        """Return a random order of `count` items from a stream of `seed`."""
        return torch.randperm(count, generator=generator(self.seed, stream))

    def train_sampler(self) -> BatchIndexSampler:
        """Return the sampler of the training batches."""
        return BatchIndexSampler(len(self.train), self.batch_size, self.order_seed, self.shuffle)

    def train_dataloader(self) -> DataLoader[Any]:
        """Return a loader of the training examples in batches."""
        return _loader(self.train, self.train_sampler())

    def val_dataloader(self) -> DataLoader[Any] | list[DataLoader[Any]]:
        """Return a loader of the validation examples in order; an empty list without any."""
        return self._in_order(self.val) if len(self.val) else []

    def test_dataloader(self) -> DataLoader[Any]:
        """Return a loader of the test examples in order."""
        return self._in_order(self.test)

    def _in_order(self, split: SplitT) -> DataLoader[Any]:
        return _loader(split, BatchIndexSampler(len(split), self.evaluation_batch, 0, False))


def _loader(split: Split, sampler: BatchIndexSampler) -> DataLoader[Any]:
    # With batch_size=None the sampler's index tensor goes to the dataset as it is: one indexing
    # per batch instead of one Python call per example and a collation.
    # A DataLoader draws a seed for its worker processes at the start of each iteration; given a
    # generator, it does not draw it from torch's global one.
    return DataLoader(split, batch_size=None, sampler=sampler, generator=torch.Generator())
