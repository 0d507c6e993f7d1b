"""Access to the loaders of a data module, and wrappers of them."""

import copy
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import torch
from lightning_utilities.core.apply_func import apply_to_collection
from pytorch_lightning import LightningDataModule

from project import seeding
from project.checks.batches import example_count, take
from project.training.streams import SeededLoader

Wrap = Callable[[SeededLoader], Any]
STAGES = ("train", "val", "test")


def set_up(data: LightningDataModule, seed: int) -> None:
    """Prepare a data module and set it up for training and test, as the trainer does.

    Args:
        data: The data module.
        seed: The seed of the named random stream `data`, at which each setup starts.

    Raises:
        Exception: What the data module raises.
    """
    data.prepare_data()
    for stage in ("fit", "test"):
        seeding.start(seed, "data")
        data.setup(stage)


def loaders_of(data: LightningDataModule, stage: str) -> list[SeededLoader]:
    """Return the loaders of a stage (train, val or test) of a data module that is set up.

    Raises:
        ConfigurationError: The data module returns None in place of a loader.
    """
    found: list[SeededLoader] = []
    apply_to_collection(getattr(data, f"{stage}_dataloader")(), SeededLoader, found.append)
    return found


def begin_epoch(loader: SeededLoader, epoch: int) -> SeededLoader:
    """Return a loader of an epoch's batches, as in training; sets that epoch in the samplers."""
    batch_sampler = getattr(loader, "batch_sampler", None)
    for sampler in (getattr(loader, "sampler", None), getattr(batch_sampler, "sampler", None)):
        if callable(set_epoch := getattr(sampler, "set_epoch", None)):
            set_epoch(epoch)
    return loader.at(epoch)


def wrapped(data: LightningDataModule, **wraps: tuple[str, Wrap]) -> LightningDataModule:
    """Return a shallow copy of a data module that has wrapped loaders in some stages.

    Args:
        data: The data module; it is not changed.
        **wraps: For each stage (train, val or test), the stage whose loaders are used in its place
            and the function that wraps each of them.
    """
    given = copy.copy(data)
    for stage, (source, wrap) in wraps.items():
        method = getattr(type(data), f"{source}_dataloader")

        def loaders(method: Callable[..., Any] = method, wrap: Wrap = wrap) -> Any:
            return apply_to_collection(method(given), SeededLoader, wrap)

        setattr(given, f"{stage}_dataloader", loaders)
    return given


class Repeated:
    """A loader that yields the first batch of another loader several times.

    Args:
        loader: The other loader.
        times: The number of times that the batch is yielded in an epoch.
        most: The largest number of examples that are kept of the batch.
    """

    def __init__(self, loader: SeededLoader, times: int, most: int) -> None:
        self.loader = loader
        self.times = times
        self.most = most

    def __len__(self) -> int:
        return self.times

    def __iter__(self) -> Iterator[Any]:
        batch = first_examples(next(iter(self.loader.at(0))), self.most)
        yield from itertools.repeat(batch, self.times)


def first_examples(batch: Any, most: int) -> Any:
    """Return the first `most` examples of a batch; all of it if their number is unknown."""
    count = example_count(batch)
    return take(batch, torch.arange(min(most, count)), count) if count else batch


class Mapped:
    """A loader that applies a function to each batch of another loader.

    Before each call, the global random generators start at the stream `<name>/<batch number>`.

    Args:
        loader: The other loader.
        function: Maps a batch to the batch that is yielded.
        stream: Seed and name of the named random stream.
    """

    def __init__(
        self, loader: SeededLoader, function: Callable[[Any], Any], stream: tuple[int, str]
    ) -> None:
        self.loader = loader
        self.function = function
        self.stream = stream

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Iterator[Any]:
        seed, name = self.stream
        for number, batch in enumerate(self.loader):
            seeding.start(seed, name, number)
            yield self.function(batch)


class Singly:
    """A loader that yields the examples of another loader's first batch as batches of one.

    Args:
        loader: The other loader.
        most: The largest number of examples that are yielded.
    """

    def __init__(self, loader: SeededLoader, most: int) -> None:
        self.loader = loader
        self.most = most

    def __iter__(self) -> Iterator[Any]:
        batch = first_examples(next(iter(self.loader.at(0))), self.most)
        count = example_count(batch)
        for place in range(count):
            yield take(batch, torch.tensor([place]), count)
