"""What code draws from the global generators is a function of the seed and the place alone."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning import LightningDataModule
from pytorch_lightning.utilities import CombinedLoader
from torch.utils.data import DataLoader, Dataset

from project.seeding import generator
from project.training.streams import SeededLoader, strided, with_streams
from tests.small_runs import record
from tests.training import strangers
from tests.training.runs import classify_config, own_config, result, train


def test_the_same_seed_gives_the_same_bits_and_another_seed_others(tmp_path: Path) -> None:
    first = result(train(own_config(tmp_path / "first", seed=0)))
    other = result(train(own_config(tmp_path / "other", seed=1)))
    assert result(train(own_config(tmp_path / "again", seed=0))) == first
    for key in ("history", "record", "checkpoint"):
        assert other[key] != first[key]


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, torch.Tensor]]:
    """Every batch of points that a task of a stranger's is given, and in which stage."""
    batches: list[tuple[str, torch.Tensor]] = []
    for task in (strangers.Own, strangers.Classify):
        for stage in ("training", "validation", "test"):
            step = getattr(task, f"{stage}_step")

            def spy(self: Any, batch: Any, index: int, step: Any = step, stage: str = stage) -> Any:
                batches.append((stage, batch[0].clone()))
                return step(self, batch, index)

            monkeypatch.setattr(task, f"{stage}_step", spy)
    return batches


def test_every_variant_of_a_seed_sees_the_same_data(
    tmp_path: Path, seen: list[tuple[str, torch.Tensor]]
) -> None:
    """Whatever nets and steps draw, and however long it is trained before the test."""
    variants = (
        own_config(tmp_path),
        own_config(tmp_path, task={"hidden": 9}),
        classify_config(tmp_path, model={"dropout": 0.5}),
        classify_config(tmp_path, model={"_target_": "tests.training.strangers.Attention"}),
    )
    of_variants = []
    for variant in variants:
        seen.clear()
        train(variant)
        of_variants.append(list(seen))
    for batches in of_variants[1:]:
        assert [stage for stage, _ in batches] == [stage for stage, _ in of_variants[0]]
        for (_, one), (_, other) in zip(batches, of_variants[0], strict=True):
            assert torch.equal(one, other)
    epochs = [batch for stage, batch in of_variants[0] if stage == "training"]
    assert not torch.equal(epochs[0], epochs[3])  # a new order and new noise in every epoch
    seen.clear()
    longer = train(classify_config(tmp_path, trainer={"max_epochs": 4}))
    tests = [[batch for stage, batch in part if stage == "test"] for part in (seen, of_variants[0])]
    assert all(torch.equal(one, other) for one, other in zip(*tests, strict=True))
    digests = {
        record(path)["provenance"]["data"]["test"] for path in longer.parents[1].glob("*/seed_0")
    }
    assert len(digests) == 1


