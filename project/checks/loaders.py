"""Access to the loaders of a data module, and wrappers of them."""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from lightning_utilities.core.apply_func import apply_to_collection
from pytorch_lightning import LightningDataModule
from torch.utils.data import DataLoader, IterableDataset

from project import seeding
from project.checks.batches import clone, example_count, take
from project.training.streams import SeededLoader

Wrap = Callable[[SeededLoader], Any]
STAGES = ("train", "val", "test")


def loaders_of(data: LightningDataModule, stage: str) -> list[SeededLoader]:
    """Return the loaders of a stage (train, val or test) of a data module that is set up."""
    found: list[SeededLoader] = []
    apply_to_collection(getattr(data, f"{stage}_dataloader")(), SeededLoader, found.append)
    return found


def is_indexed(loader: SeededLoader) -> bool:
    """Return whether single examples of a loader can be read by their index."""
    inner = loader.loader
    return (
        isinstance(inner, DataLoader)
        and inner.batch_size is not None
        and not isinstance(inner.dataset, IterableDataset)
    )


def begin_epoch(loader: SeededLoader, epoch: int) -> SeededLoader:
    """Return a loader of an epoch's batches, as in training; sets that epoch in the samplers."""
    batch_sampler = getattr(loader, "batch_sampler", None)
    for sampler in (getattr(loader, "sampler", None), getattr(batch_sampler, "sampler", None)):
        if callable(set_epoch := getattr(sampler, "set_epoch", None)):
            set_epoch(epoch)
    return loader.at(epoch)


def wrapped(data: LightningDataModule, **wraps: tuple[str, Wrap]) -> LightningDataModule:
    """Return a shallow copy of a data module that has wrapped loaders in some stages.

    `wraps` has for each such stage (train, val or test) the stage whose loaders are used in its
    place, and the function that wraps each of them.
    """
    given = copy.copy(data)
    for stage, (source, wrap) in wraps.items():
        method = getattr(type(data), f"{source}_dataloader")

        def loaders(method: Callable[..., Any] = method, wrap: Wrap = wrap) -> Any:
            return apply_to_collection(method(given), SeededLoader, wrap)

        setattr(given, f"{stage}_dataloader", loaders)
    return given


def repeated(loader: SeededLoader, most: int, times: int = 1) -> DataLoader[Any]:
    """Return a loader that yields the first `most` examples of another one, `times` times."""
    batch = next(iter(loader.at(0)))
    count = example_count(batch)
    return _loader_of([take(batch, range(min(most, count)), count)] * times)


def singly(loader: SeededLoader, most: int) -> DataLoader[Any]:
    """Return a loader that yields the first `most` examples of another one as batches of one."""
    batch = next(iter(loader.at(0)))
    count = example_count(batch)
    return _loader_of([take(batch, [place], count) for place in range(min(most, count))])


def _loader_of(batches: list[Any]) -> DataLoader[Any]:
    # Copies, as a task may change its batch in place.
    return DataLoader(batches, batch_size=None, collate_fn=clone)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Mapped:
    """A loader that applies a function to each batch of another loader.

    Before each call, the global random generators start at the stream `<name>/<batch number>`.
    """

    loader: SeededLoader
    function: Callable[[Any], Any]
    seed: int
    name: str

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Iterator[Any]:
        for number, batch in enumerate(self.loader):
            seeding.start(self.seed, self.name, number)
            yield self.function(batch)
