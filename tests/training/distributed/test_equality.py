"""Several ranks end where one process ends: same pairs, same steps, but for the sums' rounding."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from project.data import pairs
from project.data.pairs import Batch
from project.models import Basic, PosteriorNet, Siamese
from project.training.checkpoint import LAST, AtomicCheckpointIO
from project.training.distributed import classifier, layers
from project.training.distributed.classifier import DistributedClassifier
from project.training.module import PairClassifier
from tests.training.small_runs import EPOCHS, Train, siamese
from tests.training.test_fit import history

# In float64, where rounding is far from any mistake. Measured: weights 2e-14, history.csv, which
# holds float32, 5e-7; a mistake (`test_the_comparison_would_notice`) makes 4e-3 and 1e-3 or more.
WEIGHTS_TOLERANCE = 1e-12
HISTORY_TOLERANCE = 2e-6

# The last batch is one pair larger than it could be shared out evenly: 41 = 16 + 16 + 9.
UNEVEN = {"train_pairs": 41, "val_pairs": 21, "test_pairs": 20}


NETS = {
    "basic": lambda: Basic([4, 6], 8).double(),
    "batch norm": lambda: Siamese([4, 6], 8, 8, True, 0.0, 0.0, "late", "probabilities").double(),
    "everything": lambda: siamese().double(),
    "posterior": lambda: PosteriorNet([4, 6], [1], "posterior", 8).double(),
}


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch) -> None:
    """Images are float64, and nets may be."""
    downsample = pairs.downsample
    monkeypatch.setattr(pairs, "downsample", lambda images: downsample(images).double())


def differences(one: Path, other: Path) -> tuple[float, float]:
    """The largest between the weights and buffers of two runs, and between their histories."""
    ours, theirs = (AtomicCheckpointIO().load_checkpoint(each / LAST) for each in (one, other))
    assert list(ours["state_dict"]) == list(theirs["state_dict"])
    weights = [
        (mine.double() - theirs["state_dict"][name].double()).abs().max().item()
        for name, mine in ours["state_dict"].items()
    ]
    rows = [history(each) for each in (one, other)]
    assert [list(row) for row in rows[0]] == [list(row) for row in rows[1]]
    measured = [
        abs(float(row[name]) - float(its[name]))
        for row, its in zip(*rows, strict=True)
        for name in row
    ]
    return max(weights), max(measured)


@pytest.mark.parametrize("devices", [2, 3])
@pytest.mark.parametrize("net", NETS)
def test_several_ranks_end_as_one_process(
    train: Train, tmp_path: Path, double: None, net: str, devices: int
) -> None:
    alone = train("alone", make_net=NETS[net], **UNEVEN)
    together = train("together", make_net=NETS[net], devices=devices, **UNEVEN)
    weights, measured = differences(tmp_path / "alone", tmp_path / "together")
    assert weights < WEIGHTS_TOLERANCE
    assert measured < HISTORY_TOLERANCE
    assert together.parameters == alone.parameters
    assert together.metrics == pytest.approx(alone.metrics, abs=HISTORY_TOLERANCE)


@pytest.mark.parametrize("net", ["everything", "posterior"])
def test_ranks_without_a_pair_in_the_last_batch_change_nothing(
    train: Train, tmp_path: Path, double: None, net: str
) -> None:
    few = {"train_pairs": 34, "val_pairs": 17, "test_pairs": 20}  # 2 and 1 pairs for 3 ranks
    train("alone", make_net=NETS[net], **few)
    train("together", make_net=NETS[net], devices=3, **few)
    weights, measured = differences(tmp_path / "alone", tmp_path / "together")
    assert weights < WEIGHTS_TOLERANCE
    assert measured < HISTORY_TOLERANCE


def test_in_single_precision_they_differ_by_rounding(train: Train, tmp_path: Path) -> None:
    train("alone", **UNEVEN)
    train("together", devices=2, **UNEVEN)
    weights, measured = differences(tmp_path / "alone", tmp_path / "together")
    assert weights < 2e-5
    assert measured < 2e-5


def _own_batch_norm(net: nn.Module, share: layers.Share) -> nn.Module:
    """Only dropouts are exchanged."""
    distribute = layers.distribute
    norms = {
        path: module
        for path, module in net.named_modules()
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)
    }
    distribute(net, share)
    for path, norm in norms.items():
        parent, _, name = path.rpartition(".")
        setattr(net.get_submodule(parent), name, norm)
    return net


def _own_noise(net: nn.Module, share: layers.Share) -> nn.Module:
    """Dropouts are left alone: each rank begins the stream for its own part."""
    dropouts = {path: m for path, m in net.named_modules() if isinstance(m, nn.Dropout2d)}
    layers.distribute(net, share)
    for path, dropout in dropouts.items():
        parent, _, name = path.rpartition(".")
        setattr(net.get_submodule(parent), name, dropout)
    return net


def _mean_of_means(module: DistributedClassifier, batch: Batch) -> Tensor:
    """Every rank counts the same, however many pairs it has."""
    images, target, digits = batch
    own = module.share.split(len(target))
    return PairClassifier.loss(module, (images[own], target[own], digits[own])) / module.share.ranks


def _sum_of_means(module: DistributedClassifier, batch: Batch) -> Tensor:
    """The gradients are added up and not averaged."""
    return module.share.ranks * _mean_of_means(module, batch)


_loss = DistributedClassifier.loss


def _shifted(module: DistributedClassifier, batch: Batch) -> Tensor:
    """Rank 1 begins one pair too early: one is counted twice, another never."""
    images, target, digits = (each.roll(module.share.rank, 0) for each in batch)
    return _loss(module, (images, target, digits))


def _own_gradients(module: DistributedClassifier) -> None:
    """Nothing is exchanged."""


MISTAKES: dict[str, tuple[Any, str, Any, str]] = {
    "batch norm per rank": (classifier, "distribute", _own_batch_norm, "batch norm"),
    "noise per rank": (classifier, "distribute", _own_noise, "everything"),
    "mean of the ranks' means": (DistributedClassifier, "loss", _mean_of_means, "basic"),
    "sum of the ranks' means": (DistributedClassifier, "loss", _sum_of_means, "basic"),
    "other pairs": (DistributedClassifier, "loss", _shifted, "basic"),
    "own gradients": (DistributedClassifier, "on_after_backward", _own_gradients, "basic"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_comparison_would_notice(
    train: Train, tmp_path: Path, double: None, monkeypatch: pytest.MonkeyPatch, mistake: str
) -> None:
    owner, name, wrong, net = MISTAKES[mistake]
    train("alone", make_net=NETS[net], **UNEVEN)
    monkeypatch.setattr(owner, name, wrong)  # also in the ranks: they are forked
    train("together", make_net=NETS[net], devices=2, **UNEVEN)
    weights, measured = differences(tmp_path / "alone", tmp_path / "together")
    assert weights > 1e-3
    assert measured > 1e-4


def test_the_ranks_share_out_the_batches_of_one_process(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same pairs in the same order, and each on one rank."""
    loss = PairClassifier.loss

    def keep(module: PairClassifier, batch: Batch) -> Tensor:
        rank = module.share.rank if isinstance(module, DistributedClassifier) else "alone"
        seen = tmp_path / f"{rank}-{len(list(tmp_path.glob(f'{rank}-*')))}.pt"
        torch.save(batch, seen)
        return loss(module, batch)

    monkeypatch.setattr(PairClassifier, "loss", keep)
    train("one", **UNEVEN)
    whole = _load(tmp_path, "alone")
    for path in tmp_path.glob("alone-*"):
        path.unlink()
    train("two", devices=2, **UNEVEN)
    parts = zip(_load(tmp_path, "0"), _load(tmp_path, "1"), strict=True)
    tested = _load(tmp_path, "alone")  # the final test is the first rank's
    assert len(whole) == EPOCHS * (3 + 1) + 1
    joined = [tuple(torch.cat(both) for both in zip(*each, strict=True)) for each in parts]
    for batch, again in zip(whole, joined + tested, strict=True):
        assert all(torch.equal(one, other) for one, other in zip(batch, again, strict=True))