def test_the_noise_of_a_step_is_that_of_its_stream(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted over all batches; whatever loaders and hooks have drawn before."""
    drawn: list[torch.Tensor] = []
    step = strangers.Classify.training_step

    def draw(self: Any, batch: Any, batch_idx: int) -> torch.Tensor:
        drawn.append(torch.rand(3))
        return step(self, batch, batch_idx)

    monkeypatch.setattr(strangers.Classify, "training_step", draw)
    train(classify_config(tmp_path, seed=4))
    expected = [torch.rand(3, generator=generator(4, "noise", number)) for number in range(9)]
    assert all(map(torch.equal, drawn, expected))
    assert len(drawn) == 9


def test_what_is_held_at_a_seed_does_not_follow_the_runs(
    tmp_path: Path, seen: list[tuple[str, torch.Tensor]]
) -> None:
    def batches(seed: int, **seeds: int) -> list[torch.Tensor]:
        seen.clear()
        train(own_config(tmp_path, seed=seed, seeds={"data": None, "init": None, "order": None}
                         | seeds, trainer={"max_epochs": 1}))  # fmt: skip
        return [batch for _, batch in seen]

    one, other = batches(0, data=7, order=7), batches(1, data=7, order=7)
    assert all(map(torch.equal, one, other))
    assert not torch.equal(one[0], batches(1, data=7)[0])


class Numbers(Dataset[int]):
    """0, 1, 2, ..."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> int:
        return index


def numbers(count: int, **options: Any) -> DataLoader[int]:
    return DataLoader(Numbers(count), **options)


def drawn(loader: Any) -> list[list[int]]:
    return [batch.tolist() for batch in loader]


def test_a_loaders_order_is_that_of_its_epoch_and_pass() -> None:
    def seeded(epoch: int, seed: int = 0, prefix: str = "") -> SeededLoader:
        return SeededLoader(numbers(20, batch_size=8, shuffle=True), seed, prefix, lambda: epoch)

    first = drawn(seeded(0))
    torch.rand(5)
    assert drawn(seeded(0)) == first
    assert sorted(chain.from_iterable(first)) == list(range(20))
    assert len(seeded(0)) == 3
    others = [drawn(seeded(1)), drawn(seeded(0, seed=1)), drawn(seeded(0, prefix="val/"))]
    loader = seeded(0)
    passes = [drawn(loader) for _ in range(3)]
    assert passes[0] == first
    different = [*passes, *others]
    assert len({str(each) for each in different}) == 6


def test_the_attributes_of_a_loader_stay_reachable() -> None:
    loader = SeededLoader(numbers(20, batch_size=8), 0, "", lambda: 0)
    assert (loader.batch_size, len(loader.dataset)) == (8, 20)
    with pytest.raises(AttributeError, match="no_such"):
        _ = loader.no_such


class Given(LightningDataModule):
    """Gives the loaders that it is given."""

    def __init__(self, loaders: Any) -> None:
        super().__init__()
        self.loaders = loaders

    def train_dataloader(self) -> Any:
        return self.loaders


@pytest.mark.filterwarnings("ignore:.*LeafSpec")  # Lightning 2.6 with torch 2.14
@pytest.mark.parametrize(
    "nest",
    [
        lambda a, b: [a, b],
        lambda a, b: {"a": a, "b": b},
        lambda a, b: {"a": [a], "b": (b,)},
        lambda a, b: CombinedLoader({"a": a, "b": b}, "min_size"),
    ],
)
def test_loaders_may_come_in_any_collection_each_with_its_own_order(nest: Any) -> None:
    data: Any = with_streams(Given)
    loaders = data(nest(*[numbers(20, batch_size=20, shuffle=True) for _ in range(2)]))
    combined = loaders.train_dataloader()
    if not isinstance(combined, CombinedLoader):
        combined = CombinedLoader(combined, "min_size")
    assert all(isinstance(each, SeededLoader) for each in combined.flattened)
    one, other = (drawn(each) for each in combined.flattened)
    assert sorted(one[0]) == sorted(other[0])
    assert one != other


def test_a_data_module_without_validation_loaders_stays_one() -> None:
    data = with_streams(Given)
    assert data.val_dataloader is LightningDataModule.val_dataloader
    assert data.train_dataloader is not LightningDataModule.train_dataloader


@pytest.mark.parametrize("count", [18, 20, 21])
@pytest.mark.parametrize("kind", ["batches", "drop_last", "batch_sampler", "whole batches"])
def test_processes_work_on_the_batches_of_one(count: int, kind: str) -> None:
    """The n-th batches of all of them together are the n-th of one with batches twice as large."""

    def loader(size: int) -> DataLoader[Any]:
        torch.manual_seed(0)
        order = torch.randperm(count).tolist()
        if kind == "batch_sampler":
            batches = [order[k : k + size] for k in range(0, count, size)]
            return numbers(count, batch_sampler=batches)
        if kind == "whole batches":
            return DataLoader(
                torch.utils.data.TensorDataset(torch.arange(count)),
                batch_size=None,
                sampler=[torch.tensor(order[k : k + size]) for k in range(0, count, size)],
            )
        return numbers(count, batch_size=size, sampler=order, drop_last=kind == "drop_last")

    def batches_of(loader: Any) -> Iterator[list[int]]:
        for batch in loader:
            yield (batch[0] if isinstance(batch, list | tuple) else batch).tolist()

    parts = [list(batches_of(strided(loader(4), rank, 2))) for rank in (0, 1)]
    assert len(parts[0]) == len(parts[1])
    whole = list(batches_of(loader(8)))
    if kind == "drop_last":
        assert len(parts[0]) == len(whole)
    for together, *each in zip(whole, *parts, strict=False):
        joined = set(chain.from_iterable(each))
        assert joined >= set(together) if len(together) < 8 else joined == set(together)


def test_what_cannot_be_shared_out_is_refused() -> None:
    endless = DataLoader(strangers.Endless(strangers.NoisyPoints(4, 1.0)))
    for loader in (endless, [1, 2]):
        with pytest.raises(Exception, match=r"trainer\.devices: only a torch DataLoader") as error:
            strided(loader, 0, 2)
        assert error.value.exit_code == 2  # type: ignore[attr-defined]


def test_a_sampler_of_the_users_own_is_told_the_epoch() -> None:
    class Own(list[int]):
        epoch = 0

        def set_epoch(self, epoch: int) -> None:
            self.epoch = epoch

    own = Own(range(5))
    sampler: Any = strided(numbers(5, sampler=own), 1, 2).sampler
    sampler.set_epoch(3)
    assert (own.epoch, len(sampler), list(sampler)) == (3, 3, [1, 3, 0])
