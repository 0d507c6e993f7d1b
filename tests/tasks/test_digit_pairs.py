"""The loss and the errors are those of a count by hand."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from project.models import Prediction
from project.tasks.digit_pairs import Batch, DigitPairs

# Three pairs; the answers of a net that reads from tables.
COMPARISON = [[2.0, 1.0], [-1.0, 0.5], [0.0, 3.0]]
TARGET = [0, 0, 1]  # right, wrong, right
DIGITS = [[3, 1], [9, 0], [4, 4]]
SCORES = torch.randn(2, 3, 2, 10, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


class TableNet(nn.Module):
    """Answers pair n, known by its first pixel, with row n of its tables."""

    def __init__(self, positions: int) -> None:
        super().__init__()
        self.positions = positions
        self.comparison = nn.Parameter(torch.tensor(COMPARISON, dtype=torch.float64))

    def forward(self, pairs: Tensor) -> Prediction:
        rows = pairs[:, 0, 0, 0].long()
        digits = tuple(SCORES[position, rows] for position in range(self.positions))
        return Prediction(self.comparison[rows], digits)


def batch_of(rows: list[int]) -> Batch:
    images = torch.zeros(len(rows), 2, 14, 14, dtype=torch.float64)
    images[:, 0, 0, 0] = torch.tensor(rows)
    return images, torch.tensor(TARGET)[rows], torch.tensor(DIGITS)[rows]


BATCH = batch_of([0, 1, 2])


def classifier(positions: int, auxiliary_weight: float, **more: Any) -> DigitPairs:
    def optimizer(net: nn.Module) -> torch.optim.Optimizer:
        return torch.optim.SGD(net.parameters(), lr=0.1)

    net = TableNet(positions)
    return DigitPairs(net, optimizer, auxiliary_weight=auxiliary_weight, **more)


def loss(module: DigitPairs, stage: str = "train") -> Tensor:
    return module.loss_of(BATCH, stage)[0]


def means(module: DigitPairs, monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """What the module logs at the end of a validation."""
    logged: dict[str, float] = {}
    monkeypatch.setattr(module, "log", lambda name, value: logged.update({name: float(value)}))
    module.on_validation_epoch_end()
    return logged


def cross_entropy(scores: list[float], label: int) -> float:
    return math.log(sum(math.exp(score) for score in scores)) - scores[label]


def comparison_loss(rows: list[int]) -> float:
    return sum(cross_entropy(COMPARISON[row], TARGET[row]) for row in rows) / len(rows)


def auxiliary_loss(rows: list[int], positions: int) -> float:
    """Mean over the pairs of the sum over positions and both digits."""
    total = 0.0
    for position in range(positions):
        for row in rows:
            for place in (0, 1):
                scores = SCORES[position, row, place].tolist()
                total += cross_entropy(scores, DIGITS[row][place])
    return total / len(rows)


@pytest.mark.parametrize("weight", [0.0, 1.0, 2.5])
@pytest.mark.parametrize("positions", [0, 1, 2])
def test_the_loss_is_the_main_one_and_weight_times_that_of_every_digit(
    weight: float, positions: int
) -> None:
    module = classifier(positions, weight)
    rows = [0, 1, 2]
    expected = comparison_loss(rows) + weight * auxiliary_loss(rows, positions)
    assert loss(module).item() == pytest.approx(expected, rel=1e-12)


def test_the_auxiliary_loss_reaches_the_weights_by_its_weight() -> None:
    def gradient(weight: float) -> Tensor:
        digits = nn.Parameter(SCORES[0].clone())

        class Net(nn.Module):
            def forward(self, pairs: Tensor) -> Prediction:
                return Prediction(torch.zeros(3, 2, dtype=torch.float64), (digits,))

        module = classifier(0, weight)
        module.net = Net()
        return torch.autograd.grad(loss(module), digits)[0]

    expected = (SCORES[0].softmax(2) - nn.functional.one_hot(BATCH[2], 10)) / 3
    assert torch.allclose(gradient(1.0), expected, rtol=0, atol=1e-12)
    assert torch.allclose(gradient(2.5), 2.5 * expected, rtol=0, atol=1e-12)
    assert torch.equal(gradient(0.0), torch.zeros_like(expected))


def test_smoothing_is_for_the_digits_in_training_alone() -> None:
    module = classifier(1, 2.0, label_smoothing=0.2)
    rows = [0, 1, 2]
    true, evenly = auxiliary_loss(rows, 1), 0.0
    for row in rows:
        for place in (0, 1):
            scores = SCORES[0, row, place].tolist()
            evenly += sum(cross_entropy(scores, digit) for digit in range(10)) / 10 / len(rows)
    smoothed = comparison_loss(rows) + 2.0 * (0.8 * true + 0.2 * evenly)
    assert loss(module).item() == pytest.approx(smoothed, rel=1e-12)
    plain = comparison_loss(rows) + 2.0 * true
    assert (
        loss(module, "val").item() == loss(module, "test").item() == pytest.approx(plain, rel=1e-12)
    )


def test_a_net_without_digits_has_no_digit_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    module = classifier(0, 1.0)
    loss(module, "val")
    assert sorted(means(module, monkeypatch)) == ["val/comparison_loss", "val/error", "val/loss"]


def test_errors_are_shares_of_pairs_and_of_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    module = classifier(2, 1.0)
    loss(module, "val")
    found = means(module, monkeypatch)
    assert found["val/error"] == pytest.approx(1 / 3)
    answers = SCORES[1].argmax(2).tolist()  # the last position is the net's best answer
    wrong = sum(answers[row][place] != DIGITS[row][place] for row in range(3) for place in (0, 1))
    first = SCORES[0].argmax(2).tolist()
    assert wrong != sum(first[row][p] != DIGITS[row][p] for row in range(3) for p in (0, 1))
    assert found["val/digit_error"] == pytest.approx(wrong / 6)


def test_a_shorter_last_batch_weighs_by_its_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    module, whole = classifier(1, 2.5), classifier(1, 2.5)
    for rows in ([0, 1], [2]):
        module.loss_of(batch_of(rows), "val")
    loss(whole, "val")
    found, expected = means(module, monkeypatch), means(whole, monkeypatch)
    assert found == pytest.approx(expected, rel=1e-12)
    rows = [0, 1, 2]
    assert found["val/comparison_loss"] == pytest.approx(comparison_loss(rows), rel=1e-12)
    assert found["val/auxiliary_loss"] == pytest.approx(auxiliary_loss(rows, 1), rel=1e-12)
    total = comparison_loss(rows) + 2.5 * auxiliary_loss(rows, 1)
    assert found["val/loss"] == pytest.approx(total, rel=1e-12)


def test_an_epoch_forgets_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    module = classifier(1, 1.0)
    module.loss_of(batch_of([1]), "val")
    means(module, monkeypatch)
    module.loss_of(batch_of([0]), "val")
    assert means(module, monkeypatch)["val/error"] == 0.0


def test_stages_are_counted_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    module = classifier(0, 1.0)
    module.loss_of(batch_of([1]), "train")
    module.loss_of(batch_of([0]), "val")
    assert means(module, monkeypatch)["val/error"] == 0.0


def test_augmentation_is_for_training_alone() -> None:
    def next_pair(images: Tensor) -> Tensor:
        return (images + 1) % 3

    module = classifier(0, 1.0, augmentation=next_pair)
    plain = classifier(0, 1.0)
    assert loss(module, "val").item() == loss(plain).item()
    one = batch_of([0])
    moved = cross_entropy(COMPARISON[1], TARGET[0])
    assert module.loss_of(one, "train")[0].item() == pytest.approx(moved, rel=1e-12)
    assert module.loss_of(one, "test")[0].item() == pytest.approx(comparison_loss([0]), rel=1e-12)


def test_the_test_says_what_was_answered() -> None:
    answered = classifier(1, 1.0).test_step(BATCH, 0)
    assert answered["prediction"].tolist() == [0, 1, 1]
    assert answered["target"].tolist() == TARGET
    assert answered["output"].digits[0].shape == (3, 2, 10)


def test_a_net_that_returns_something_else_is_named() -> None:
    module = classifier(0, 1.0)
    module.net = nn.Flatten()
    with pytest.raises(TypeError, match=r"expects a net that returns .*Prediction\(.*, got Tensor"):
        loss(module)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"auxiliary_weight": -1.0}, "auxiliary_weight must be at least 0, got -1.0"),
        ({"label_smoothing": 1.0}, "label_smoothing must be at least 0, below 1, got 1.0"),
    ],
)
def test_values_out_of_range_are_refused(change: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        classifier(0, **({"auxiliary_weight": 1.0} | change))
