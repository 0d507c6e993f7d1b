"""The loss and the errors are those of a count by hand."""

import math
from collections.abc import Iterable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from project.data.pairs import Batch
from project.models import Prediction
from project.training.module import EpochMeans, NonFiniteLossError, PairClassifier

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


def classifier(
    positions: int, auxiliary_weight: float, label_smoothing: float = 0.0
) -> PairClassifier:
    def optimizer(parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        return torch.optim.SGD(parameters, lr=0.1)

    return PairClassifier(TableNet(positions), optimizer, auxiliary_weight, 0, label_smoothing)


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
    assert module.loss(BATCH).item() == pytest.approx(expected, rel=1e-12)


def test_the_auxiliary_loss_reaches_the_weights_by_its_weight() -> None:
    def gradient(weight: float) -> Tensor:
        digits = nn.Parameter(SCORES[0].clone())

        class Net(nn.Module):
            def forward(self, pairs: Tensor) -> Prediction:
                return Prediction(torch.zeros(3, 2, dtype=torch.float64), (digits,))

        module = classifier(0, weight)
        module.net = Net()
        return torch.autograd.grad(module.loss(BATCH), digits)[0]

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
    assert module.train().loss(BATCH).item() == pytest.approx(smoothed, rel=1e-12)
    plain = comparison_loss(rows) + 2.0 * true
    assert module.eval().loss(BATCH).item() == pytest.approx(plain, rel=1e-12)


def test_a_net_without_digits_has_no_digit_metrics() -> None:
    module = classifier(0, 1.0)
    module.loss(BATCH)
    assert sorted(module.epoch_means.means("val")) == [
        "val/comparison_loss",
        "val/error",
        "val/loss",
    ]


def test_errors_are_shares_of_pairs_and_of_digits() -> None:
    module = classifier(2, 1.0)
    module.loss(BATCH)
    means = module.epoch_means.means("val")
    assert means["val/error"].item() == pytest.approx(1 / 3)
    answers = SCORES[1].argmax(2).tolist()  # the last position is the net's best answer
    wrong = sum(answers[row][place] != DIGITS[row][place] for row in range(3) for place in (0, 1))
    first = SCORES[0].argmax(2).tolist()
    assert wrong != sum(first[row][p] != DIGITS[row][p] for row in range(3) for p in (0, 1))
    assert means["val/digit_error"].item() == pytest.approx(wrong / 6)


def test_a_shorter_last_batch_weighs_by_its_pairs() -> None:
    module = classifier(1, 2.5)
    module.loss(batch_of([0, 1]))
    module.loss(batch_of([2]))
    whole = classifier(1, 2.5)
    whole.loss(BATCH)
    found, expected = module.epoch_means.means("val"), whole.epoch_means.means("val")
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name].item() == pytest.approx(value.item(), rel=1e-12), name
    rows = [0, 1, 2]
    assert found["val/comparison_loss"].item() == pytest.approx(comparison_loss(rows), rel=1e-12)
    assert found["val/auxiliary_loss"].item() == pytest.approx(auxiliary_loss(rows, 1), rel=1e-12)
    assert found["val/loss"].item() == pytest.approx(
        comparison_loss(rows) + 2.5 * auxiliary_loss(rows, 1), rel=1e-12
    )


def test_batches_of_an_epoch_become_means_over_its_pairs() -> None:
    means = EpochMeans()
    right, wrong = [[1.0, 0.0]], [[0.0, 1.0]]
    for scores, loss in ((right + wrong, 0.5), (right + right + wrong, 3.0)):
        target = torch.zeros(len(scores), dtype=torch.long)
        means.add(len(scores), {"loss": torch.tensor(loss)}, error=(torch.tensor(scores), target))
    assert means.means("test") == {"test/error": torch.tensor(0.4), "test/loss": torch.tensor(2.0)}


def test_what_is_kept_of_an_epoch_keeps_no_graph() -> None:
    module = classifier(1, 1.0)
    assert module.loss(BATCH).requires_grad
    kept = module.epoch_means
    assert not any(loss.requires_grad for (loss,) in kept.losses.values())
    assert not any(scores.requires_grad for ((scores, _),) in kept.answers.values())


@pytest.mark.parametrize(("score", "loss"), [(math.nan, "nan"), (-math.inf, "inf")])
def test_a_loss_that_is_not_finite_names_epoch_and_step(score: float, loss: str) -> None:
    module = classifier(0, 1.0)
    net: Any = module.net
    with torch.no_grad():
        net.comparison[0, TARGET[0]] = score
    with pytest.raises(NonFiniteLossError) as error:
        module.training_step(BATCH, 0)
    assert str(error.value) == (
        f"the loss became {loss} in epoch 1, step 1; a smaller optimizer.lr usually helps"
    )
    assert error.value.exit_code == 1


def test_every_step_draws_noise_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    module = classifier(0, 1.0)

    def noise(step: int) -> Tensor:
        monkeypatch.setattr(PairClassifier, "global_step", step)
        with torch.random.fork_rng(devices=[]):
            module.on_train_batch_start(BATCH, 0)
            return torch.rand(4)

    assert torch.equal(noise(7), noise(7))
    assert not torch.equal(noise(7), noise(8))
