"""Runs are repeatable to the bit, also after an interruption, and start from fresh weights."""

import csv
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from project.data.pairs import PairsDataModule
from project.models import Basic, Prediction, Siamese
from project.seeding import initialise
from project.training import recording
from project.training.checkpoint import LAST, PREVIOUS, AtomicCheckpointIO, CheckpointError
from project.training.fit import parameter_count
from project.runs.interruption import Interrupted
from project.training.module import NonFiniteLossError, PairClassifier
from tests.training.small_runs import (
    BATCHES,
    EPOCHS,
    RARELY,
    Killed,
    StopAfter,
    Train,
    siamese,
)


def history(directory: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((directory / "history.csv").read_text().splitlines()))


def checkpoint(directory: Path) -> dict[str, Any]:
    return AtomicCheckpointIO().load_checkpoint(directory / LAST)


def tensors(value: Any) -> list[Tensor]:
    """All tensors in nested containers, in their order."""
    if isinstance(value, Tensor):
        return [value]
    items = value.values() if isinstance(value, dict) else value
    return [t for v in items if isinstance(v, Tensor | dict | list | tuple) for t in tensors(v)]


def assert_same_run(one: Path, other: Path) -> None:
    """The same bytes in history.csv, weights, buffers and optimizer."""
    assert (one / "history.csv").read_bytes() == (other / "history.csv").read_bytes()
    ours, theirs = checkpoint(one), checkpoint(other)
    assert ours["state_dict"].keys() == theirs["state_dict"].keys()
    for part in ("state_dict", "optimizer_states"):
        pairs = list(zip(tensors(ours[part]), tensors(theirs[part]), strict=True))
        assert sum(one.numel() for one, _ in pairs) > 1000
        assert all(torch.equal(a, b) for a, b in pairs), part
    assert (ours["epoch"], ours["global_step"]) == (theirs["epoch"], theirs["global_step"])


def test_two_runs_of_one_seed_are_the_same_and_of_two_seeds_are_not(
    train: Train, tmp_path: Path
) -> None:
    first = train("first", seed=0)
    other = train("other", seed=1)
    again = train("again", seed=0)  # not disturbed by the run of another seed before it
    assert_same_run(tmp_path / "first", tmp_path / "again")
    assert first.metrics == again.metrics
    assert first.parameters == again.parameters == parameter_count(siamese())
    assert other.metrics != first.metrics
    weights = [checkpoint(tmp_path / name)["state_dict"] for name in ("first", "other")]
    for name in ("net.digit1.weight", "net.convolutions.conv1.weight"):
        assert not torch.equal(weights[0][name], weights[1][name])


def test_a_run_starts_from_the_fresh_weights_of_its_seed(train: Train, tmp_path: Path) -> None:
    """Also if the net that it is given was trained before."""
    net = siamese()
    train("first", make_net=lambda: net)
    trained = net.digit1.weight.clone()
    train("second", make_net=lambda: net)
    assert_same_run(tmp_path / "first", tmp_path / "second")
    initialise(net, seed=0)
    assert not torch.equal(trained, net.digit1.weight)


def test_one_step_is_one_step_from_the_initial_weights(train: Train, tmp_path: Path) -> None:
    """One epoch of one batch ends where a plain loop of one step ends."""
    torch.manual_seed(99)
    train("one", max_epochs=1, batch_size=40, make_net=lambda: Basic([4, 6], 8))
    weights = checkpoint(tmp_path / "one")["state_dict"]
    fresh = Basic([4, 6], 8)
    initialise(fresh, seed=0)
    for name, start in fresh.state_dict().items():
        moved = (weights[f"net.{name}"] - start).abs().max().item()
        assert 0 < moved < 0.02, name  # Adadelta's first step is about sqrt(eps / (1 - rho))


@pytest.mark.parametrize(
    "stops",
    [
        pytest.param([1], id="in the first epoch, before any checkpoint"),
        pytest.param([BATCHES], id="after an epoch"),
        pytest.param([2 * BATCHES], id="after two epochs"),
        pytest.param([BATCHES + 1], id="in the middle of an epoch"),
        pytest.param([2 * BATCHES - 1], id="before the last batch of an epoch"),
        pytest.param([BATCHES + 2, 1, BATCHES + 1], id="three times"),
    ],
)
def test_an_interrupted_run_ends_as_one_that_was_never_touched(
    train: Train, tmp_path: Path, stops: list[int]
) -> None:
    whole = train("whole")
    torch.manual_seed(12345)  # a new process knows nothing of the old one's generators
    for batches in stops:
        with pytest.raises(Interrupted) as interrupted:
            train("interrupted", stop=StopAfter(batches))
        assert interrupted.value.exit_code == 143
    resumed = train("interrupted")
    assert resumed.metrics == whole.metrics
    assert_same_run(tmp_path / "interrupted", tmp_path / "whole")


