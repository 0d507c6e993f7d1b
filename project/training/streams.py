"""Named random streams under Lightning, so that a resumed run equals an uninterrupted one.

Random numbers of code that draws from the global generators depend on seed, epoch and batch only.
"""

import itertools
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from lightning_fabric.utilities.distributed import DistributedSamplerWrapper
from lightning_utilities.core.apply_func import apply_to_collection
from pytorch_lightning import LightningDataModule, Trainer
from pytorch_lightning.callbacks import Callback, LambdaCallback
from pytorch_lightning.utilities import CombinedLoader
from torch.utils.data import DataLoader

from project import seeding
from project.config.errors import ConfigurationError


class SeededLoader:
    """Wrapper of a loader that sets the global generators to named streams during iteration.

    Each pass starts at the stream `order/<epoch>`, each batch at `fetch/<epoch>/<n>`. The streams
    are set at the first `next`, not by a callback at the start of the epoch: Lightning creates the
    first iterator before that callback, so a resumed run would differ. A second pass within an
    epoch (a short loader combined with a long one, a second validation) gets a different order.

    The attributes of `loader` are available on the wrapper. `prefix` stands before the streams'
    names: empty for training, else the stage and a slash. A new pass uses the streams of `epoch()`.
    """

    def __init__(self, loader: Any, seed: int, prefix: str, epoch: Callable[[], int]) -> None:
        self.loader = loader
        self._seed = seed
        self._prefix = prefix
        self._epoch = epoch
        self._passes: tuple[int, int, int] = (-1, 0, 0)  # epoch, its passes so far, its batches

    def __iter__(self) -> Iterator[Any]:
        epoch = self._epoch()
        of_epoch, passes, number = self._passes
        if of_epoch != epoch:
            passes = number = 0
        order = f"order/{epoch}" if passes == 0 else f"order/{epoch}/{passes}"
        seeding.start(self._seed, f"{self._prefix}{order}")
        batches = iter(self.loader)
        while True:
            seeding.start(self._seed, f"{self._prefix}fetch/{epoch}", number)
            number += 1
            self._passes = (epoch, passes + 1, number)
            try:
                batch = next(batches)
            except StopIteration:
                return
            yield batch

    def __len__(self) -> int:
        return len(self.loader)

    def at(self, epoch: int) -> "SeededLoader":
        """Return a wrapper of the same loader that always uses the streams of `epoch`."""
        return SeededLoader(self.loader, self._seed, self._prefix, lambda: epoch)

    def __getattr__(self, name: str) -> Any:
        if name == "loader":  # not set yet while this object is being copied
            raise AttributeError(name)
        return getattr(self.loader, name)


def loader_of(batches: list[Any]) -> DataLoader[Any]:
    """Return a loader that yields copies of batches, because a task may change its batch."""
    copied = partial(apply_to_collection, dtype=torch.Tensor, function=torch.clone)
    return DataLoader(batches, batch_size=None, collate_fn=copied)  # type: ignore[arg-type]


class SeededLoaders(LightningDataModule):
    """Mix-in that wraps the loaders of a data module so that they draw from named streams.

    A data module that returns None in place of a loader is refused with a ConfigurationError.
    """

    stream_seed: int = 0  # to be set before training
    repeats_first_batch: bool = False  # whether to train on the first batch only (debug=overfit)

    def train_dataloader(self) -> Any:
        """Return the training loaders; each of several processes gets a part of the batches."""
        return self._seeded(super().train_dataloader(), "", self._current_epoch)

    def val_dataloader(self) -> Any:
        """Return the validation loaders; every process validates on all examples."""
        return self._seeded(super().val_dataloader(), "val/", self._current_epoch)

    def test_dataloader(self) -> Any:
        """Return the test loaders; their streams do not depend on the number of epochs trained."""
        return self._seeded(super().test_dataloader(), "test/", lambda: 0)

    def _seeded(self, loaders: Any, prefix: str, epoch: Callable[[], int]) -> Any:
        numbers = itertools.count()

        def wrap(loader: Any) -> Any:
            if isinstance(loader, dict):
                return {key: wrap(each) for key, each in loader.items()}
            if isinstance(loader, list | tuple):
                return [wrap(each) for each in loader]
            if loader is None:
                stage = prefix.rstrip("/") or "train"
                raise ConfigurationError(
                    f"{type(self).__name__}: {stage}_dataloader() returns None, not a loader"
                )
            number = next(numbers)
            name = f"{number}/{prefix}" if number else prefix
            own = self._own_part(loader, prefix)
            seeded = SeededLoader(own, self.stream_seed, name, epoch)
            if self.repeats_first_batch and not prefix:
                return loader_of([next(iter(seeded))])
            return seeded

        if isinstance(loaders, CombinedLoader):
            loaders.flattened = [wrap(each) for each in loaders.flattened]
            return loaders
        return wrap(loaders)

    def _own_part(self, loader: Any, prefix: str) -> Any:
        """Return this process's part of a training loader; other loaders unchanged."""
        if getattr(loader, "persistent_workers", False):
            raise ConfigurationError(
                f"{type(self).__name__}: a loader keeps its workers between epochs, and a resumed "
                "run could not give them their random state back; set persistent_workers=False"
            )
        if self.trainer is None or prefix or self.trainer.world_size == 1:
            return loader
        return strided(loader, self.trainer.global_rank, self.trainer.world_size)

    def _current_epoch(self) -> int:
        # Not `current_epoch`, which a resumed run sets after creating its first iterator.
        if self.trainer is None:
            return 0
        progress: Any = self.trainer.fit_loop.epoch_progress
        return progress.current.processed


