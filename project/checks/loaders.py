"""The loaders of a data module, as they are or with something put around them."""

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
    """Let a data module make its examples, as the trainer does.

    Args:
        data: The data module.
        seed: That of the data's streams.
    """
    data.prepare_data()
    for stage in ("fit", "test"):
        seeding.start(seed, "data")
        data.setup(stage)


def loaders_of(data: LightningDataModule, stage: str) -> list[SeededLoader]:
    """Return the loaders of a stage of a data module that is set up."""
    found: list[SeededLoader] = []
    apply_to_collection(getattr(data, f"{stage}_dataloader")(), SeededLoader, found.append)
    return found


def begin_epoch(loader: SeededLoader, epoch: int) -> SeededLoader:
    """Return a loader that yields the batches of an epoch, as in training."""
    batch_sampler = getattr(loader, "batch_sampler", None)
    for sampler in (getattr(loader, "sampler", None), getattr(batch_sampler, "sampler", None)):
        if callable(set_epoch := getattr(sampler, "set_epoch", None)):
            set_epoch(epoch)
    return loader.at(epoch)


def wrapped(data: LightningDataModule, **wraps: tuple[str, Wrap]) -> LightningDataModule:
    """Return a copy of a data module that serves other loaders in some stages.

    Args:
        data: The data module.
        **wraps: By stage, the stage whose loaders are taken, and what is put around each.
    """
    given = copy.copy(data)
    for stage, (source, wrap) in wraps.items():
        method = getattr(type(data), f"{source}_dataloader")

        def loaders(method: Callable[..., Any] = method, wrap: Wrap = wrap) -> Any:
            return apply_to_collection(method(given), SeededLoader, wrap)

        setattr(given, f"{stage}_dataloader", loaders)
    return given


class Repeated:
    """The first batch of a loader, again and again.

    Args:
        loader: The loader.
        times: How often the batch is yielded in an epoch.
        most: How many of its examples are kept.
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
    """Return a batch of at most so many examples."""
    count = example_count(batch)
    return take(batch, torch.arange(min(most, count)), count) if count else batch


class Mapped:
    """The batches of a loader, each passed through a function that draws from a stream of its own.

    Args:
        loader: The loader.
        function: Returns a changed batch.
        stream: Seed and name of the stream.
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
    """The examples of a loader's first batch as batches of one.

    Args:
        loader: The loader.
        most: How many examples there are.
    """

    def __init__(self, loader: SeededLoader, most: int) -> None:
        self.loader = loader
        self.most = most

    def __iter__(self) -> Iterator[Any]:
        batch = first_examples(next(iter(self.loader.at(0))), self.most)
        count = example_count(batch)
        for place in range(count):
            yield take(batch, torch.tensor([place]), count)