def _load(folder: Path, rank: str) -> list[tuple[Tensor, ...]]:
    count = len(list(folder.glob(f"{rank}-*")))
    return [torch.load(folder / f"{rank}-{number}.pt") for number in range(count)]


def test_a_batch_norm_of_one_value_is_refused_as_in_one_process(train: Train) -> None:
    one_left = {"train_pairs": 33}  # 16 + 16 + 1
    messages = []
    for devices in (1, 2):
        with pytest.raises(ValueError, match=r"more than (1|one) value per channel") as error:
            train(f"run-{devices}", devices=devices, **one_left)
        messages.append(str(error.value))
    assert all(messages)


def test_a_layer_that_cannot_be_shared_out_is_named() -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.AlphaDropout(0.1)))
    with pytest.raises(
        layers.NotDistributableError, match=r"trainer.devices=2: AlphaDropout at '1\.0' draws"
    ):
        layers.distribute(net, layers.Share(0, 2))


@pytest.mark.parametrize(("pairs", "ranks"), [(100, 2), (96, 7), (9, 2), (2, 3), (1, 2)])
def test_the_parts_make_up_the_batch_and_differ_by_one_pair_at_most(pairs: int, ranks: int) -> None:
    batch = list(range(pairs))
    parts = [batch[layers.Share(rank, ranks).split(pairs)] for rank in range(ranks)]
    assert [pair for part in parts for pair in part] == batch
    sizes = {len(part) for part in parts}
    assert max(sizes) - min(sizes) <= 1
