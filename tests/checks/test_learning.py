"""Claims: what cannot be learnt, what is known without learning, and metrics of the wrong sign."""

from dataclasses import replace

import pytest
import torch
from torch.nn.functional import cross_entropy

from project.checks.leakage import check_contents
from project.checks.learning import check_heart, check_shuffled
from project.checks.result import CheckResult
from project.tasks.digit_pairs import digit_floor
from tests.checks.checking import broken, by_name, session_of


def heart(*words: str) -> dict[str, CheckResult]:
    with session_of(*words) as session:
        return by_name(check_heart(session))


def shuffled(*words: str) -> CheckResult:
    with session_of(*words) as session:
        check_contents(session)  # counts classes
        (result,) = check_shuffled(session)
        return result


def test_a_batch_is_learnt_by_heart_and_the_metric_moves_as_it_should() -> None:
    results = heart()
    assert {name: each.status for name, each in results.items()} == {
        "one batch by heart": "ok",
        "direction": "ok",
    }
    assert results["one batch by heart"].seen.startswith("in 25 steps the loss goes from 1.")
    assert results["direction"].seen.endswith(" to 1")


def test_labels_of_other_examples_cannot_be_learnt() -> None:
    result = heart(*broken(task="WrongLabels"), "optimizer.lr=0.001")["one batch by heart"]
    assert result.status == "failed"
    assert result.seen.startswith("in 300 steps the loss goes from 1.")


def test_a_batch_for_which_there_is_no_time_is_a_warning() -> None:
    with session_of(*broken(task="WrongLabels")) as session:
        limits = replace(session.candidate.limits, heart_seconds=0.0)
        session.candidate = replace(session.candidate, limits=limits)
        result = check_heart(session)[0]
    assert (result.status, result.to_do) == ("warning", "thorough=true gives the check more time")
    assert result.seen.startswith("in 25 steps ")


def test_a_metric_of_the_wrong_sign_is_found() -> None:
    result = heart(*broken(task="Resigned"), "metric.name=score")["direction"]
    assert result.status == "failed"
    assert result.seen.endswith("to 0, with metric.direction=max")
    assert result.to_do.startswith("metric.direction=min?")


def test_a_direction_that_contradicts_the_metric_is_found() -> None:
    result = heart("metric.direction=min")["direction"]
    assert result.status == "failed"
    assert result.seen.endswith("to 1, with metric.direction=min")
    assert result.to_do.startswith("metric.direction=max?")


def test_shuffled_labels_lead_to_chance() -> None:
    assert shuffled().status == "ok"


def test_labels_that_are_seen_in_validation_are_found() -> None:
    result = shuffled(*broken(task="Told"))
    assert (result.status, result.seen) == (
        "failed",
        "accuracy is 1, on shuffled labels 1 +- 0: more than chance",
    )


def test_labels_that_another_part_of_the_batch_tells_are_found() -> None:
    result = shuffled(*broken(task="Taught", data="LabelsTwice"))
    assert result.status == "failed"
    assert result.seen.startswith("6 nets learnt them and still know validation labels: accuracy ")


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5, 0.9])
@pytest.mark.parametrize("from_probabilities", [False, True])
def test_no_scores_of_a_digit_have_a_smaller_loss_than_the_floor(
    from_probabilities: bool, smoothing: float
) -> None:
    target = torch.tensor([3])
    scores = torch.zeros(1, 10, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([scores], max_iter=2000, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        given = (5 * scores).softmax(1) if from_probabilities else 5 * scores
        value = cross_entropy(given, target, label_smoothing=smoothing)
        value.backward()
        return value

    for _ in range(20):
        optimizer.step(loss)
    floor = digit_floor(from_probabilities, smoothing)
    assert floor <= float(loss().detach()) + 1e-9
    assert float(loss().detach()) == pytest.approx(floor, abs=1e-6)
