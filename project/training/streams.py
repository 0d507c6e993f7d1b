"""Random streams under Lightning: what loaders, steps and hooks draw is a function of the place.

Code that draws from the global generators (a shuffling DataLoader, worker processes, augmentation
in a dataset, dropout) draws from a stream of its own here, so that a resumed run is bit-identical.
"""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import torch
from lightning_utilities.core.apply_func import apply_to_collection
from pytorch_lightning import LightningDataModule, LightningModule, Trainer
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.utilities import CombinedLoader
from torch.utils.data import DataLoader, Sampler

from project import seeding
from project.config.errors import ConfigurationError


class SeededLoader:
    """A loader: every pass begins at `order/<epoch>`, and every batch at `fetch/<epoch>/<n>`.

    The streams are opened at the first `next` and not by a callback at the epoch's start: Lightning
    makes the first iterator earlier, and a resumed run would differ. A loader that is passed
    through again within an epoch (a short one beside a long one, a second validation) gets a new
    order.

    Args:
        loader: Any loader; its attributes stay reachable.
        seed: The seed of the streams.
        prefix: Before the streams' names: empty for training, else the stage.
        epoch: Returns the epoch that begins.
    """

    def __init__(self, loader: Any, seed: int, prefix: str, epoch: Callable[[], int]) -> None:
        self.loader = loader
        self._seed = seed
        self._prefix = prefix
        self._epoch = epoch
        self._passes: tuple[int, int, int] = (-1, 0, 0)  # epoch, passes through it, batches of it

    def __iter__(self) -> Iterator[Any]:
        """Yield the loader's batches."""
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
        """Return the number of batches; raises TypeError where the loader has none."""
        return len(self.loader)

    def at(self, epoch: int) -> "SeededLoader":
        """Return the same loader for one epoch, whatever a trainer does."""
        return SeededLoader(self.loader, self._seed, self._prefix, lambda: epoch)

    def __getattr__(self, name: str) -> Any:
        """Return what the loader itself has by that name."""
        if name == "loader":  # while it is being copied
            raise AttributeError(name)
        return getattr(self.loader, name)


class FirstBatch:
    """A loader of one batch, the first of another loader, in every epoch the same.

    Args:
        loader: The other loader.
    """

    def __init__(self, loader: SeededLoader) -> None:
        self.loader = loader
        self._batch: Any = None

    def __iter__(self) -> Iterator[Any]:
        """Yield a copy of the batch: what works on it in place does so once."""
        if self._batch is None:
            self._batch = next(iter(self.loader))
        yield apply_to_collection(self._batch, torch.Tensor, torch.clone)

    def __len__(self) -> int:
        """Return the number of batches."""
        return 1


class SeededLoaders(LightningDataModule):
    """Gives the loaders of the data module that it is mixed with their streams.

    Attributes:
        stream_seed: The seed of the streams; set before the trainer runs.
        repeats_first_batch: Whether the first training batch is the only one, in every epoch.
    """

    stream_seed: int = 0
    repeats_first_batch: bool = False

    def train_dataloader(self) -> Any:
        """Return the training loaders, each process with its own part of the batches."""
        return self._seeded(super().train_dataloader(), "", self._current_epoch)

    def val_dataloader(self) -> Any:
        """Return the validation loaders; every process validates on all of them."""
        return self._seeded(super().val_dataloader(), "val/", self._current_epoch)

    def test_dataloader(self) -> Any:
        """Return the test loaders, whose draws do not depend on how long was trained."""
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
                    f"{type(self).__name__}: {stage}_dataloader() gives None, no loader"
                )
            number = next(numbers)
            name = f"{number}/{prefix}" if number else prefix
            own = self._own_part(loader, prefix)
            seeded = SeededLoader(own, self.stream_seed, name, epoch)
            return FirstBatch(seeded) if self.repeats_first_batch and not prefix else seeded

        if isinstance(loaders, CombinedLoader):
            loaders.flattened = [wrap(each) for each in loaders.flattened]
            return loaders
        return wrap(loaders)

    def _own_part(self, loader: Any, prefix: str) -> Any:
        """Return this process's part of a loader for training."""
        if getattr(loader, "persistent_workers", False):
            raise ConfigurationError(
                f"{type(self).__name__}: a loader keeps its workers between epochs, and a resumed "
                "run could not give them their random state back; set persistent_workers=False"
            )
        if self.trainer is None or prefix or self.trainer.world_size == 1:
            return loader
        return strided(loader, self.trainer.global_rank, self.trainer.world_size)

    def _current_epoch(self) -> int:
        # Not `current_epoch`, which a resumed run sets only after it has made its first iterator.
        if self.trainer is None:
            return 0
        progress: Any = self.trainer.fit_loop.epoch_progress
        return progress.current.processed


