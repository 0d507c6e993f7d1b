"""Check that random numbers in the data differ between workers and between epochs."""

import random
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset

from project.checks.batches import clone, tensors_of
from project.checks.loaders import loaders_of
from project.checks.result import CheckResult, failed, not_checked, ok
from project.checks.session import Session
from project.training.streams import SeededLoader

NAME = "noise of workers"
GENERATORS = ("torch", "numpy", "random")
MANY = 2**31 - 1
ROUNDS = 2  # draws of each worker in each of two epochs


class Draws(Dataset[torch.Tensor]):
    """A data set whose examples (3,) are the next draws of the torch, numpy and Python generators.

    The attributes of the data set that it replaces stay accessible, for a `worker_init_fn`.
    """

    __getitems__ = None  # a Subset's would be preferred, and yield its examples

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> torch.Tensor:
        draws = (torch.randint(MANY, ()), np.random.randint(MANY), random.randrange(MANY))
        return torch.tensor([int(each) for each in draws])

    def __getattr__(self, name: str) -> Any:
        if name == "dataset":  # while it is being copied
            raise AttributeError(name)
        return getattr(self.dataset, name)


def check_workers(session: Session) -> list[CheckResult]:
    """Check that each worker, and each epoch, of the training loaders draws other numbers."""
    loaders = [
        each.loader
        for each in loaders_of(session.data, "train")
        if isinstance(each.loader, DataLoader) and not isinstance(each.dataset, IterableDataset)
    ]
    if not loaders:
        return [not_checked(NAME, "no torch DataLoader over a data set with indices")]
    results = [_check(session, loader) for loader in loaders]
    return [next((each for each in results if each.status != "ok"), results[0])]


def _check(session: Session, loader: DataLoader[Any]) -> CheckResult:
    workers = loader.num_workers
    count = ROUNDS * max(1, workers)
    advice = (
        "leave out a constant worker_init_fn; make generators in __getitem__ or in worker_init_fn, "
        "from torch.initial_seed(), not in the constructor"
    )
    if workers:
        draws = _with_workers(loader, Draws(loader.dataset), sampler=[0] * count)
        drawn = _epochs(session, draws)
        for place, name in enumerate(GENERATORS):
            values = [[int(each.flatten()[place]) for each in epoch] for epoch in drawn]
            if (seen := _repeats(values, workers)) is not None:
                return failed(NAME, f"{name}'s global generator: {seen}", advice)
    same = _epochs(session, _same_example(loader, count))
    examples = [[_key(each) for each in epoch] for epoch in same]
    if (seen := _repeats(examples, workers)) is not None:
        return failed(NAME, f"of one example: {seen}", advice)
    has_noise = len({key for epoch in examples for key in epoch}) > 1
    noise = "differs every time" if has_noise else "none: an example is always the same"
    return ok(NAME, f"{noise} ({workers or 'no'} workers)")


def _repeats(epochs: list[list[Any]], workers: int) -> str | None:
    """Describe how draws repeat between workers or between epochs; None if they do not.

    The draws of each of two epochs are one of each worker in turn, `ROUNDS` times.
    """
    first, second = epochs
    if len(set(first)) <= 1 and len({*first, *second}) <= 1:
        return None  # nothing is drawn
    rounds = [first[start : start + workers] for start in range(0, len(first), workers or 1)]
    if workers > 1 and all(len(set(each)) == 1 for each in rounds):
        return f"all {workers} workers draw the same"
    if first == second:
        return "every epoch draws the same"
    return None


def _epochs(session: Session, loader: DataLoader[Any]) -> list[list[Any]]:
    """Return the batches of the first two epochs, drawn as in a run."""
    seeded = SeededLoader(loader, session.seeds["order"], "", lambda: 0)
    return [[clone(batch) for batch in seeded.at(epoch)] for epoch in range(2)]


def _key(batch: Any) -> bytes:
    return b"".join(each.detach().cpu().numpy().tobytes() for each in tensors_of(batch))


def _same_example(loader: DataLoader[Any], count: int) -> DataLoader[Any]:
    """Return a loader that yields the same example `count` times."""
    if loader.batch_sampler is None:
        places = {"batch_size": None, "sampler": [next(iter(loader.sampler))] * count}
    else:
        places = {"batch_sampler": [[next(iter(loader.batch_sampler))[0]]] * count}
    return _with_workers(loader, loader.dataset, collate_fn=loader.collate_fn, **places)


def _with_workers(loader: DataLoader[Any], dataset: Any, **options: Any) -> DataLoader[Any]:
    """Return a loader of a data set with the workers, and a copy of the generator, of another."""
    generator = loader.generator
    if generator is not None:
        generator = torch.Generator().set_state(generator.get_state())
    return DataLoader(
        dataset,
        num_workers=loader.num_workers,
        worker_init_fn=loader.worker_init_fn,
        generator=generator,
        multiprocessing_context=loader.multiprocessing_context,
        **options,
    )
