"""Schedule, averaging and augmentation together: what they do, and that a kill changes no bit."""

import csv
from pathlib import Path
from typing import Any

import pytest
import torch

from project.building import schedule_factory
from project.training.augmentation import Deformation
from project.training.averaging import AveragedWeights
from project.training.checkpoint import LAST, AtomicCheckpointIO
from project.runs.interruption import Interrupted
from project.training.module import PairClassifier
from tests.dashboards.server import curves
from tests.training.small_runs import BATCHES, EPOCHS, Killed, StopAfter, Train
from tests.training.test_fit import assert_same_run, tensors

RECIPE: dict[str, Any] = {
    "schedule_factory": schedule_factory(
        {"warm_up": 0.3, "initial_divisor": 10.0, "final_divisor": 100.0}
    ),
    "augmentation": Deformation(
        rotation=10.0, shift=1.0, scale=0.1, shear=5.0, elastic=0.5, gamma=2.0
    ),
    "label_smoothing": 0.1,
    "averaging_decay": 0.8,
}


def checkpoint(directory: Path) -> dict[str, Any]:
    return AtomicCheckpointIO().load_checkpoint(directory / LAST)


@pytest.mark.parametrize("stops", [[1], [BATCHES], [2 * BATCHES - 1], [BATCHES + 2, 1]])
def test_an_interrupted_run_ends_as_one_that_was_never_touched(
    train: Train, tmp_path: Path, stops: list[int]
) -> None:
    whole = train("whole", re_pair=True, **RECIPE)
    torch.manual_seed(12345)
    for batches in stops:
        with pytest.raises(Interrupted):
            train("interrupted", stop=StopAfter(batches), re_pair=True, **RECIPE)
    resumed = train("interrupted", re_pair=True, **RECIPE)
    assert resumed.metrics == whole.metrics
    assert_same_run(tmp_path / "interrupted", tmp_path / "whole")
    ours, theirs = (
        tensors(checkpoint(tmp_path / name)["current_model_state"])
        for name in ("interrupted", "whole")
    )
    assert all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))


def test_a_run_that_is_killed_in_its_final_test_is_tested_with_the_averaged_weights(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train("whole", **RECIPE)

    def die(module: PairClassifier) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(PairClassifier, "on_test_epoch_start", die)
        with pytest.raises(Killed):
            train("killed", **RECIPE)
    assert train("killed", stop=StopAfter(0), **RECIPE).metrics == whole.metrics
    assert_same_run(tmp_path / "killed", tmp_path / "whole")


def test_the_average_is_that_of_the_steps_and_it_answers(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reckoned once more from the weights after every step."""
    name = "digit1.weight"
    steps, tested = [], []
    update, loss = AveragedWeights.on_train_batch_end, PairClassifier.loss

    def after_step(callback: Any, trainer: Any, module: PairClassifier, *rest: Any) -> None:
        steps.append(module.net.get_parameter(name).detach().clone())
        update(callback, trainer, module, *rest)

    def spy(module: PairClassifier, batch: Any) -> torch.Tensor:
        if not module.training:
            tested.append(module.net.get_parameter(name).detach().clone())
        return loss(module, batch)

    monkeypatch.setattr(AveragedWeights, "on_train_batch_end", after_step)
    monkeypatch.setattr(PairClassifier, "loss", spy)
    train("run", averaging_decay=0.8)
    average, expected = steps[0], []
    for number, weights in enumerate(steps[1:], 2):
        average = 0.8 * average + 0.2 * weights
        if number % BATCHES == 0:
            expected.append(average)
    assert len(expected) == EPOCHS
    for found, reckoned in zip(tested, [*expected, expected[-1]], strict=True):
        assert torch.allclose(found, reckoned, rtol=0, atol=1e-6)
    stored = checkpoint(tmp_path / "run")
    assert torch.allclose(stored["state_dict"][f"net.{name}"], average, rtol=0, atol=1e-6)
    assert torch.equal(stored["current_model_state"][f"net.{name}"], steps[-1])
    assert not torch.allclose(average, steps[-1], rtol=0, atol=1e-4)


def test_the_learning_rate_rises_to_the_optimizers_and_falls(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates = []
    seed = PairClassifier.on_train_batch_start

    def spy(module: PairClassifier, batch: Any, batch_idx: int) -> None:
        rates.append(module.optimizers().param_groups[0]["lr"])  # type: ignore[union-attr]
        seed(module, batch, batch_idx)

    monkeypatch.setattr(PairClassifier, "on_train_batch_start", spy)
    train("run", schedule_factory=RECIPE["schedule_factory"], max_epochs=10)
    assert len(rates) == 10 * BATCHES
    peak = rates.index(max(rates))
    assert (rates[0], rates[peak]) == (pytest.approx(0.1), pytest.approx(1.0))
    assert peak == round(0.3 * len(rates)) - 1
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert rates[-1] == pytest.approx(0.001)
    rows = csv.DictReader((tmp_path / "run" / "history.csv").read_text().splitlines())
    # Each row holds the rate of its epoch's last step.
    of_last_steps = rates[BATCHES - 1 :: BATCHES]
    assert [float(row["lr"]) for row in rows] == of_last_steps
    drawn = [rate for _, rate in curves(tmp_path / "run")["training/learning_rate"]]
    assert drawn == pytest.approx(of_last_steps, rel=1e-6)  # float32


def test_only_training_pairs_are_moved(train: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, list[torch.Tensor]] = {}
    loss = PairClassifier.loss

    def spy(module: PairClassifier, batch: Any) -> torch.Tensor:
        seen.setdefault(str(module.trainer.state.stage), []).append(batch[0])
        return loss(module, batch)

    monkeypatch.setattr(PairClassifier, "loss", spy)
    train("moved", augmentation=RECIPE["augmentation"], max_epochs=1)
    moved, seen = seen, {}
    train("plain", max_epochs=1)
    assert moved.keys() == seen.keys()
    for stage, batches in seen.items():
        same = all(map(torch.equal, moved[stage], batches))
        assert same == ("train" not in stage.lower()), stage


def test_label_smoothing_reaches_the_training(train: Train) -> None:
    plain = train("plain")
    smoothed = train("smoothed", label_smoothing=0.2)
    assert smoothed.metrics["train/auxiliary_loss"] != plain.metrics["train/auxiliary_loss"]
