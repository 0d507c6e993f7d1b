"""Claims about temperature scaling."""

import math

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from project.tasks.calibration import are_probabilities, fit_temperature, logarithms


def drawn(count: int, choices: int, sure: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Scores, and classes drawn with the probabilities softmax(scores)."""
    generator = torch.Generator().manual_seed(0)
    scores = sure * torch.randn(count, choices, generator=generator)
    return scores, torch.multinomial(scores.softmax(1), 1, generator=generator)[:, 0]


@pytest.mark.parametrize("choices", [2, 10])
@pytest.mark.parametrize("times", [0.02, 1.0, 30.0])
def test_scores_that_are_too_large_by_a_factor_get_that_temperature(
    choices: int, times: float
) -> None:
    scores, classes = drawn(20_000, choices, sure=2.0)
    assert fit_temperature(times * scores, classes) == pytest.approx(times, rel=0.05)


def test_no_other_temperature_is_better() -> None:
    scores, classes = drawn(300, 2, sure=3.0)
    scores = 5 * scores.double()
    best = fit_temperature(scores, classes)

    def loss(temperature: float) -> float:
        # P(true class) counts as (N + 1) / (N + 2), the other one has the rest.
        log = (scores / temperature).log_softmax(1)
        true = log.gather(1, classes[:, None]).mean()
        other = log.gather(1, 1 - classes[:, None]).mean()
        return float(-(301 * true + other) / 302)

    others = best * np.geomspace(0.01, 100, 400)
    assert loss(best) <= min(loss(float(other)) for other in others) + 1e-9


def test_a_net_without_a_mistake_is_not_sure_for_ever() -> None:
    """On N pairs it can be right all the time and still err once in N."""
    classes = torch.arange(40) % 2
    scores = torch.stack([1.0 - classes, 1.0 * classes], 1)
    sure = (scores / fit_temperature(scores, classes)).softmax(1).max(1).values
    torch.testing.assert_close(sure, torch.full((40,), 41 / 42), rtol=1e-3, atol=0)


def test_it_lowers_the_loss_of_a_net_that_is_too_sure_and_changes_no_answer() -> None:
    scores, classes = drawn(1000, 2, sure=1.0)
    too_sure = 8 * scores
    cooled = too_sure / fit_temperature(too_sure, classes)
    assert cross_entropy(cooled, classes) < 0.5 * cross_entropy(too_sure, classes)
    assert torch.equal(cooled.argmax(1), too_sure.argmax(1))


def test_probabilities_are_told_from_scores() -> None:
    scores = torch.randn(50, 2, 10, generator=torch.Generator().manual_seed(0))
    assert are_probabilities(scores.softmax(-1))
    for other in (scores, scores.log_softmax(-1), scores.sigmoid()):
        assert not are_probabilities(other)
    torch.testing.assert_close(logarithms(scores.softmax(-1)).softmax(-1), scores.softmax(-1))
    assert math.isfinite(logarithms(torch.tensor([0.0, 1.0]))[0])