def test_an_interrupted_run_keeps_the_epochs_that_it_has(train: Train, tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        train("run", stop=StopAfter(2 * BATCHES + 1))
    assert [row["epoch"] for row in history(tmp_path / "run")] == ["1", "2"]
    assert checkpoint(tmp_path / "run")["global_step"] == 2 * BATCHES


def test_a_run_that_goes_on_from_an_older_checkpoint_ends_as_one_that_was_never_touched(
    train: Train, tmp_path: Path
) -> None:
    whole = train("whole")
    with pytest.raises(Interrupted):
        train("run", stop=StopAfter(2 * BATCHES + 1), checkpoint_share=RARELY)
    assert [row["epoch"] for row in history(tmp_path / "run")] == ["1"]
    assert checkpoint(tmp_path / "run")["global_step"] == BATCHES
    assert train("run", checkpoint_share=RARELY).metrics == whole.metrics
    assert_same_run(tmp_path / "run", tmp_path / "whole")


def test_a_run_that_is_killed_in_its_final_test_is_only_tested_again(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train("whole")

    def die(module: PairClassifier) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(PairClassifier, "on_test_epoch_start", die)
        with pytest.raises(Killed):
            train("killed")
    trained = (tmp_path / "killed" / LAST).read_bytes()
    resumed = train("killed", stop=StopAfter(0))  # not one batch is trained
    assert (tmp_path / "killed" / LAST).read_bytes() == trained
    assert resumed.metrics == whole.metrics
    assert resumed.training_seconds > 0
    assert_same_run(tmp_path / "killed", tmp_path / "whole")


@pytest.mark.parametrize("epoch", [1, EPOCHS])
def test_a_run_that_is_killed_between_checkpoint_and_history_loses_no_row(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, epoch: int
) -> None:
    whole = train("whole")
    write_text = recording.write_text

    def die(path: Path, text: str) -> None:
        if len(text.splitlines()) == 1 + epoch:
            raise Killed
        write_text(path, text)

    with monkeypatch.context() as patch:
        patch.setattr(recording, "write_text", die)
        with pytest.raises(Killed):
            train("killed")
    assert train("killed").metrics == whole.metrics
    assert_same_run(tmp_path / "killed", tmp_path / "whole")


def test_a_damaged_newest_checkpoint_costs_one_epoch_and_no_bit(
    train: Train, tmp_path: Path
) -> None:
    whole = train("whole")
    with pytest.raises(Interrupted):
        train("damaged", stop=StopAfter(2 * BATCHES))
    path = tmp_path / "damaged" / LAST
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content[:-500])
    assert train("damaged").metrics == whole.metrics
    assert_same_run(tmp_path / "damaged", tmp_path / "whole")


def test_a_checkpoint_of_another_net_is_refused(train: Train, tmp_path: Path) -> None:
    train("run", max_epochs=1)
    with pytest.raises(
        CheckpointError, match=r"(?s)does not fit this net: .* pass rerun=true"
    ) as error:
        train("run", make_net=lambda: Basic([4, 6], 8))
    assert str(error.value).startswith(f"{tmp_path / 'run' / LAST} does not fit this net")


def test_history_has_a_row_for_each_epoch_and_no_clock_times(train: Train, tmp_path: Path) -> None:
    outcome = train("run")
    rows = history(tmp_path / "run")
    quantities = ("auxiliary_loss", "comparison_loss", "digit_error", "error", "loss")
    measured = [f"{stage}/{quantity}" for stage in ("train", "val") for quantity in quantities]
    assert list(rows[0]) == ["epoch", "lr", *measured]
    assert [(row["epoch"], row["lr"]) for row in rows] == [("1", "1.0"), ("2", "1.0"), ("3", "1.0")]
    assert {name: float(rows[-1][name]) for name in measured} == {
        name: outcome.metrics[name] for name in measured
    }
    assert sorted(outcome.metrics) == sorted(
        [*measured, *(f"test/{quantity}" for quantity in quantities)]
    )
    for row in rows:
        for name, pairs in (("train/error", 40), ("val/error", 20), ("val/digit_error", 2 * 20)):
            wrong = float(row[name]) * pairs
            assert wrong == pytest.approx(round(wrong), abs=1e-5), name
    for row in rows:
        for stage in ("train", "val"):
            parts = float(row[f"{stage}/comparison_loss"]) + float(row[f"{stage}/auxiliary_loss"])
            assert float(row[f"{stage}/loss"]) == pytest.approx(parts, rel=1e-6)


def test_a_run_leaves_its_files_and_nothing_else(train: Train, tmp_path: Path) -> None:
    train("run")
    names = sorted(path.name for path in (tmp_path / "run").iterdir())
    assert [name for name in names if not name.startswith("events.out.tfevents.")] == [
        "history.csv",
        LAST,
        PREVIOUS,
    ]
    assert len(names) == 4


def test_a_run_learns(train: Train, tmp_path: Path) -> None:
    def make_net() -> Siamese:
        return Siamese([8, 16], 32, 16, True, 0.0, 0.0, "late", "logits")

    train("run", max_epochs=6, make_net=make_net)
    rows = history(tmp_path / "run")
    assert float(rows[0]["train/digit_error"]) > 0.5
    assert float(rows[-1]["train/digit_error"]) < 0.05
    assert float(rows[-1]["val/digit_error"]) < 0.3


def test_training_without_validation_pairs_is_the_same_training(
    train: Train, tmp_path: Path
) -> None:
    with_pairs, without = train("with"), train("without", val_pairs=0)
    assert without.metrics == {
        name: value for name, value in with_pairs.metrics.items() if not name.startswith("val/")
    }
    ours, theirs = checkpoint(tmp_path / "with"), checkpoint(tmp_path / "without")
    for one, other in zip(tensors(ours["state_dict"]), tensors(theirs["state_dict"]), strict=True):
        assert torch.equal(one, other)


def test_test_pairs_are_used_once_at_the_end(train: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    for stage in ("train", "val", "test"):
        original = getattr(PairsDataModule, f"{stage}_dataloader")

        def spy(data: PairsDataModule, stage: str = stage, original: Any = original) -> Any:
            calls.append(stage)
            return original(data)

        monkeypatch.setattr(PairsDataModule, f"{stage}_dataloader", spy)
    seen: list[str] = []
    loss = PairClassifier.loss

    def count(module: PairClassifier, batch: Any) -> Tensor:
        seen.append(module.trainer.state.stage or "")
        return loss(module, batch)

    monkeypatch.setattr(PairClassifier, "loss", count)
    train("run")
    assert sorted(calls) == ["test", "train", "val"]
    epoch = BATCHES * ["train"] + ["validate"]
    assert [str(getattr(stage, "value", stage)) for stage in seen] == EPOCHS * epoch + ["test"]


def test_all_nets_of_one_seed_see_the_same_batches(
    train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Common random numbers: whatever one net draws, the other's pairs do not change."""
    seen: dict[str, list[Tensor]] = {"siamese": [], "basic": []}
    loss = PairClassifier.loss
    for name, make_net in (("siamese", siamese), ("basic", lambda: Basic([4, 6], 8))):

        def spy(module: PairClassifier, batch: Any, name: str = name) -> Tensor:
            seen[name].append(batch[0].clone())
            return loss(module, batch)

        monkeypatch.setattr(PairClassifier, "loss", spy)
        train(name, make_net=make_net)
    assert len(seen["siamese"]) == EPOCHS * (BATCHES + 1) + 1
    for ours, theirs in zip(seen["siamese"], seen["basic"], strict=True):
        assert torch.equal(ours, theirs)
    assert not torch.equal(seen["basic"][0], seen["basic"][BATCHES + 1])  # shuffled every epoch


class TurnsNaN(Basic):
    """Answers NaN from its fifth training batch on."""

    def __init__(self) -> None:
        super().__init__([4, 6], 8)
        self.batches = 0

    def forward(self, pairs: Tensor) -> Prediction:
        prediction = super().forward(pairs)
        self.batches += self.training
        return Prediction(prediction.comparison * (math.nan if self.batches >= 5 else 1))


def test_a_loss_that_is_not_finite_stops_the_run_at_its_epoch_and_step(
    train: Train, tmp_path: Path
) -> None:
    with pytest.raises(NonFiniteLossError, match="the loss became nan in epoch 2, step 5;"):
        train("run", make_net=TurnsNaN)
    assert [row["epoch"] for row in history(tmp_path / "run")] == ["1"]