def with_streams(data_class: type[LightningDataModule]) -> type[LightningDataModule]:
    """Return a subclass of a data module's class whose loaders draw from named streams."""
    lacking = {
        name: getattr(LightningDataModule, name)
        for name in ("train_dataloader", "val_dataloader", "test_dataloader")
        if getattr(data_class, name) is getattr(LightningDataModule, name)
    }
    return type(data_class.__name__, (SeededLoaders, data_class), lacking)


def strided(loader: Any, rank: int, ranks: int) -> DataLoader[Any]:
    """Return a loader that yields the batches of one process (`rank`) of a run with `ranks`.

    It takes every n-th item of the loader's sampler, which has the same order in all processes. So
    together they see in each step what one process would see in a batch n times as large. If the
    number of items is not a multiple of n, the first items are repeated.

    Raises:
        ConfigurationError: The loader is no DataLoader, or its dataset is an IterableDataset.
    """
    if not isinstance(loader, DataLoader) or isinstance(
        loader.dataset, torch.utils.data.IterableDataset
    ):
        raise ConfigurationError(
            "trainer.devices: only a torch DataLoader over a map-style data set can be split among "
            f"processes, not {type(loader).__name__}; use trainer.devices=1"
        )
    names = [
        "num_workers", "collate_fn", "pin_memory", "timeout", "worker_init_fn", "generator",
        "prefetch_factor", "multiprocessing_context",
    ]  # fmt: skip
    if loader.batch_size is None and loader.batch_sampler is not None:
        kind, sampler = "batch_sampler", loader.batch_sampler
    else:  # without a batch size the sampler yields the indices of whole batches
        kind, sampler = "sampler", loader.sampler
        names += ["batch_size", "drop_last"]
    options: dict[str, Any] = {name: getattr(loader, name) for name in names}
    options[kind] = DistributedSamplerWrapper(sampler, ranks, rank, shuffle=False)
    return DataLoader(loader.dataset, **options)


def named_streams(seed: int) -> Callback:
    """Return a callback that sets the global generators to named streams during training.

    It must be the first callback. The streams are `train_start/0`, `epoch/<epoch>`, `noise/<n>` for
    the n-th batch (not optimizer step) and `epoch_end/<epoch>`. Processes other than the first
    append their rank to the names, as in `noise/<n>/<rank>`.
    """

    def start(trainer: Trainer, name: str, index: int) -> None:
        if rank := trainer.global_rank:
            name, index = f"{name}/{index}", rank
        seeding.start(seed, name, index)

    return LambdaCallback(
        on_train_start=lambda trainer, *_: start(trainer, "train_start", 0),
        on_train_epoch_start=lambda trainer, *_: start(trainer, "epoch", trainer.current_epoch),
        on_train_batch_start=lambda trainer, *_: start(
            trainer, "noise", trainer.fit_loop.total_batch_idx
        ),
        on_train_epoch_end=lambda trainer, *_: start(trainer, "epoch_end", trainer.current_epoch),
    )