def with_streams(data_class: type[LightningDataModule]) -> type[LightningDataModule]:
    """Return a subclass of a data module's class whose loaders draw from streams."""
    lacking = {
        name: getattr(LightningDataModule, name)
        for name in ("train_dataloader", "val_dataloader", "test_dataloader")
        if getattr(data_class, name) is getattr(LightningDataModule, name)
    }
    return type(data_class.__name__, (SeededLoaders, data_class), lacking)


class StridedSampler(Sampler[Any]):
    """Every n-th item of another sampler: the part of one of n processes.

    All processes see the same order, so the n-th step of all of them together works on the items
    that one process with batches n times as large would have. Where the items cannot be shared out
    evenly the first ones are repeated, so that no process waits for another for ever.

    Args:
        sampler: Yields the items for all processes, in the same order in each of them.
        rank: Which process this is.
        ranks: How many there are.
    """

    def __init__(self, sampler: Any, rank: int, ranks: int) -> None:
        self.sampler = sampler
        self.rank = rank
        self.ranks = ranks

    def set_epoch(self, epoch: int) -> None:
        """Pass the epoch on to the sampler; Lightning calls this."""
        if callable(set_epoch := getattr(self.sampler, "set_epoch", None)):
            set_epoch(epoch)

    def __len__(self) -> int:
        """Return the number of items of each process."""
        return -(-len(self.sampler) // self.ranks)

    def __iter__(self) -> Iterator[Any]:
        """Yield this process's items."""
        items = list(self.sampler)
        wanted = len(self) * self.ranks
        yield from itertools.islice(itertools.cycle(items), self.rank, wanted, self.ranks)


def strided(loader: Any, rank: int, ranks: int) -> DataLoader[Any]:
    """Return a loader of the same data for one of several processes.

    Raises:
        ConfigurationError: The loader is no DataLoader over a data set with indices.
    """
    if not isinstance(loader, DataLoader) or isinstance(
        loader.dataset, torch.utils.data.IterableDataset
    ):
        raise ConfigurationError(
            "trainer.devices: only a torch DataLoader over a data set with indices can be shared "
            f"out among processes, not {type(loader).__name__}; use trainer.devices=1"
        )
    options: dict[str, Any] = {
        name: getattr(loader, name)
        for name in (
            "num_workers", "collate_fn", "pin_memory", "timeout", "worker_init_fn", "generator",
            "prefetch_factor", "multiprocessing_context",
        )
    }  # fmt: skip
    if loader.batch_size is None and loader.batch_sampler is None:
        # The sampler itself yields whole batches.
        options |= {"batch_size": None, "sampler": StridedSampler(loader.sampler, rank, ranks)}
    elif loader.batch_size is None:
        options |= {"batch_sampler": StridedSampler(loader.batch_sampler, rank, ranks)}
    else:
        options |= {
            "batch_size": loader.batch_size,
            "drop_last": loader.drop_last,
            "sampler": StridedSampler(loader.sampler, rank, ranks),
        }
    return DataLoader(loader.dataset, **options)


class Streams(Callback):
    """Puts the global generators at the start of a stream before whatever may draw from them.

    It stands before all other callbacks. `noise/<n>` counts batches, not steps of the optimizer;
    processes other than the first have their rank appended.

    Args:
        seed: The seed of the streams.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def _start(self, trainer: Trainer, name: str, index: int) -> None:
        rank = trainer.global_rank
        if rank:
            seeding.start(self.seed, f"{name}/{index}", rank)
        else:
            seeding.start(self.seed, name, index)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Open `train_start`, for hooks that a resumed run calls again."""
        self._start(trainer, "train_start", 0)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Open `epoch/<epoch>`, for hooks at an epoch's beginning."""
        self._start(trainer, "epoch", trainer.current_epoch)

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Open `noise/<n>`, for the training step."""
        self._start(trainer, "noise", trainer.fit_loop.total_batch_idx)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Open `epoch_end/<epoch>`, for hooks at an epoch's end."""
        self._start(trainer, "epoch_end", trainer.current_epoch)
