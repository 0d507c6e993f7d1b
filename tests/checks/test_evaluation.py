"""Claims: an evaluation that is not the same twice, or that looks at the batch, is found."""

import pytest

from project.checks.evaluation import check_batches, check_repeats
from project.checks.result import CheckResult, ok
from tests.checks.checking import broken, by_name, session_of


def repeats(*words: str) -> CheckResult:
    with session_of(*words) as session:
        (result,) = check_repeats(session)
        return result


def batches(*words: str) -> dict[str, CheckResult]:
    with session_of(*words) as session:
        return by_name(check_batches(session))


def test_an_evaluation_with_dropout_off_repeats() -> None:
    seen = "val and test twice the same, nothing changed by it"
    assert repeats() == ok("evaluation repeats", seen)


def test_dropout_that_is_left_on_is_found() -> None:
    result = repeats(*broken(model="AlwaysDropout"))
    assert result.status == "failed"
    assert result.seen.startswith("val/")
    assert ", then " in result.seen


def test_noise_is_not_taken_for_a_look_at_the_batch() -> None:
    result = batches(*broken(model="AlwaysDropout"))["batch does not matter"]
    assert (result.status, result.seen) == (
        "not checked",
        "a batch is not answered alike twice, whatever is beside it",
    )


def test_statistics_that_an_evaluation_updates_are_named() -> None:
    result = repeats(*broken(task="UpdatedInTests"))
    assert (result.status, result.seen) == ("failed", "evaluating changes mean")


def test_answers_that_know_no_batch_are_ok() -> None:
    assert batches() == {
        "batch does not matter": ok(
            "batch does not matter", "16 examples are answered alike together and apart"
        ),
        "one example alone": ok("one example alone", "16 examples are answered one by one"),
    }


@pytest.mark.parametrize(
    ("model", "how"), [("LooksAtBatch", "one by one"), ("Sorting", "in another order")]
)
def test_a_net_that_looks_at_its_batch_is_found(model: str, how: str) -> None:
    result = batches(*broken(model=model))["batch does not matter"]
    assert result.status == "failed"
    assert result.seen.startswith(f"{how} answers differ by ")


def test_a_net_that_fails_on_one_example_is_found() -> None:
    results = batches(*broken(model="Squeezing"))
    assert results["batch does not matter"].status == "ok"
    result = results["one example alone"]
    assert (result.status, result.seen) == (
        "failed",
        "IndexError: too many indices for a tensor of dimension 1",
    )


def test_without_a_forward_metrics_are_compared() -> None:
    result = batches(*broken(task="Formless"))["batch does not matter"]
    assert result.status == "failed"
    assert result.seen.startswith("test/loss is ")
    assert result.seen.endswith(" one by one")
